namespace Ekiben.Web;

/// <summary>
/// Answers with a message's HTML for a frame. A customer's HTML is hostile until proven otherwise, so it runs in an origin of its own,
/// without scripts, forms or the network: the policy says so and the frame's sandbox attribute says so again.
/// </summary>
internal static class PreviewFrame
{
    /// <summary>The value of every preview frame's sandbox attribute: nothing is allowed.</summary>
    public const string Sandbox = "";

    private const string Closed = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

    /// <summary>The same when the person asked for remote images; the sender of the message learns of it, as in a mail program.</summary>
    private const string WithImages = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data: https: http:; frame-ancestors 'self'";

    public static IResult Html(HttpContext http, string html, bool images, bool dark = false)
    {
        Protect(http, images ? WithImages : Closed);
        return Results.Content(WithoutNavigation(html, dark), "text/html; charset=utf-8");
    }

    public static IResult Text(HttpContext http, string text)
    {
        Protect(http, Closed);
        return Results.Content(text, "text/plain; charset=utf-8");
    }

    private static void Protect(HttpContext http, string policy)
    {
        http.Response.Headers.ContentSecurityPolicy = policy;
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        http.Response.Headers.CacheControl = "no-store";
    }

    /// <summary>Links ask for a new window, which the sandbox refuses: a click in the preview neither leaves the page nor unsubscribes anybody.</summary>
    private static string WithoutNavigation(string html, bool dark)
    {
        // After the doctype: anything before it would put the browser in quirks mode, and the preview would lie.
        var doctype = html.IndexOf("<!doctype", StringComparison.OrdinalIgnoreCase);
        var at = doctype < 0 ? 0 : html.IndexOf('>', doctype) + 1;
        // In the dark the paper is dark, and what the message says for dark screens counts, since the frame around it is dark too.
        return html.Insert(at, "<base target=\"_blank\">" + (dark ? "<style>:root{color-scheme:dark}</style>" : ""));
    }
}
