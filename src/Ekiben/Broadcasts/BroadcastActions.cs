using Ekiben.Accounts;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>
/// What people, keys and the command line do to a broadcast. Each action is one write to the database that names the states it may leave;
/// the workers see it there (ledger.md rule 18), so it holds across restarts and needs no message to be correct.
/// </summary>
internal sealed class BroadcastActions(
    Database database, Audiences audiences, InstanceKey instanceKey, SendingRequirements requirements, EngineSignal signal, TimeProvider clock)
{
    /// <summary>Between a person's click and the first message; revoking within it leaves no trace in anybody's mailbox.</summary>
    public static readonly TimeSpan UndoWindow = TimeSpan.FromSeconds(30);

    /// <summary>Seals what the broadcast is now and lets it go out at its time, or 30 s from now for a person without a time.</summary>
    public async Task<ActionResult> ApproveAsync(SiteId site, BroadcastId id, Actor actor, CancellationToken cancel)
    {
        await using var db = database.Open(site);
        await using var write = await database.BeginWriteAsync(db, cancel);
        if (await db.Broadcasts.FirstOrDefaultAsync(b => b.Id == id, cancel) is not { } broadcast)
        {
            return ActionResult.NotFound;
        }

        var result = await ApproveWithinAsync(db, broadcast, actor, cancel);
        if (result.Done)
        {
            await write.CommitAsync(cancel);
            signal.Wake();
        }

        return result;
    }

    /// <summary>The same inside the caller's transaction, which then commits and calls <see cref="EngineSignal.Wake"/>.</summary>
    /// <remarks><c>counted</c> are the recipients there are, where the caller counted them before its transaction; counted here when null.</remarks>
    public async Task<ActionResult> ApproveWithinAsync(Db db, Broadcast broadcast, Actor actor, CancellationToken cancel, long? counted = null)
    {
        if (!actor.MayApprove)
        {
            return ActionResult.Refused("may_not_approve", "This account or key may not approve broadcasts.");
        }

        if (broadcast.Status != BroadcastStatus.Draft)
        {
            return ActionResult.Refused("not_a_draft", $"Only a draft can be approved; this broadcast is {broadcast.Status.Word()}.");
        }

        var site = await db.Sites.SingleAsync(s => s.Id == broadcast.SiteId, cancel);
        var missing = requirements.WhatIsMissing(site);
        if (missing is not null && actor.IsPerson)
        {
            return ActionResult.Refused("cannot_send", missing);
        }

        var segmentRule = await SegmentRuleOfAsync(db, broadcast, cancel);
        if (segmentRule is null && broadcast.SegmentId.Length > 0)
        {
            // Without it the rule would reach everybody.
            return ActionResult.Refused("segment_gone", "The segment of this broadcast is gone: choose another one.");
        }

        var manifest = Manifest.Of(broadcast, site, segmentRule);
        var text = manifest.ToText();
        var now = clock.GetUtcNow();
        var recipients = counted ?? (await audiences.CountAsync(AudienceRule.Of(site.Id, manifest), cancel)).Recipients;
        db.Approvals.Add(new Approval
        {
            SiteId = broadcast.SiteId,
            BroadcastId = broadcast.Id,
            Manifest = text,
            Seal = instanceKey.Sign(ManifestSeal.Purpose, ManifestSeal.Bytes(text)),
            ApprovedBy = actor.Name,
            ByPerson = actor.IsPerson,
            ApprovedAt = now,
            EffectiveAt = actor.IsPerson ? now + UndoWindow : now,
            CountedRecipients = recipients,
            StartBase = now,
        });

        // A key's word stands, but a site that cannot send holds it, with the reason in sight (ledger.md rule 7).
        (broadcast.Status, broadcast.StatusReason) = missing is null ? (BroadcastStatus.Scheduled, null) : (BroadcastStatus.Held, missing);
        broadcast.UpdatedAt = now;
        Audit(db, broadcast, actor, "approval.given", $"{recipients} recipients");
        await db.SaveChangesAsync(cancel);
        return ActionResult.Ok;
    }

    /// <summary>Takes an approval back before the start: within the undo window, or any time before <c>send_at</c>.</summary>
    public Task<ActionResult> RevokeAsync(SiteId site, BroadcastId id, Actor actor, CancellationToken cancel) =>
        ChangeAsync(site, id, actor, "approval.revoked", async (db, broadcast) =>
        {
            if (broadcast.StartedAt is not null || broadcast.Status is not (BroadcastStatus.Scheduled or BroadcastStatus.Held))
            {
                return ActionResult.Refused("not_revocable", $"An approval can be taken back until sending starts; this broadcast is {broadcast.Status.Word()}.");
            }

            await RevokeApprovalsAsync(db, broadcast, clock.GetUtcNow(), cancel);
            (broadcast.Status, broadcast.StatusReason) = (BroadcastStatus.Draft, null);
            return ActionResult.Ok;
        }, cancel);

    /// <summary>Nothing goes on the wire after this commits; what is on the wire finishes and is recorded.</summary>
    public Task<ActionResult> PauseAsync(SiteId site, BroadcastId id, Actor actor, CancellationToken cancel) =>
        ChangeAsync(site, id, actor, "broadcast.paused", (_, broadcast) =>
        {
            if (broadcast.Status != BroadcastStatus.Sending)
            {
                return Task.FromResult(ActionResult.Refused("not_sending", $"Only a sending broadcast can be paused; this one is {broadcast.Status.Word()}."));
            }

            (broadcast.Status, broadcast.StatusReason) = (BroadcastStatus.Paused, null);
            return Task.FromResult(ActionResult.Ok);
        }, cancel);

    /// <summary>Goes on after a pause, or releases a hold; before the start, releasing approves the number of people there are now.</summary>
    public Task<ActionResult> ResumeAsync(SiteId site, BroadcastId id, Actor actor, CancellationToken cancel) =>
        ChangeAsync(site, id, actor, "broadcast.resumed", async (db, broadcast) =>
        {
            if (broadcast.Status is not (BroadcastStatus.Paused or BroadcastStatus.Held))
            {
                return ActionResult.Refused("not_stopped", $"Only a paused or held broadcast can be resumed; this one is {broadcast.Status.Word()}.");
            }

            if (broadcast.Status == BroadcastStatus.Held && !actor.MayApprove)
            {
                return ActionResult.Refused("may_not_approve", "Releasing a hold needs the right to approve.");
            }

            var owner = await db.Sites.SingleAsync(s => s.Id == broadcast.SiteId, cancel);
            if (requirements.WhatIsMissing(owner) is { } missing)
            {
                return ActionResult.Refused("cannot_send", missing);
            }

            if (broadcast.StartedAt is null)
            {
                return await ReapproveAsync(db, broadcast, actor, owner, cancel);
            }

            (broadcast.Status, broadcast.StatusReason) = (BroadcastStatus.Sending, null);
            return ActionResult.Ok;
        }, cancel);

    /// <summary>For good: what is not yet on the wire never will be.</summary>
    public Task<ActionResult> CancelAsync(SiteId site, BroadcastId id, Actor actor, CancellationToken cancel) =>
        ChangeAsync(site, id, actor, "broadcast.canceled", async (db, broadcast) =>
        {
            if (!broadcast.Status.Allows(BroadcastStatus.Canceled))
            {
                return ActionResult.Refused("finished", $"This broadcast is {broadcast.Status.Word()} already.");
            }

            await RevokeApprovalsAsync(db, broadcast, clock.GetUtcNow(), cancel);
            (broadcast.Status, broadcast.StatusReason) = (BroadcastStatus.Canceled, null);
            broadcast.FinishedAt = clock.GetUtcNow();
            return ActionResult.Ok;
        }, cancel);

    /// <summary>
    /// Another rate, also while it is being sent: the next claim reads it. It is no part of what was approved, each change is a row of its own, and
    /// more than was approved needs the right to approve (ledger.md rule 5).
    /// </summary>
    /// <param name="site">The site.</param>
    /// <param name="id">The broadcast.</param>
    /// <param name="perHour">Attempts an hour, within <see cref="BroadcastItemReader.MinPerHour"/> and <see cref="BroadcastItemReader.MaxPerHour"/>; null = none.</param>
    /// <param name="actor">Who asks.</param>
    /// <param name="cancel">Gives up before anything is written.</param>
    public Task<ActionResult> ChangeRateAsync(SiteId site, BroadcastId id, int? perHour, Actor actor, CancellationToken cancel) =>
        ChangeAsync(site, id, actor, "broadcast.rate_changed", (db, broadcast) =>
        {
            if (perHour is < BroadcastItemReader.MinPerHour or > BroadcastItemReader.MaxPerHour)
            {
                return Task.FromResult(ActionResult.Refused("bad_rate",
                    $"batch_size_per_hour must be between {BroadcastItemReader.MinPerHour} and {BroadcastItemReader.MaxPerHour}, or null for no limit."));
            }

            if (broadcast.Status is BroadcastStatus.Sent or BroadcastStatus.Canceled)
            {
                return Task.FromResult(ActionResult.Refused("finished", $"This broadcast is {broadcast.Status.Word()} already."));
            }

            var raised = broadcast.BatchSizePerHour is { } was && (perHour is null || perHour > was);
            if (raised && broadcast.Status != BroadcastStatus.Draft && !actor.MayApprove)
            {
                return Task.FromResult(ActionResult.Refused("may_not_approve", "Raising the rate of an approved broadcast needs the right to approve."));
            }

            if (broadcast.BatchSizePerHour != perHour)
            {
                db.RateChanges.Add(new RateChange
                {
                    SiteId = broadcast.SiteId,
                    BroadcastId = broadcast.Id,
                    Actor = actor.Name,
                    At = clock.GetUtcNow(),
                    FromPerHour = broadcast.BatchSizePerHour,
                    ToPerHour = perHour,
                });
                broadcast.BatchSizePerHour = perHour;
            }

            return Task.FromResult(ActionResult.Ok);
        }, cancel);

    /// <summary>The rule of the broadcast's segment as stored, null when it names none or one that is gone.</summary>
    public static async Task<string?> SegmentRuleOfAsync(Db db, Broadcast broadcast, CancellationToken cancel) =>
        broadcast.SegmentId.Length == 0
            ? null
            : await db.Segments.Where(s => s.PublicId == broadcast.SegmentId && s.SiteId == broadcast.SiteId).Select(s => s.Rule).FirstOrDefaultAsync(cancel);

    /// <summary>Held before it started: the same manifest must still hold; the new count, and now as the start, are what is approved.</summary>
    private async Task<ActionResult> ReapproveAsync(Db db, Broadcast broadcast, Actor actor, Site site, CancellationToken cancel)
    {
        var approval = await db.Approvals.Where(a => a.BroadcastId == broadcast.Id && a.RevokedAt == null)
            .OrderByDescending(a => a.Id).FirstOrDefaultAsync(cancel);
        var live = Manifest.Of(broadcast, site, await SegmentRuleOfAsync(db, broadcast, cancel));
        if (approval is null || approval.Manifest != live.ToText())
        {
            return ActionResult.Refused("manifest_differs", "What was approved is not what is here now: take the approval back and approve it anew.");
        }

        var count = await audiences.CountAsync(AudienceRule.Of(site.Id, live), cancel);
        var now = clock.GetUtcNow();
        approval.CountedRecipients = count.Recipients;
        approval.StartBase = now;
        approval.EffectiveAt = actor.IsPerson ? now + UndoWindow : now;
        (broadcast.Status, broadcast.StatusReason) = (BroadcastStatus.Scheduled, null);
        return ActionResult.Ok;
    }

    private async Task<ActionResult> ChangeAsync(
        SiteId site, BroadcastId id, Actor actor, string action, Func<Db, Broadcast, Task<ActionResult>> change, CancellationToken cancel)
    {
        await using var db = database.Open(site);
        await using var write = await database.BeginWriteAsync(db, cancel);
        if (await db.Broadcasts.FirstOrDefaultAsync(b => b.Id == id, cancel) is not { } broadcast)
        {
            return ActionResult.NotFound;
        }

        var result = await change(db, broadcast);
        if (!result.Done)
        {
            return result;
        }

        broadcast.UpdatedAt = clock.GetUtcNow();
        Audit(db, broadcast, actor, action, null);
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        signal.Wake();
        return result;
    }

    private static async Task RevokeApprovalsAsync(Db db, Broadcast broadcast, DateTimeOffset now, CancellationToken cancel)
    {
        await foreach (var approval in db.Approvals.Where(a => a.BroadcastId == broadcast.Id && a.RevokedAt == null).AsAsyncEnumerable().WithCancellation(cancel))
        {
            approval.RevokedAt = now;
        }
    }

    private void Audit(Db db, Broadcast broadcast, Actor actor, string action, string? detail) => db.AuditLog.Add(new AuditEntry
    {
        SiteId = broadcast.SiteId,
        Actor = actor.Name,
        Action = action,
        Subject = $"broadcast:{broadcast.Id}",
        Detail = detail,
        At = clock.GetUtcNow(),
    });
}
