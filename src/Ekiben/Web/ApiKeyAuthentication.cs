using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Ekiben.Accounts;
using Ekiben.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ekiben.Web;

/// <summary>Basic authentication (RFC 7617): the user name is a publishable key, the password its secret.</summary>
internal sealed class ApiKeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, Database database, BadLoginLimit limit)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "ApiKey";

    /// <summary>No key is longer; what is longer is not looked at.</summary>
    private const int MaxHeader = 512;

    /// <summary>Compared with when there is no such key, so that an unknown key costs the same work as a wrong secret.</summary>
    private static readonly byte[] NoSecret = new byte[SHA256.HashSizeInBytes];

    private TimeSpan? _wait;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (!TryReadHeader(out var publishable, out var secret))
        {
            return AuthenticateResult.NoResult();
        }

        var address = Context.Connection.RemoteIpAddress;
        if ((_wait = limit.Wait(address, publishable)) is not null)
        {
            return AuthenticateResult.Fail("too many wrong keys");
        }

        await using var db = database.OpenEverySite();
        var key = await db.ApiKeys.AsNoTracking().FirstOrDefaultAsync(k => k.PublishableKey == publishable, Context.RequestAborted);
        var given = SHA256.HashData(Encoding.UTF8.GetBytes(secret));
        var right = CryptographicOperations.FixedTimeEquals(given, key?.SecretHash ?? NoSecret);
        if (!right || key is null || key.RevokedAt is not null)
        {
            limit.Failed(address, publishable);
            return AuthenticateResult.Fail("wrong key");
        }

        limit.Succeeded(address, publishable);
        var site = await db.Sites.AsNoTracking().SingleAsync(s => s.Id == key.SiteId, Context.RequestAborted);
        Context.Features.Set(new ApiCaller(site, new Actor($"key:{key.Name}", IsPerson: false, key.MayApprove)));
        var identity = new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, key.PublishableKey)], Scheme.Name);
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var style = ApiStyles.Of(Request.Path);
        if (_wait is { } wait)
        {
            Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            return style.Refuse(StatusCodes.Status429TooManyRequests, "too_many_requests", "Too many requests with a wrong key; wait before the next one.")
                .ExecuteAsync(Context);
        }

        // A browser says so of its requests. With this header it would show a log-in box of its own, and keep what is typed for every page's scripts.
        if (Request.Headers.ContainsKey("Sec-Fetch-Site"))
        {
            return style.Unauthorized().ExecuteAsync(Context);
        }

        Response.Headers.WWWAuthenticate = "Basic realm=\"ekiben\", charset=\"UTF-8\"";
        return style.Unauthorized().ExecuteAsync(Context);
    }

    private bool TryReadHeader(out string publishable, out string secret)
    {
        (publishable, secret) = ("", "");
        var header = Request.Headers.Authorization.ToString();
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) || header.Length > MaxHeader)
        {
            return false;
        }

        var pair = new byte[MaxHeader];
        if (!Convert.TryFromBase64String(header["Basic ".Length..].Trim(), pair, out var length))
        {
            return false;
        }

        var text = Encoding.UTF8.GetString(pair, 0, length);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0)
        {
            return false;
        }

        // Clients that know a user's name only put a colon behind it: "PUBLISHABLE:SECRET" as the name arrives with one more.
        (publishable, secret) = (text[..colon], text[(colon + 1)..].TrimEnd(':'));
        return true;
    }
}
