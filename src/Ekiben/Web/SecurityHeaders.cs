namespace Ekiben.Web;

/// <summary>
/// The headers of every page. A route that needs another policy sets its own before it answers; what is set already stays.
/// </summary>
internal static class SecurityHeaders
{
    /// <summary>
    /// Scripts from our own files alone. Styles stand inline because MudBlazor writes its theme and its positions so;
    /// frames are the previews, which have a stricter policy of their own (<see cref="PreviewFrame"/>).
    /// </summary>
    public const string PagePolicy =
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
        "frame-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'";

    public static void UseSecurityHeaders(this IApplicationBuilder app) => app.Use(static (http, next) =>
    {
        http.Response.OnStarting(static state =>
        {
            Write((HttpContext)state);
            return Task.CompletedTask;
        }, http);
        return next(http);
    });

    private static void Write(HttpContext http)
    {
        var headers = http.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.TryAdd("Content-Security-Policy", PagePolicy);
        headers.TryAdd("Referrer-Policy", "same-origin");
        headers.TryAdd("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
        headers.TryAdd("Cross-Origin-Opener-Policy", "same-origin");
        headers.TryAdd("Cross-Origin-Resource-Policy", "same-origin");
        if (http.Request.IsHttps)
        {
            headers.TryAdd("Strict-Transport-Security", "max-age=31536000");
        }

        // What a log-in shows is in no cache: neither a proxy's nor the browser's "back" after a log-out.
        if (http.User.Identity is { IsAuthenticated: true } && http.Response.ContentType?.StartsWith("text/", StringComparison.Ordinal) == true)
        {
            headers.TryAdd("Cache-Control", "no-store");
        }
    }
}
