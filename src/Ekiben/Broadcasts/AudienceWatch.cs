using System.Collections.Concurrent;
using System.Threading.Channels;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>Whom a broadcast would reach, as of a moment, and what is unusual about that.</summary>
/// <param name="Digest">Of the manifest that was counted.</param>
/// <param name="Count">The waterfall.</param>
/// <param name="Marks">What is unlike the site's other broadcasts.</param>
/// <param name="At">When it was counted.</param>
internal sealed record WatchedAudience(string Digest, AudienceCount Count, IReadOnlyList<RiskMark> Marks, DateTimeOffset At);

/// <summary>
/// Counts audiences of broadcasts that have not started, once for all who look: one count at a time, and not again before it is old.
/// What was made over the API is counted soon after, so that an approver later sees how far its audience has moved.
/// </summary>
internal sealed partial class AudienceWatch(EkibenOptions options, Database database, Audiences audiences, RiskMarks risks, TimeProvider clock, ILogger<AudienceWatch> logger) : BackgroundService
{
    /// <summary>A count is good for this long, or for twenty times what it took, whichever is longer.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    private const int Times = 20;

    /// <summary>Counts kept; the oldest go when there are more.</summary>
    private const int MaxKept = 2_000;

    private readonly ConcurrentDictionary<BroadcastId, (WatchedAudience Audience, DateTimeOffset Until)> _known = new();
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly Channel<BroadcastId> _soon = Channel.CreateBounded<BroadcastId>(new BoundedChannelOptions(1_000) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>The last count, of whatever age, if the broadcast still gives what was counted; null when it was not counted like this.</summary>
    public WatchedAudience? Peek(BroadcastId broadcast) => _known.TryGetValue(broadcast, out var known) ? known.Audience : null;

    /// <summary>Counts in the background. Where too many wait already, whoever looks counts.</summary>
    public void CountSoon(BroadcastId broadcast) => _soon.Writer.TryWrite(broadcast);

    /// <summary>A count that is not old; null when the broadcast is gone or has started.</summary>
    public async Task<WatchedAudience?> ReadAsync(BroadcastId id, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            await using var db = database.OpenEverySite();
            if (await db.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == id, cancel) is not { FrozenAt: null } broadcast)
            {
                _known.TryRemove(id, out _);
                return null;
            }

            var site = await db.Sites.AsNoTracking().SingleAsync(s => s.Id == broadcast.SiteId, cancel);
            var manifest = Manifest.Of(broadcast, site, await BroadcastActions.SegmentRuleOfAsync(db, broadcast, cancel));
            var digest = Manifest.DigestOf(manifest.ToText());
            var begun = clock.GetUtcNow();
            if (_known.TryGetValue(id, out var known) && known.Audience.Digest == digest && known.Until > begun)
            {
                return known.Audience;
            }

            var rule = AudienceRule.Of(site.Id, manifest);
            var count = await audiences.CountAsync(rule, cancel);
            var counted = new WatchedAudience(digest, count, await risks.FindAsync(broadcast, rule, count.Recipients, cancel), clock.GetUtcNow());
            Keep(id, counted, counted.At - begun);
            if (broadcast.CountWhenMade is null)
            {
                await NoteAsync(db, id, count.Recipients, cancel);
            }

            return counted;
        }
        finally
        {
            _one.Release();
        }
    }

    public override void Dispose()
    {
        _one.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.RunEngine)
        {
            return;
        }

        try
        {
            await foreach (var broadcast in _soon.Reader.ReadAllAsync(stoppingToken))
            {
                try
                {
                    await ReadAsync(broadcast, stoppingToken);
                }
                catch (System.Data.Common.DbException exception)
                {
                    // Whoever looks at it counts; nothing rests on this.
                    Log.CannotCount(logger, broadcast, exception);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Shutting down.
        }
    }

    private void Keep(BroadcastId id, WatchedAudience counted, TimeSpan took)
    {
        _known[id] = (counted, counted.At + (took * Times > Fresh ? took * Times : Fresh));
        if (_known.Count > MaxKept)
        {
            _known.TryRemove(_known.MinBy(pair => pair.Value.Audience.At).Key, out _);
        }
    }

    private async Task NoteAsync(Db db, BroadcastId id, long recipients, CancellationToken cancel)
    {
        await using var write = await database.BeginWriteAsync(db, cancel);
        await db.Broadcasts.Where(b => b.Id == id && b.CountWhenMade == null).ExecuteUpdateAsync(b => b.SetProperty(x => x.CountWhenMade, recipients), cancel);
        await write.CommitAsync(cancel);
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The audience of broadcast {Id} could not be counted")]
        public static partial void CannotCount(ILogger logger, BroadcastId id, Exception exception);
    }
}
