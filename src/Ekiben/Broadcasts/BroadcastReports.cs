using Ekiben.Feedback;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>Reads what people did with a broadcast. The receipt is about the relay, this is about the readers.</summary>
internal sealed class BroadcastReports(Database database)
{
    /// <summary>Reactions are shown by hour for two days; later ones only in the sums.</summary>
    private const int Hours = 48;

    /// <summary>Earlier broadcasts of the site to compare with.</summary>
    private const int Earlier = 5;

    public async Task<BroadcastReport> ReadAsync(Broadcast broadcast, CancellationToken cancel)
    {
        await using var db = database.Open(broadcast.SiteId);
        var earlier = await db.Broadcasts.AsNoTracking()
            .Where(b => b.Status == BroadcastStatus.Sent && b.Id < broadcast.Id).OrderByDescending(b => b.Id).Take(Earlier).ToListAsync(cancel);
        var all = earlier.Prepend(broadcast).ToList();
        var reactions = await ReactionStats.ReadAsync(db, [.. all.Select(b => b.Id)], cancel);
        var accepted = await db.AcceptedAsync([.. all.Select(b => b.Id.Value)], cancel);
        var figures = all.Select(b => Figures(b, accepted.GetValueOrDefault(b.Id.Value), reactions.GetValueOrDefault(b.Id, ReactionStats.None))).ToList();
        var hours = broadcast.StartedAt is { } start ? await db.ReactionHoursAsync(broadcast.Id, start, Hours, cancel) : [];
        return new BroadcastReport(
            figures[0],
            reactions.GetValueOrDefault(broadcast.Id, ReactionStats.None).ByUrl,
            [.. hours.GroupBy(hour => hour.Hour).Select(group => new ReportHour(
                broadcast.StartedAt!.Value.AddHours(group.Key), Of(group, ReactionKind.Open), Of(group, ReactionKind.Click), Of(group, ReactionKind.Unsubscribe)))],
            [.. figures.Skip(1)]);
    }

    /// <summary>The same with how people left and, if asked for, the figures of each domain, for which it walks all recipients.</summary>
    public async Task<BroadcastReport> ReadWholeAsync(Broadcast broadcast, bool withDomains, CancellationToken cancel) => await ReadAsync(broadcast, cancel) with
    {
        UnsubscribedBy = await UnsubscribedByAsync(broadcast, cancel),
        ByDomain = withDomains ? await ByDomainAsync(broadcast, cancel) : null,
    };

    /// <summary>How the recipients left.</summary>
    public Task<UnsubscribeCounts> UnsubscribedByAsync(Broadcast broadcast, CancellationToken cancel) => UnsubscribeWays.ReadAsync(database, broadcast, cancel);

    /// <summary>The largest domains and all others. It walks all recipients, so ask beside a page.</summary>
    public Task<IReadOnlyList<DomainFigures>> ByDomainAsync(Broadcast broadcast, CancellationToken cancel) => RecipientDomains.ReadAsync(database, broadcast, cancel);

    private static long Of(IEnumerable<HourlyReactions> hour, ReactionKind kind) => hour.Where(line => line.Kind == Words.SnakeCase(kind.ToString())).Sum(line => line.Count);

    private static ReportFigures Figures(Broadcast broadcast, long accepted, ReactionStats reactions) => new(
        broadcast.Id.ToString(), broadcast.Name, broadcast.StartedAt, broadcast.Recipients, accepted,
        reactions.Openers, reactions.Opens, reactions.Clickers, reactions.Clicks, reactions.Unsubscribed);
}

/// <summary>What people did with a broadcast, as far as it was counted. Machines that open and follow everything are in it: an upper bound.</summary>
/// <param name="Figures">Its sums.</param>
/// <param name="Links">The links that were followed, most first.</param>
/// <param name="ByHour">The first two days, hours in which nothing happened left out.</param>
/// <param name="Earlier">The sums of the site's five broadcasts before it, the newest first.</param>
internal sealed record BroadcastReport(ReportFigures Figures, IReadOnlyList<UrlClicks> Links, IReadOnlyList<ReportHour> ByHour, IReadOnlyList<ReportFigures> Earlier)
{
    /// <summary>How the recipients left; null where it was not asked for.</summary>
    public UnsubscribeCounts? UnsubscribedBy { get; init; }

    /// <summary>The 20 domains with most recipients, and one line without a name for all others; null where it was not asked for.</summary>
    public IReadOnlyList<DomainFigures>? ByDomain { get; init; }
}

/// <summary>People and raw counts side by side: three opens by one person are one opener.</summary>
internal sealed record ReportFigures(
    string BroadcastId, string Name, DateTimeOffset? StartedAt, long Recipients, long Accepted, long Openers, long Opens, long Clickers, long Clicks, long Unsubscribed);

/// <summary>The reactions of one hour that begins <paramref name="At"/>.</summary>
internal sealed record ReportHour(DateTimeOffset At, long Opens, long Clicks, long Unsubscribed);
