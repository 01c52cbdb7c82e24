namespace Ekiben.Web;

/// <summary>
/// Mends what some clients send before any route is chosen: <c>.json</c> at the end of a Bento path, and a second question mark
/// where another ampersand belongs (<c>fetch/broadcasts?page=2?site_uuid=S</c>). A start-up filter, because routing runs first otherwise.
/// </summary>
internal sealed class BentoLeniency : IStartupFilter
{
    private const string Suffix = ".json";

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((http, rest) =>
        {
            if (http.Request.Path.StartsWithSegments(ApiStyles.BentoRoot) || http.Request.Path.StartsWithSegments(ApiStyles.TrackingPath))
            {
                Mend(http.Request);
            }

            return rest(http);
        });
        next(app);
    };

    /// <summary>Set when the path had the suffix.</summary>
    public sealed record JsonSuffix;

    private static void Mend(HttpRequest request)
    {
        if (request.Path.Value is { } path && path.EndsWith(Suffix, StringComparison.OrdinalIgnoreCase))
        {
            // Not assigned as a text: that would decode it once more.
            request.Path = new PathString(path[..^Suffix.Length]);
            request.HttpContext.Features.Set(new JsonSuffix());
        }

        if (request.QueryString.Value is { Length: > 1 } query && query.IndexOf('?', 1) > 0)
        {
            request.QueryString = new QueryString("?" + query[1..].Replace('?', '&'));
        }
    }
}
