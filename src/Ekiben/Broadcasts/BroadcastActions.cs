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
    Database database, Audiences audiences, Preflight preflight, InstanceKey instanceKey, SendingRequirements requirements, EngineSignal signal, TimeProvider clock)
{
    /// <summary>Between a person's click and the first message; revoking within it leaves no trace in anybody's mailbox.</summary>
    public static readonly TimeSpan UndoWindow = TimeSpan.FromSeconds(30);

    /// <summary>In the audit log, for every edit of a broadcast; who is named so is one of its writers (<see cref="ApprovalRules"/>).</summary>
    public const string EditedAction = "broadcast.edited";

    /// <summary>The same for programs and the command line, which have seen no page: warnings are not asked about, what blocks still blocks.</summary>
    public Task<ActionResult> ApproveAsync(SiteId site, BroadcastId id, Actor actor, CancellationToken cancel) => ApproveAsync(site, id, actor, null, cancel);

    /// <summary>
    /// Seals what the broadcast is now and lets it go out at its time, or 30 s from now for a person without a time. Where the site wants two
    /// approvals, the first leaves it a draft. What takes long (counting, the preflight) is read before the transaction, which then
    /// sees that it is still the same broadcast.
    /// </summary>
    /// <param name="site">Whose.</param>
    /// <param name="id">Which.</param>
    /// <param name="actor">Who approves.</param>
    /// <param name="order">What a person saw and confirmed; null for programs.</param>
    /// <param name="cancel">Gives up waiting.</param>
    public async Task<ActionResult> ApproveAsync(SiteId site, BroadcastId id, Actor actor, ApprovalOrder? order, CancellationToken cancel)
    {
        PreflightReport report;
        await using (var read = database.Open(site))
        {
            if (await read.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == id, cancel) is not { } seen)
            {
                return ActionResult.NotFound;
            }

            if (!actor.MayApprove)
            {
                return ActionResult.Refused("may_not_approve", "This account or key may not approve broadcasts.");
            }

            if (seen.Status != BroadcastStatus.Draft)
            {
                return NotADraft(seen);
            }

            var owner = await read.Sites.AsNoTracking().SingleAsync(s => s.Id == site, cancel);
            report = await preflight.CheckAsync(seen, owner, isDeep: order is not null, cancel);
            if (Refuse(report, owner, order) is { } refused)
            {
                return refused;
            }
        }

        await using var db = database.Open(site);
        await using var write = await database.BeginWriteAsync(db, cancel);
        if (await db.Broadcasts.FirstOrDefaultAsync(b => b.Id == id, cancel) is not { } broadcast)
        {
            return ActionResult.NotFound;
        }

        var result = await ApproveWithinAsync(db, broadcast, actor, cancel, report.Count.Recipients, report, order);
        if (result.Done)
        {
            await write.CommitAsync(cancel);
            signal.Wake();
        }

        return result;
    }

    /// <summary>The same inside the caller's transaction, which then commits and calls <see cref="EngineSignal.Wake"/>.</summary>
    /// <remarks>
    /// <c>counted</c> are the recipients there are, where the caller counted them before its transaction; counted here when null.
    /// <c>report</c> is what was checked; another broadcast than that is refused.
    /// </remarks>
    public async Task<ActionResult> ApproveWithinAsync(
        Db db, Broadcast broadcast, Actor actor, CancellationToken cancel, long? counted = null, PreflightReport? report = null, ApprovalOrder? order = null)
    {
        if (broadcast.Status != BroadcastStatus.Draft)
        {
            return NotADraft(broadcast);
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
        if (report is not null && report.Manifest != text)
        {
            return ActionResult.Refused("changed_meanwhile", "It was changed while you looked at it: look again, then approve.");
        }

        var recipients = counted ?? (await audiences.CountAsync(AudienceRule.Of(site.Id, manifest), cancel)).Recipients;
        if (ApprovalRules.Refuse(site, actor, await ApprovalRules.WritersAsync(db, broadcast, cancel), recipients) is { } refused)
        {
            return refused;
        }

        var now = clock.GetUtcNow();
        var earlier = await db.Approvals.Where(a => a.BroadcastId == broadcast.Id && a.RevokedAt == null).ToListAsync(cancel);
        foreach (var other in earlier.Where(a => a.Manifest != text))
        {
            // It was for something else.
            other.RevokedAt = now;
        }

        earlier.RemoveAll(a => a.RevokedAt is not null);
        var needsTwo = ApprovalRules.NeedsTwo(site, recipients);
        var isFirstOfTwo = needsTwo && earlier.Count == 0;
        if (needsTwo && earlier.Exists(a => a.ApprovedBy == actor.Name))
        {
            return ActionResult.Refused("needs_another", $"You have approved this already: above {site.SecondApprovalAbove:N0} people somebody else approves it too.");
        }

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
            Ticked = order is null ? null : report?.TickedText(order.Ticked),
        });
        broadcast.UpdatedAt = now;
        if (isFirstOfTwo)
        {
            Audit(db, broadcast, actor, "approval.first", $"{recipients} recipients");
        }
        else
        {
            // A key's word stands, but a site that cannot send holds it, with the reason in sight (ledger.md rule 7).
            (broadcast.Status, broadcast.StatusReason) = missing is null ? (BroadcastStatus.Scheduled, null) : (BroadcastStatus.Held, missing);
            Audit(db, broadcast, actor, "approval.given", $"{recipients} recipients");
        }

        await db.SaveChangesAsync(cancel);
        return ActionResult.Ok;
    }

    /// <summary>
    /// Changes a broadcast that has not started. What the manifest binds takes every approval away and makes it a draft again;
    /// what it does not bind (the rate has an action of its own) leaves them.
    /// </summary>
    /// <param name="site">Whose.</param>
    /// <param name="id">Which.</param>
    /// <param name="actor">Who edits; from now on one of its writers.</param>
    /// <param name="change">Changes the row, which is as it is now; what it refuses changes nothing.</param>
    /// <param name="cancel">Gives up waiting.</param>
    public Task<ActionResult> EditAsync(SiteId site, BroadcastId id, Actor actor, Func<Db, Broadcast, Task<ActionResult>> change, CancellationToken cancel) =>
        ChangeAsync(site, id, actor, EditedAction, async (db, broadcast) =>
        {
            if (broadcast.StartedAt is not null || broadcast.Status is not (BroadcastStatus.Draft or BroadcastStatus.Scheduled or BroadcastStatus.Held))
            {
                return ActionResult.Refused("not_editable", $"A broadcast can be edited until sending starts; this one is {broadcast.Status.Word()}.");
            }

            var result = await change(db, broadcast);
            if (!result.Done)
            {
                return result;
            }

            var owner = await db.Sites.SingleAsync(s => s.Id == broadcast.SiteId, cancel);
            var live = Manifest.Of(broadcast, owner, await SegmentRuleOfAsync(db, broadcast, cancel)).ToText();
            var voided = await db.Approvals.Where(a => a.BroadcastId == broadcast.Id && a.RevokedAt == null && a.Manifest != live).ToListAsync(cancel);
            if (voided.Count > 0)
            {
                foreach (var approval in voided)
                {
                    approval.RevokedAt = clock.GetUtcNow();
                }

                (broadcast.Status, broadcast.StatusReason) = (BroadcastStatus.Draft, null);
                Audit(db, broadcast, actor, "approval.voided", string.Join(", ", Manifest.Differences(voided[^1].Manifest, live)));
            }

            return result;
        }, cancel);

    /// <summary>Takes an approval back before the start: within the undo window, or any time before <c>send_at</c>.</summary>
    public Task<ActionResult> RevokeAsync(SiteId site, BroadcastId id, Actor actor, CancellationToken cancel) =>
        ChangeAsync(site, id, actor, "approval.revoked", async (db, broadcast) =>
        {
            var isFirstOfTwo = broadcast.Status is BroadcastStatus.Draft && await db.Approvals.AnyAsync(a => a.BroadcastId == id && a.RevokedAt == null, cancel);
            if (broadcast.StartedAt is not null || !(isFirstOfTwo || broadcast.Status is BroadcastStatus.Scheduled or BroadcastStatus.Held))
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
        if (ApprovalRules.Refuse(site, actor, await ApprovalRules.WritersAsync(db, broadcast, cancel), count.Recipients) is { } refused)
        {
            return refused;
        }

        var now = clock.GetUtcNow();
        var others = await db.Approvals.CountAsync(a => a.BroadcastId == broadcast.Id && a.RevokedAt == null && a.ApprovedBy != actor.Name, cancel);
        if (ApprovalRules.NeedsTwo(site, count.Recipients) && others == 0)
        {
            return ActionResult.Refused("needs_another", $"{count.Recipients:N0} people need two approvals: somebody else than you releases it.");
        }

        if (approval.ApprovedBy != actor.Name)
        {
            // Whoever releases approves what is here now: their word stands beside the first.
            approval = Copy(approval, actor);
            db.Approvals.Add(approval);
        }

        approval.CountedRecipients = count.Recipients;
        approval.StartBase = now;
        approval.EffectiveAt = actor.IsPerson ? now + UndoWindow : now;
        (broadcast.Status, broadcast.StatusReason) = (BroadcastStatus.Scheduled, null);
        return ActionResult.Ok;
    }

    private Approval Copy(Approval approval, Actor actor) => new()
    {
        SiteId = approval.SiteId,
        BroadcastId = approval.BroadcastId,
        Manifest = approval.Manifest,
        Seal = instanceKey.Sign(ManifestSeal.Purpose, ManifestSeal.Bytes(approval.Manifest)),
        ApprovedBy = actor.Name,
        ByPerson = actor.IsPerson,
        ApprovedAt = clock.GetUtcNow(),
    };

    private static ActionResult NotADraft(Broadcast broadcast) =>
        ActionResult.Refused("not_a_draft", $"Only a draft can be approved; this broadcast is {broadcast.Status.Word()}.");

    /// <summary>What the preflight and the person's own confirmation stand against; null when nothing does.</summary>
    private static ActionResult? Refuse(PreflightReport report, Site site, ApprovalOrder? order)
    {
        if (report.Blocker is { } blocker)
        {
            return ActionResult.Refused(blocker.Code, blocker.Text);
        }

        if (order is null)
        {
            return null;
        }

        if (order.Digest != report.Digest)
        {
            return ActionResult.Refused("changed_meanwhile", "It was changed while you looked at it: look again, then approve.");
        }

        if (report.Warnings.FirstOrDefault(w => !order.Ticked.Contains(w.Code)) is { } unticked)
        {
            return ActionResult.Refused("not_ticked", "This wants a tick first: " + unticked.Text);
        }

        return ApprovalRules.NeedsTypedCount(site, report.Count.Recipients) && order.TypedCount != report.Count.Recipients
            ? ActionResult.Refused("count_not_typed", $"It reaches {report.Count.Recipients:N0} people now: type that number.")
            : null;
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

        // Also a version, by which an author sees that another wrote meanwhile: never the same twice, whatever the clock does.
        var (now, next) = (clock.GetUtcNow(), broadcast.UpdatedAt.AddMilliseconds(1));
        broadcast.UpdatedAt = now > next ? now : next;
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
