using Ekiben.Delivery;
using Ekiben.Domains;
using Ekiben.Mail;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>
/// THE story: one broadcast from its approval to its closed receipt.
/// <list type="number">
/// <item>Load it, and the approval that lets it go out.</item>
/// <item>Check the manifest: its seal, that nothing differs from what was approved, and that the sender's key can be read.</item>
/// <item>Start when it is due; hold it when it is too late or its audience moved.</item>
/// <item>Freeze the audience, cut it into shards, write the six figures.</item>
/// <item>Take the shards: from here on an older owner's claims touch nothing.</item>
/// <item>Send: read rows, make messages, and let the connections exchange outcomes for claims until no row can move.</item>
/// <item>Close, with the sums compared in the statement that does it.</item>
/// </list>
/// It can be stopped between any two steps and begins again at the right one: everything it knows is in the database.
/// </summary>
internal sealed partial class BroadcastRun(
    BroadcastId id, Database database, Audiences audiences, SendQueue queue, SendingRequirements requirements, RelayPools relays,
    MessageComposer composer, DomainSigning domains, InstanceKey instanceKey, TimeProvider clock, ILogger<BroadcastRun> logger) : IRun
{
    private Broadcast _broadcast = null!;
    private Site _site = null!;
    private Approval _approval = null!;
    private Manifest _manifest = null!;
    private SigningState _signing = null!;

    private BroadcastFeed? _feed;

    private readonly Lock _holding = new();
    private Task<bool>? _held;

    /// <summary>What it is doing or waiting for, for people.</summary>
    public RunState State { get; } = new();

    /// <summary>Kept to the broadcast's by the worker, from the run's start to its end.</summary>
    public RunRate Rate { get; } = new();

    /// <summary>A broadcast's audience is complete before it sends, but a person may have opened second tries since (ledger.md rule 14).</summary>
    public void Arrived() => Volatile.Read(ref _feed)?.Arrived();

    /// <param name="stop">Stop claiming: what is on the wire finishes and is recorded.</param>
    /// <param name="abort">Stop waiting for the relay too: what may have left becomes uncertain.</param>
    public async Task RunAsync(CancellationToken stop, CancellationToken abort)
    {
        if (!await LoadAsync(stop)
            || !await CheckManifestAsync(stop)
            || !await FindKeyAsync(stop)
            || !await StartWhenDueAsync(stop)
            || !await FreezeAudienceAsync(stop))
        {
            return;
        }

        var shards = await TakeShardsAsync(stop);
        if (await SendAsync(shards, stop, abort))
        {
            await CloseAsync(stop);
        }
    }

    /// <summary>1. The rows as they are now. False when there is nothing to do: canceled, paused, or not approved.</summary>
    private async Task<bool> LoadAsync(CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        if (await db.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == id, cancel) is not { } broadcast
            || broadcast.Status is not (BroadcastStatus.Scheduled or BroadcastStatus.Sending))
        {
            return false;
        }

        _broadcast = broadcast;
        _site = await db.Sites.AsNoTracking().SingleAsync(s => s.Id == broadcast.SiteId, cancel);
        var approval = await db.Approvals.AsNoTracking().Where(a => a.BroadcastId == id && a.RevokedAt == null)
            .OrderByDescending(a => a.Id).FirstOrDefaultAsync(cancel);
        if (approval is null)
        {
            await HoldAsync("Nobody approved it: its status was changed outside Ekiben.", cancel);
            return false;
        }

        _approval = approval;
        if (requirements.WhatIsMissing(_site) is { } missing)
        {
            await HoldAsync(missing, cancel);
            return false;
        }

        return true;
    }

    /// <summary>2. What goes out is what was approved: the seal proves the manifest, and before the start the live rows must still give it.</summary>
    private async Task<bool> CheckManifestAsync(CancellationToken cancel)
    {
        if (!instanceKey.Verifies(ManifestSeal.Purpose, ManifestSeal.Bytes(_approval.Manifest), _approval.Seal))
        {
            await HoldAsync("The approval's seal is broken: its manifest was changed outside Ekiben.", cancel);
            return false;
        }

        _manifest = Manifest.FromText(_approval.Manifest);
        if (_manifest.BroadcastId != id.Value)
        {
            await HoldAsync("The approval belongs to another broadcast.", cancel);
            return false;
        }

        if (_broadcast.StartedAt is not null)
        {
            return true;
        }

        await using var db = database.OpenEverySite();
        var live = Manifest.Of(_broadcast, _site, await BroadcastActions.SegmentRuleOfAsync(db, _broadcast, cancel)).ToText();
        if (live == _approval.Manifest)
        {
            return true;
        }

        await HoldAsync($"It differs from what was approved: {string.Join(", ", Manifest.Differences(_approval.Manifest, live))}.", cancel);
        return false;
    }

    /// <summary>Still 2. The key that signs, if the sender has one: a key that cannot be read holds, since unsigned is not what its owner asked for.</summary>
    private async Task<bool> FindKeyAsync(CancellationToken cancel)
    {
        _signing = await domains.ForAsync(_site, _manifest.FromEmail, _broadcast.StartedAt, cancel);
        if (_signing is not SigningState.KeyUnreadable unreadable)
        {
            return true;
        }

        await HoldAsync(unreadable.Sentence, cancel);
        return false;
    }

    /// <summary>3. True once it is sending; the caller comes back when a scheduled one is due.</summary>
    private async Task<bool> StartWhenDueAsync(CancellationToken cancel)
    {
        if (_broadcast.Status == BroadcastStatus.Sending)
        {
            return true;
        }

        switch (Schedule.Decide(_broadcast, _approval, clock.GetUtcNow()))
        {
            case ScheduleStep.Wait:
                return false;
            case ScheduleStep.Hold hold:
                await HoldAsync(hold.Reason, cancel);
                return false;
        }

        if (_broadcast.StartedAt is null)
        {
            var count = await audiences.CountAsync(AudienceRule.Of(_site.Id, _manifest), cancel);
            if (Schedule.Drift(_approval, count.Recipients, _site.GuardKeyApprovals) is { } drift)
            {
                await HoldAsync(drift, cancel);
                return false;
            }

            if (!await CheckApproversAsync(count.Recipients, cancel))
            {
                return false;
            }
        }

        return await queue.BeginFreezeAsync(id, cancel);
    }

    /// <summary>
    /// The site's rules for approvals hold for as many people as there are now, not only for those who were counted: an audience may grow until it is
    /// due, and a status that was changed outside Ekiben does not stand for the second word.
    /// </summary>
    private async Task<bool> CheckApproversAsync(long recipients, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        var approvals = await db.Approvals.AsNoTracking().Where(a => a.BroadcastId == id && a.RevokedAt == null && a.Manifest == _approval.Manifest).ToListAsync(cancel);
        var sealedOnes = approvals.Where(a => instanceKey.Verifies(ManifestSeal.Purpose, ManifestSeal.Bytes(a.Manifest), a.Seal)).ToList();
        if (ApprovalRules.WhatStopsTheStart(_site, sealedOnes, Math.Max(recipients, _approval.CountedRecipients)) is not { } reason)
        {
            return true;
        }

        await HoldAsync(reason, cancel);
        return false;
    }

    /// <summary>4. Everybody whom the rule matches now, each in exactly one place; later changes of people reach only the claim.</summary>
    private async Task<bool> FreezeAudienceAsync(CancellationToken stop)
    {
        if (_broadcast.FrozenAt is null)
        {
            var rule = AudienceRule.Of(_site.Id, _manifest);
            FreezeStep step;
            do
            {
                stop.ThrowIfCancellationRequested();
                step = await queue.FreezeNextRangeAsync(id, rule, stop);
            }
            while (step == FreezeStep.More);

            if (step == FreezeStep.Stopped || !await queue.CompleteFreezeAsync(id, stop))
            {
                return false;
            }
        }

        // The clock of the templates is the start as it was stored, so that a run after a crash renders the same.
        await using var db = database.OpenEverySite();
        _broadcast = await db.Broadcasts.AsNoTracking().SingleAsync(b => b.Id == id, stop);
        return _broadcast.Status == BroadcastStatus.Sending;
    }

    /// <summary>
    /// 5. Ours under a new epoch. No other run of this broadcast is alive in this process, so a row still "sending" lost its outcome: it is uncertain.
    /// </summary>
    private async Task<IReadOnlyList<TakenShard>> TakeShardsAsync(CancellationToken stop)
    {
        var shards = await queue.TakeShardsAsync(id, stop);
        await queue.RecoverAsync(id, stop);
        return shards;
    }

    /// <summary>6. True when no row can move any more.</summary>
    private async Task<bool> SendAsync(IReadOnlyList<TakenShard> shards, CancellationToken stop, CancellationToken abort)
    {
        using var signer = (_signing as SigningState.Signed)?.OpenSigner();
        CompiledBroadcast compiled;
        try
        {
            compiled = composer.Compile(_manifest, _broadcast.StartedAt!.Value, signer);
        }
        catch (CompileException exception)
        {
            await HoldAsync($"Its {exception.Field} cannot be compiled: {exception.Message}", stop);
            return false;
        }

        var feed = new BroadcastFeed(queue, shards, Rate, State, clock);
        Volatile.Write(ref _feed, feed);
        var work = new LaneWork(queue, new RelayTurns(relays.For(_site), clock), feed, new UpcomingRows(), compiled, composer.Messages, new FailureWatch(), State, Rate, clock, HoldOnceAsync);
        return await LaneCrew.RunAsync(work, stop, abort);
    }

    /// <summary>7. Sent, or held because the receipt does not add up.</summary>
    private async Task CloseAsync(CancellationToken cancel)
    {
        // What somebody did since is no riddle: the worker begins it again, which looks for what they left to do.
        if (await queue.CloseAsync(id, cancel) is { } problem && !await IsChangedAsync(cancel) && await HoldAsync(problem, cancel))
        {
            Log.DoesNotAddUp(logger, id);
        }
    }

    private async Task<bool> IsChangedAsync(CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        return await db.Broadcasts.Where(b => b.Id == id).Select(b => b.UpdatedAt).SingleAsync(cancel) != _broadcast.UpdatedAt;
    }

    /// <summary>
    /// One hold a run, whichever lane comes first. What another lane hears of its last message afterwards belongs to the same trouble, and somebody may
    /// have mended it and released the broadcast by then.
    /// </summary>
    private Task<bool> HoldOnceAsync(string reason, CancellationToken cancel)
    {
        lock (_holding)
        {
            return _held ??= HoldAsync(reason, cancel);
        }
    }

    private async Task<bool> HoldAsync(string reason, CancellationToken cancel)
    {
        Log.Held(logger, id);
        return await queue.HoldAsync(id, reason, cancel) || await queue.HoldBeforeStartAsync(id, reason, cancel);
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Broadcast {Id} is held; its page says why")]
        public static partial void Held(ILogger logger, BroadcastId id);

        [LoggerMessage(LogLevel.Error, "The receipt of broadcast {Id} does not add up")]
        public static partial void DoesNotAddUp(ILogger logger, BroadcastId id);
    }
}

