using System.Collections.Concurrent;
using System.Text.Json;
using Ekiben.Accounts;
using Ekiben.Delivery;
using Ekiben.Mail;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Templates;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>
/// Rehearsals: every message of the real audience made by the compiler of the send, and none sent. One a broadcast at a time, in this
/// process; the result is stored, so that a page, the preflight and a program read the same.
/// </summary>
internal sealed class Rehearsals(Database database, Audiences audiences, MessageComposer composer, TimeProvider clock)
{
    /// <summary>Each takes the processors that it finds: more at once would only be slower.</summary>
    private const int MaxAtOnce = 2;

    private static readonly int Workers = Math.Max(1, Environment.ProcessorCount / 2);

    private readonly ConcurrentDictionary<BroadcastId, Running> _running = new();

    /// <summary>How far the broadcast's rehearsal is; null when none runs.</summary>
    public RehearsalProgress? ProgressOf(BroadcastId broadcast) =>
        _running.TryGetValue(broadcast, out var running) ? new RehearsalProgress(Interlocked.Read(ref running.Done), Interlocked.Read(ref running.Of)) : null;

    /// <summary>The last result for the broadcast as it is now, null when it was not rehearsed like this.</summary>
    public async Task<RehearsalResult?> LastAsync(Broadcast broadcast, string digest, CancellationToken cancel)
    {
        await using var db = database.Open(broadcast.SiteId);
        var last = await db.Rehearsals.AsNoTracking().Where(r => r.BroadcastId == broadcast.Id && r.Digest == digest).OrderByDescending(r => r.Id).FirstOrDefaultAsync(cancel);
        return last is null ? null : JsonSerializer.Deserialize<RehearsalResult>(last.Result, ApiJson.Options);
    }

    /// <summary>Ends the broadcast's rehearsal; nothing is stored. False when none runs.</summary>
    public bool Cancel(BroadcastId broadcast)
    {
        if (!_running.TryGetValue(broadcast, out var running))
        {
            return false;
        }

        running.Stop.Cancel();
        return true;
    }

