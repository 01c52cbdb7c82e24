namespace Ekiben.Web;

/// <summary>
/// Keeps the two origins apart: the host of <c>--public-url</c> answers recipients' pages and nothing else, and only it answers them.
/// So a page that a recipient sees can never reach the platform's cookie. Without <c>--public-url</c> there is one origin, for trying things out.
/// </summary>
internal static class PublicOrigin
{
    private static readonly string[] Recipients = ["/u", "/c", "/o"];
    private const string Health = "/health";

    public static void UsePublicOrigin(this IApplicationBuilder app, EkibenOptions options)
    {
        if (options.PublicUrl is not { } origin)
        {
            return;
        }

        app.Use((http, next) =>
        {
            var path = http.Request.Path;
            var isPublicHost = string.Equals(http.Request.Host.Host, origin.Host, StringComparison.OrdinalIgnoreCase)
                && (http.Request.Host.Port is null || http.Request.Host.Port == origin.Port);
            if (path.StartsWithSegments(Health, StringComparison.Ordinal) || isPublicHost == Array.Exists(Recipients, start => path.StartsWithSegments(start, StringComparison.Ordinal)))
            {
                return next(http);
            }

            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return http.Response.WriteAsync(
                isPublicHost
                    ? $"{origin.Host} serves recipients' pages only; the platform and the API are at the server's own address.\n"
                    : $"This page is at {origin}\n",
                http.RequestAborted);
        });
    }

    /// <summary>Anonymous: 200 while mail can go out, 503 with one sentence while it cannot.</summary>
    public static void MapHealth(this IEndpointRouteBuilder app) => app.MapGet(Health, (Broadcasts.BroadcastsWorker worker) =>
        worker.Stopped is { } reason
            ? Results.Text(reason + "\n", statusCode: StatusCodes.Status503ServiceUnavailable)
            : Results.Text("ok\n")).AllowAnonymous();
}
