using System.Text.Json;
using System.Text.RegularExpressions;
using Ekiben.Sites;
using Microsoft.Extensions.Primitives;

namespace Ekiben.Web;

/// <summary>
/// Which site a request means. Clients say it in the query (once or twice), in the body, at the end of their User-Agent, or not at all.
/// A key opens one site only, so all this can do is refuse a request that was meant for another.
/// </summary>
internal static partial class SiteUuid
{
    private const string Name = "site_uuid";

    public static bool Means(Site site, HttpRequest request, JsonElement? body)
    {
        var named = false;
        if (request.Query.TryGetValue(Name, out var values) && !AllMean(site, values, ref named))
        {
            return false;
        }

        if (body is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty(Name, out var value) && value.ValueKind != JsonValueKind.Null)
        {
            if (value.ValueKind != JsonValueKind.String || !AllMean(site, value.GetString(), ref named))
            {
                return false;
            }
        }

        if (named)
        {
            return true;
        }

        var agent = UserAgent().Match(request.Headers.UserAgent.ToString());
        return !agent.Success || AllMean(site, agent.Groups["site"].Value, ref named);
    }

    /// <summary>What a strict site refuses, as Bento does: a request that names no site in query or body, or no user agent. Null when all is there.</summary>
    public static Answer? Missing(HttpRequest request, RequestBody body)
    {
        if (string.IsNullOrWhiteSpace(request.Headers.UserAgent))
        {
            return Answer.Error(StatusCodes.Status403Forbidden, "A User-Agent is required by this site.");
        }

        return string.IsNullOrWhiteSpace(request.Query[Name].ToString()) && string.IsNullOrWhiteSpace(body.Text(Name)) ? ApiStyle.Bento.Unauthorized() : null;
    }

    private static bool AllMean(Site site, StringValues values, ref bool named)
    {
        foreach (var value in values)
        {
            if (string.IsNullOrWhiteSpace(value))
            {
                continue;
            }

            named = true;
            if (!value.Trim().Replace("-", "", StringComparison.Ordinal).Equals(site.Uuid, StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary><c>bento-node-UUID</c>, <c>bento-rust-1.0.0-UUID</c>, <c>bento-cli/UUID</c>; anything else names no site.</summary>
    [GeneratedRegex(@"^bento-(?:cli/|[a-z]+-(?:[0-9][0-9A-Za-z.]*-)?)(?<site>[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex UserAgent();
}
