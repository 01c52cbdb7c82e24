using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Domains;
using Ekiben.Providers;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Mails;

/// <summary>
/// A site's stream of mails to one person (ledger.md rule 25): the ledger, the lanes and the relay of broadcasts, without an approval, an audience or an end.
/// <list type="number">
/// <item>See that the site can send.</item>
/// <item>Take the shards; rows that lost their outcome are uncertain.</item>
/// <item>Send what is there and what arrives, until the worker stops it.</item>
/// </list>
/// What would hold a broadcast until a person decides makes a stream rest: nobody watches it, and a mail that waits is better than one that is lost.
/// </summary>
internal sealed class MailRun(
    BroadcastId stream, Database database, SendQueue queue, SendingRequirements requirements, RelayPools relays, ProviderPolicies providers, DomainSigning domains,
    InstanceKey instanceKey, MessageIds messageIds, PublicLinks links, TimeProvider clock) : IRun
{
    /// <summary>Long enough that a relay which refuses everybody costs few mails, short enough that nobody has to release it.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromMinutes(5);

    /// <summary>Lanes at once: mails are few and come one by one, and the relay's other connections are for broadcasts.</summary>
    private const int MaxLanes = 8;

    private readonly ComposePace _pace = new(clock);
    private readonly Lock _lock = new();
    private BroadcastFeed? _feed;
    private string? _resting;

    public RunState State { get; } = new();

    public RunRate Rate { get; } = new();

    public void Arrived()
    {
        lock (_lock)
        {
            _feed?.Arrived();
        }
    }

    public async Task RunAsync(CancellationToken stop, CancellationToken abort)
    {
        while (!stop.IsCancellationRequested)
        {
            _resting = null;
            if (await FindSiteAsync(stop) is { } site)
            {
                await SendAsync(site, stop, abort);
            }

            stop.ThrowIfCancellationRequested();
            await State.WaitAsync(_resting!.TrimEnd('.'), clock.GetUtcNow() + Rest, clock, stop);
        }
    }

    /// <summary>1. Null when the site cannot send.</summary>
    private async Task<Site?> FindSiteAsync(CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        var site = await (from row in db.Streams join owner in db.Sites on row.SiteId equals owner.Id where row.Id == stream select owner)
            .IgnoreQueryFilters().AsNoTracking().SingleAsync(cancel);
        _resting = requirements.WhatIsMissing(site);
        return _resting is null ? site : null;
    }

    /// <summary>2 and 3.</summary>
    private async Task SendAsync(Site site, CancellationToken stop, CancellationToken abort)
    {
        var shards = await queue.TakeShardsAsync(stream, stop);
        await queue.RecoverAsync(stream, stop);
        using var maker = new MailMaker(site, database, domains, instanceKey, messageIds, links, _pace);
        var turns = new RelayTurns(relays.For(site), clock);
        var feed = new BroadcastFeed(queue, shards, Rate, State, clock, stream);
        lock (_lock)
        {
            _feed = feed;
        }

        var rows = new UpcomingRows(feed, clock, State.Providers = await providers.LanesForAsync(site, stop));
        var work = new LaneWork(
            queue, turns, feed, rows, maker, new MessagePool(), new FailureWatch(ofStream: true), State, Rate, clock, RestAsync, IsStream: true);
        await LaneCrew.RunAsync(work, stop, abort, MaxLanes);
        _resting ??= "Somebody stopped it";
    }

    /// <summary>The first reason counts; the lanes end with it.</summary>
    private Task<bool> RestAsync(string reason, CancellationToken cancel)
    {
        lock (_lock)
        {
            _resting ??= reason;
        }

        return Task.FromResult(true);
    }
}
