using System.Collections.Concurrent;
using Ekiben.Mailbox;
using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Delivery;

/// <summary>
/// Which relays a site sends through: a test site always the mailbox, a live one its own or else the server's, never the one for the other.
/// A relay that is changed gets a new pool. Runs follow within a turn: the message on the wire keeps its connection to its answer.
/// </summary>
internal sealed class RelayPools : IAsyncDisposable
{
    private readonly ConcurrentDictionary<(long Id, DateTimeOffset Version), Lazy<RelayPool>> _stored = [];
    private readonly ConcurrentDictionary<SiteId, SiteRoutes> _sites = [];
    private readonly StoredRelays _relays;
    private readonly TimeProvider _clock;
    private readonly RelayPool _mailbox;
    private readonly RelayPool? _relay;

    public RelayPools(EkibenOptions options, MailboxStore mailbox, StoredRelays relays, TimeProvider clock)
    {
        (_relays, _clock) = (relays, clock);
        _mailbox = new RelayPool(new MailboxRelay(mailbox), clock);
        _relay = options.Relay is { } relay ? new RelayPool(new SmtpRelay(relay, clock), clock) : null;
    }

    /// <summary>A site's relays as they are now, with what is known of them.</summary>
    /// <exception cref="InvalidOperationException">A live site without a relay that can be used: <see cref="Broadcasts.SendingRequirements"/> refuses its approval.</exception>
    public SiteRoutes For(Site site)
    {
        var routes = _sites.GetOrAdd(site.Id, _ => new SiteRoutes(_clock));
        routes.Replace(site.IsTest ? [new RouteTerms(null, _mailbox.Relay.Name, _mailbox)] : Terms(_relays.Of(site.Id)));
        return routes.All.Count > 0 ? routes : throw new InvalidOperationException("a live site cannot send without a relay");
    }

    /// <summary>How the site's relays fare, for pages; null while this server has not sent for it.</summary>
    public SiteRoutes? Find(SiteId site) => _sites.GetValueOrDefault(site);

    /// <summary>Lets runs know of the sites' relays as they are now: somebody may have changed them, here or by the command line.</summary>
    public async Task RefreshAsync(CancellationToken cancel)
    {
        var all = (await _relays.OfAllSitesAsync(cancel)).ToLookup(use => use.Site);
        foreach (var (site, routes) in _sites)
        {
            if (routes.All is not [{ Pool: var pool }] || pool != _mailbox)
            {
                routes.Replace(Terms([.. all[site]]));
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _mailbox.DisposeAsync();
        if (_relay is not null)
        {
            await _relay.DisposeAsync();
        }

        foreach (var pool in _stored.Values)
        {
            await pool.Value.DisposeAsync();
        }
    }

    /// <summary>What can be used of them; one whose password cannot be read is left out, and its page says why.</summary>
    private IReadOnlyList<RouteTerms> Terms(IReadOnlyList<RelayUse> uses) => uses.Count == 0
        ? _relay is { } own ? [new RouteTerms(null, "the server's own relay", own)] : []
        : [.. from use in uses let pool = Stored(use.Relay) where pool is not null select new RouteTerms(use.Relay.Id, use.Relay.Name, pool, use.Weight, use.Priority)];

    private RelayPool? Stored(StoredRelay relay)
    {
        var key = (relay.Id, relay.UpdatedAt);
        if (_stored.TryGetValue(key, out var known))
        {
            return known.Value;
        }

        return _relays.TryOpen(relay, out var options, out _)
            ? _stored.GetOrAdd(key, _ => new Lazy<RelayPool>(() => new RelayPool(new SmtpRelay(options!, _clock), _clock))).Value
            : null;
    }
}