    /// <summary>Rehearses and stores the result.</summary>
    /// <exception cref="RehearsalRefusedException">It cannot be rehearsed; one sentence.</exception>
    /// <exception cref="OperationCanceledException">It was canceled.</exception>
    public async Task<RehearsalResult> RunAsync(SiteId siteId, BroadcastId id, Actor actor, CancellationToken cancel)
    {
        using var running = new Running(CancellationTokenSource.CreateLinkedTokenSource(cancel));
        if (_running.Count >= MaxAtOnce)
        {
            throw new RehearsalRefusedException("busy", "Two rehearsals are running: wait for one of them.");
        }

        if (!_running.TryAdd(id, running))
        {
            throw new RehearsalRefusedException("running", "This broadcast is being rehearsed already.");
        }

        try
        {
            var stop = running.Stop.Token;
            await using var db = database.Open(siteId);
            var broadcast = await db.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == id, stop) ?? throw new RehearsalRefusedException("not_found", ActionResult.NotFound.Problem!);
            var site = await db.Sites.AsNoTracking().SingleAsync(s => s.Id == siteId, stop);
            var result = await RehearseAsync(db, broadcast, site, running, stop);
            await StoreAsync(db, broadcast, actor, result, stop);
            return result;
        }
        finally
        {
            _running.TryRemove(id, out _);
        }
    }

    private async Task<RehearsalResult> RehearseAsync(Db db, Broadcast broadcast, Site site, Running running, CancellationToken cancel)
    {
        var startedAt = clock.GetUtcNow();
        var segment = await BroadcastActions.SegmentRuleOfAsync(db, broadcast, cancel);
        if (broadcast.SegmentId.Length > 0 && segment is null)
        {
            throw new RehearsalRefusedException("segment_gone", "The segment of this broadcast is gone: choose another one.");
        }

        var manifest = Manifest.Of(broadcast, site, segment);
        var rule = AudienceRule.Of(site.Id, manifest);
        var count = await audiences.CountAsync(rule, cancel);
        Interlocked.Exchange(ref running.Of, count.Recipients);
        var plan = SendingPlan.BeforeStart(count.Recipients, broadcast.BatchSizePerHour, broadcast.SendAt, startedAt);
        CompiledBroadcast compiled;
        try
        {
            compiled = composer.Compile(manifest, broadcast.StartedAt ?? plan.StartsAt);
        }
        catch (CompileException error)
        {
            throw new RehearsalRefusedException("invalid", $"The {error.Field.Replace('_', ' ')} cannot be used: {error.Message}");
        }

        var fields = await db.Fields.AsNoTracking().Select(field => field.Key).ToHashSetAsync(StringComparer.Ordinal, cancel);
        var asked = Lint.Of(broadcast, site, fields).Unguarded;
        var workers = Enumerable.Range(0, Workers).Select(_ => new Worker(compiled, new RehearsalTally(asked), plan.StartsAt)).ToList();
        await foreach (var page in audiences.WalkAsync(broadcast.Id, rule, cancel))
        {
            await Task.WhenAll(workers.Select((worker, number) => Task.Run(() => worker.Make(page, number, Workers, running, cancel), cancel)));
        }

        var total = workers[0].Tally;
        foreach (var worker in workers.Skip(1))
        {
            total.Add(worker.Tally);
        }

        var recipients = total.Made + total.Blocked;
        return new RehearsalResult
        {
            BroadcastId = broadcast.Id.ToString(),
            Digest = Manifest.DigestOf(manifest.ToText()),
            StartedAt = startedAt,
            FinishedAt = clock.GetUtcNow(),
            Matched = count.Matched,
            Excluded = count.Excluded,
            Unsubscribed = count.Unsubscribed,
            Suppressed = count.Suppressed,
            DuplicateAddresses = count.Duplicates,
            Recipients = recipients,
            Made = total.Made,
            Blocked = total.Blocked,
            Reasons = [.. total.Reasons.OrderByDescending(r => r.Value).Select(r => new BlockedReason(r.Key, r.Value))],
            Failing = total.Failing,
            Holes = total.Holes,
            PeopleWithHoles = total.PeopleWithHoles,
            LongestSubject = total.Longest,
            Sizes = total.Sizes,
            LargestBytes = total.LargestBytes,
            TotalBytes = total.TotalBytes,
            Forecast = new SendForecast(plan.StartsAt, SendingPlan.Finish(recipients, broadcast.BatchSizePerHour, plan.StartsAt), broadcast.BatchSizePerHour),
        };
    }

    private async Task StoreAsync(Db db, Broadcast broadcast, Actor actor, RehearsalResult result, CancellationToken cancel)
    {
        await using var write = await database.BeginWriteAsync(db, cancel);
        db.Rehearsals.Add(new RehearsalReport
        {
            SiteId = broadcast.SiteId,
            BroadcastId = broadcast.Id,
            Digest = result.Digest,
            StartedBy = actor.Name,
            StartedAt = result.StartedAt,
            FinishedAt = result.FinishedAt,
            Result = JsonSerializer.Serialize(result, ApiJson.Options),
        });
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
    }

    /// <summary>Makes every n-th message of a page, each into the same buffer.</summary>
    private sealed class Worker(CompiledBroadcast compiled, RehearsalTally tally, DateTimeOffset date)
    {
        private readonly MessageBuffer _buffer = new();

        public RehearsalTally Tally => tally;

        public void Make(IReadOnlyList<Candidate> page, int first, int step, Running running, CancellationToken cancel)
        {
            for (var i = first; i < page.Count; i += step)
            {
                cancel.ThrowIfCancellationRequested();
                var wait = TimeSpan.Zero;
                try
                {
                    compiled.Compose(page[i], date, _buffer, out wait);
                    tally.AddMade(page[i], _buffer);
                }
                catch (RenderException failed)
                {
                    tally.AddBlocked(page[i], failed.Message);
                }

                if (wait > TimeSpan.Zero)
                {
                    // Costly messages are as slow here as in the run.
                    cancel.WaitHandle.WaitOne(wait);
                }

                Interlocked.Increment(ref running.Done);
            }
        }
    }

    private sealed class Running(CancellationTokenSource stop) : IDisposable
    {
        public long Done;
        public long Of;

        public CancellationTokenSource Stop => stop;

        public void Dispose() => stop.Dispose();
    }
}

/// <summary>A rehearsal that was not begun.</summary>
/// <param name="code">Stable, for programs.</param>
/// <param name="message">One sentence.</param>
internal sealed class RehearsalRefusedException(string code, string message) : Exception(message)
{
    public string Code => code;
}