/// <summary>What a run waits for, for pages; the truth about the rows is in the database.</summary>
internal sealed class RunState
{
    private Wait? _waiting;

    /// <summary>Why nothing moves at the moment; null while it moves.</summary>
    public Wait? Waiting
    {
        get => Volatile.Read(ref _waiting);
        set => Volatile.Write(ref _waiting, value);
    }

    /// <summary>Waits, and says so meanwhile.</summary>
    /// <param name="what">For people: what it waits for, or why.</param>
    /// <param name="until">When it goes on.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <param name="sooner">Ends the wait early, because the reason may be gone.</param>
    /// <param name="atMost">Ends it then, so that the caller looks again; null = only at its end.</param>
    public async Task WaitAsync(string what, DateTimeOffset until, TimeProvider clock, CancellationToken cancel, Task? sooner = null, TimeSpan? atMost = null)
    {
        var waiting = Waiting = new Wait(what, until);
        var left = until - clock.GetUtcNow();
        if (left > TimeSpan.Zero)
        {
            // Not Task.Delay, whose cancellation is told by the thread pool: the simulator could not give the same twice.
            var awake = new TaskCompletionSource();
            await using var timer = clock.CreateTimer(static awake => ((TaskCompletionSource)awake!).TrySetResult(), awake, atMost < left ? atMost.Value : left, Timeout.InfiniteTimeSpan);
            await using (cancel.UnsafeRegister(static (awake, cancel) => ((TaskCompletionSource)awake!).TrySetCanceled(cancel), awake))
            {
                await Task.WhenAny(awake.Task, sooner ?? awake.Task);
            }

            cancel.ThrowIfCancellationRequested();
        }

        // What another lane waits for by now is still so.
        Interlocked.CompareExchange(ref _waiting, null, waiting);
    }
}

/// <summary>A wait with its reason.</summary>
/// <param name="What">One sentence without its end.</param>
/// <param name="Until">When it goes on.</param>
internal sealed record Wait(string What, DateTimeOffset Until);
