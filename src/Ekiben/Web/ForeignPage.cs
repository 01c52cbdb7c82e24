namespace Ekiben.Web;

/// <summary>
/// Requests that a browser sends for a page of elsewhere. A browser repeats a key that was once typed into its log-in box or address bar with
/// every request to the server, also with those of strangers' pages: what changes something is then refused. Programs send none of these headers.
/// </summary>
internal static class ForeignPage
{
    /// <summary>Whether such a page asks for more than reading. Browsers that know no Fetch Metadata say where the page is from in <c>Origin</c>.</summary>
    public static bool Changes(HttpRequest request)
    {
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method))
        {
            return false;
        }

        if (request.Headers.TryGetValue("Sec-Fetch-Site", out var site))
        {
            // "none" is a person's own doing. Another host of one domain is somebody else too.
            return site.ToString() is not ("same-origin" or "none");
        }

        return request.Headers.Origin.ToString() is { Length: > 0 } origin
            && !(Uri.TryCreate(origin, UriKind.Absolute, out var page) && string.Equals(page.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase));
    }
}
