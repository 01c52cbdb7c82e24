using System.Collections.Concurrent;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Providers;

/// <summary>
/// What is set for the providers of each site, as it is stored, and the gates of those that send. A change is in force within
/// <see cref="RefreshEvery"/>, also of the command line on the same folder, and for sends that run.
/// </summary>
internal sealed class ProviderPolicies(Database database, ProviderDirectory directory, TimeProvider clock)
{
    public static readonly TimeSpan RefreshEvery = TimeSpan.FromSeconds(2);

    private readonly DateTimeOffset _since = clock.GetUtcNow();
    private readonly ConcurrentDictionary<SiteId, SiteProviders> _sites = [];
    private DateTimeOffset _refreshAt;

    /// <summary>For a run that begins; null for a test site, whose mail goes to no provider.</summary>
    public async Task<ProviderLanes?> LanesForAsync(Site site, CancellationToken cancel)
    {
        if (site.IsTest)
        {
            return null;
        }

        var providers = _sites.GetOrAdd(site.Id, _ => new SiteProviders(directory.Of, _since, clock));
        await ReadAsync(cancel);
        return new ProviderLanes(providers, clock);
    }

    /// <summary>What the site's gates are doing; none where it has not sent since the server began.</summary>
    public IReadOnlyList<ProviderState> StatesOf(SiteId site) => _sites.TryGetValue(site, out var providers) ? providers.States() : [];

    /// <summary>Reads what is stored, if that was not done a moment ago. Called by the worker alone.</summary>
    public async Task RefreshAsync(CancellationToken cancel)
    {
        if (clock.GetUtcNow() >= _refreshAt)
        {
            await ReadAsync(cancel);
            _refreshAt = clock.GetUtcNow() + RefreshEvery;
        }
    }

    private async Task ReadAsync(CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        var limits = await db.ProviderLimits.AsNoTracking().ToListAsync(cancel);
        var on = await db.Sites.Where(site => site.LimitsProviders).Select(site => site.Id).ToListAsync(cancel);
        foreach (var (id, providers) in _sites)
        {
            providers.Apply(RulesOf(id, on.Contains(id), limits));
        }
    }

    /// <summary>The site's own limit for a provider stands for the whole server's.</summary>
    private static ProviderRules RulesOf(SiteId site, bool isOn, List<ProviderLimit> limits)
    {
        var chosen = limits.Where(limit => limit.SiteId is null || limit.SiteId == site).OrderBy(limit => limit.SiteId is null).DistinctBy(limit => limit.Provider);
        return new ProviderRules(isOn, chosen.ToDictionary(limit => limit.Provider, limit => new ProviderRules.Limit(limit.Connections, limit.PerHour), StringComparer.Ordinal));
    }
}
