using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Providers;

/// <summary>Setting and removing limits, inside the write transaction of whoever does it and writes it down in the audit log.</summary>
internal static class ProviderLimits
{
    /// <summary>The limit for a provider: the site's own, or with null what every site has that has none of its own.</summary>
    public static Task<ProviderLimit?> FindAsync(Db db, SiteId? site, string provider, CancellationToken cancel) =>
        db.ProviderLimits.FirstOrDefaultAsync(limit => limit.SiteId == site && limit.Provider == provider, cancel);

    /// <summary>Sets both figures; null = no limit of that kind.</summary>
    public static async Task SetAsync(Db db, SiteId? site, string provider, int? connections, int? perHour, DateTimeOffset now, CancellationToken cancel)
    {
        if (await FindAsync(db, site, provider, cancel) is not { } limit)
        {
            db.ProviderLimits.Add(limit = new ProviderLimit { SiteId = site, Provider = provider });
        }

        (limit.Connections, limit.PerHour, limit.UpdatedAt) = (connections, perHour, now);
    }

    /// <summary>One sentence why these are no limits; null when they are.</summary>
    public static string? Fault(int? connections, int? perHour) =>
        connections is null && perHour is null ? "A limit says how many messages at once, or how many an hour, or both."
        : connections is < 1 or > ProviderLimit.MaxConnections ? $"Messages at once are 1 to {ProviderLimit.MaxConnections}."
        : perHour is < 1 or > ProviderLimit.MaxPerHour ? $"Messages an hour are 1 to {ProviderLimit.MaxPerHour}."
        : null;

    /// <summary>For the audit log and for lists: <c>2 at once, 1000 an hour</c>.</summary>
    public static string InWords(int? connections, int? perHour) => string.Join(", ", new[]
    {
        connections is { } atOnce ? $"{atOnce} at once" : null,
        perHour is { } hourly ? $"{hourly} an hour" : null,
    }.Where(words => words is not null));
}
