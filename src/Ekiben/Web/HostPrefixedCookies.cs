using Microsoft.AspNetCore.Authentication.Cookies;

namespace Ekiben.Web;

/// <summary>
/// Names the log-in's cookie <c>__Host-…</c> over https, so that no other host or path can set it (RFC 6265bis §4.1.3.2).
/// Browsers refuse that prefix without https, so over plain http, on loopback, the bare name stays.
/// </summary>
internal sealed class HostPrefixedCookies : ICookieManager
{
    private readonly ChunkingCookieManager _cookies = new();

    public string? GetRequestCookie(HttpContext context, string key) => _cookies.GetRequestCookie(context, Name(context, key));

    public void AppendResponseCookie(HttpContext context, string key, string? value, CookieOptions options) =>
        _cookies.AppendResponseCookie(context, Name(context, key), value, options);

    public void DeleteCookie(HttpContext context, string key, CookieOptions options) => _cookies.DeleteCookie(context, Name(context, key), options);

    private static string Name(HttpContext context, string key) => context.Request.IsHttps ? "__Host-" + key : key;
}
