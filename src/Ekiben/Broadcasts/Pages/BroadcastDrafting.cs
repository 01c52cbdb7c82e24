using Ekiben.Accounts;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts.Pages;

/// <summary>What came of storing a form: the broadcast as it is now, or why it was refused.</summary>
internal sealed record DraftSaved(Broadcast? Broadcast, ActionResult Result)
{
    public static DraftSaved Refused(string code, string problem) => new(null, ActionResult.Refused(code, problem));
}

/// <summary>Who last changed a broadcast, how and when, by the audit log.</summary>
internal sealed record LastChange(string Actor, string Action, DateTimeOffset At)
{
    /// <summary><c>ann@x changed it</c>.</summary>
    public string Sentence => Wording.Actor(Actor) + " " + Action switch
    {
        "approval.given" or "approval.first" => "approved it",
        "approval.revoked" => "took its approval back",
        "broadcast.canceled" => "canceled it",
        "broadcast.rate_changed" => "changed its rate",
        "broadcast.created" => "made it",
        UncertainRows.SecondTry => "had uncertain messages sent once more",
        UncertainRows.TreatedAsSent => "treated uncertain messages as sent",
        _ => "changed it",
    };
}

/// <summary>
/// Stores what somebody writes on the page. An edit names the version that its author saw: where another one is stored by then, nothing is
/// written, since each would otherwise silently undo the other's work.
/// </summary>
internal sealed class BroadcastDrafting(Database database, BroadcastActions actions, AudienceWatch audience, TimeProvider clock)
{
    public const string CreatedAction = "broadcast.created";

    /// <summary>The broadcast that the form would give. The sentence is null when it gives one.</summary>
    /// <param name="form">As it stands on the page.</param>
    /// <param name="site">Whose.</param>
    /// <param name="own">What is stored of it so far, whose layout, as it was copied, it keeps; null when nothing is.</param>
    /// <param name="cancel">Gives up.</param>
    public async Task<(Broadcast? Broadcast, string? Problem)> BuildAsync(ComposeForm form, Site site, Broadcast? own, CancellationToken cancel)
    {
        await using var db = database.Open(site.Id);
        return await BuildAsync(db, form, site, own, "", filled: true, cancel);
    }

    /// <summary>Stores a new draft.</summary>
    public async Task<DraftSaved> CreateAsync(ComposeForm form, Site site, Actor actor, CancellationToken cancel)
    {
        await using var db = database.Open(site.Id);
        await using var write = await database.BeginWriteAsync(db, cancel);
        var (built, problem) = await BuildAsync(db, form, site, null, actor.Name, filled: false, cancel);
        if (built is null)
        {
            return DraftSaved.Refused("invalid", problem!);
        }

        db.Broadcasts.Add(built);
        await db.SaveChangesAsync(cancel);
        db.AuditLog.Add(new AuditEntry { SiteId = site.Id, Actor = actor.Name, Action = CreatedAction, Subject = $"broadcast:{built.Id}", At = built.CreatedAt });
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        audience.CountSoon(built.Id);
        return new DraftSaved(Seen(built), ActionResult.Ok);
    }

    /// <summary>Stores an edit.</summary>
    /// <param name="id">Of what.</param>
    /// <param name="seen">Its <see cref="Broadcast.UpdatedAt"/> when the author read it.</param>
    /// <param name="form">What it is to be.</param>
    /// <param name="site">Whose.</param>
    /// <param name="actor">Who writes.</param>
    /// <param name="voids">The author knows that this takes approvals away; without, what has any is refused.</param>
    /// <param name="cancel">Gives up.</param>
    public async Task<DraftSaved> SaveAsync(BroadcastId id, DateTimeOffset seen, ComposeForm form, Site site, Actor actor, bool voids, CancellationToken cancel)
    {
        Broadcast? saved = null;
        var result = await actions.EditAsync(site.Id, id, actor, async (db, broadcast) =>
        {
            saved = broadcast;
            if (broadcast.UpdatedAt != seen)
            {
                var by = await LastChangeAsync(db, id, cancel);
                return ActionResult.Refused("changed_meanwhile", by is null ? "It was changed meanwhile." : by.Sentence + ".");
            }

            if (!voids && (broadcast.Status is not BroadcastStatus.Draft || await db.Approvals.AnyAsync(a => a.BroadcastId == id && a.RevokedAt == null, cancel)))
            {
                return ActionResult.Refused("is_approved", "It is approved: an edit takes that away.");
            }

            var owner = await db.Sites.AsNoTracking().SingleAsync(s => s.Id == site.Id, cancel);
            var (built, problem) = await BuildAsync(db, form, owner, broadcast, actor.Name, filled: false, cancel);
            if (built is null)
            {
                return ActionResult.Refused("invalid", problem!);
            }

            var raised = broadcast.BatchSizePerHour is { } was && (built.BatchSizePerHour is null || built.BatchSizePerHour > was);
            if (raised && broadcast.Status != BroadcastStatus.Draft && !actor.MayApprove)
            {
                return ActionResult.Refused("may_not_approve", "Raising the rate of an approved broadcast needs the right to approve.");
            }

            Copy(db, built, broadcast, actor);
            return ActionResult.Ok;
        }, cancel);
        if (!result.Done)
        {
            return new DraftSaved(null, result);
        }

        audience.CountSoon(id);
        return new DraftSaved(Seen(saved!), result);
    }

    /// <summary>Null where the log says nothing of it, as of an edit in the database.</summary>
    public static async Task<LastChange?> LastChangeAsync(Db db, BroadcastId id, CancellationToken cancel)
    {
        var subject = $"broadcast:{id}";
        return await db.AuditLog.Where(entry => entry.Subject == subject).OrderByDescending(entry => entry.Id)
            .Select(entry => new LastChange(entry.Actor, entry.Action, entry.At)).FirstOrDefaultAsync(cancel);
    }

    private async Task<(Broadcast? Broadcast, string? Problem)> BuildAsync(
        Db db, ComposeForm form, Site site, Broadcast? own, string author, bool filled, CancellationToken cancel)
    {
        if (!filled && form.Missing() is { } missing)
        {
            return (null, missing);
        }

        var item = form.ToItem(filled);
        var named = (new HashSet<string>(StringComparer.Ordinal) { form.LayoutId ?? "" }, new HashSet<string>(StringComparer.Ordinal) { form.SegmentId ?? "" });
        var surroundings = await BroadcastSurroundings.OfAsync(db, site, author, named, clock.GetUtcNow(), cancel);
        if (own is { LayoutId: { } layout, LayoutHtml: { } copy } && layout == form.LayoutId && !form.TakesLayoutAnew)
        {
            surroundings = surroundings with { Layouts = new Dictionary<string, string>(StringComparer.Ordinal) { [layout] = copy } };
        }

        // What does not compile yet is stored too: an author in the middle of a tag loses nothing, and no approval takes it.
        if (!new BroadcastItemReader(surroundings) { Compiles = false }.TryRead(item, 0, out var draft, out var problem))
        {
            return (null, char.ToUpperInvariant(problem[0]) + problem[1..].Replace('_', ' ') + ".");
        }

        if (own is not null && form.SendAt == ComposeForm.Local(own.SendAt, surroundings.TimeZone))
        {
            // The field has no seconds and no zone: what was not touched stays as it was written.
            (draft!.Broadcast.SendAt, draft.Broadcast.SendAtWritten) = (own.SendAt, own.SendAtWritten);
        }

        return (draft!.Broadcast, null);
    }

    private void Copy(Db db, Broadcast from, Broadcast to, Actor actor)
    {
        if (to.BatchSizePerHour != from.BatchSizePerHour)
        {
            db.RateChanges.Add(new RateChange
            {
                SiteId = to.SiteId,
                BroadcastId = to.Id,
                Actor = actor.Name,
                At = clock.GetUtcNow(),
                FromPerHour = to.BatchSizePerHour,
                ToPerHour = from.BatchSizePerHour,
            });
        }

        (to.Name, to.Subject, to.PreviewText, to.Content, to.Type) = (from.Name, from.Subject, from.PreviewText, from.Content, from.Type);
        (to.LayoutId, to.LayoutHtml) = (from.LayoutId, from.LayoutHtml);
        (to.FromEmail, to.FromName) = (from.FromEmail, from.FromName);
        (to.InclusiveTags, to.ExclusiveTags, to.SegmentId) = (from.InclusiveTags, from.ExclusiveTags, from.SegmentId);
        (to.BatchSizePerHour, to.SendAt, to.SendAtWritten, to.UncertainPolicy) = (from.BatchSizePerHour, from.SendAt, from.SendAtWritten, from.UncertainPolicy);
    }

    /// <summary>As the database gives it back, whose times are less fine: the next edit names this version.</summary>
    private static Broadcast Seen(Broadcast stored)
    {
        stored.UpdatedAt = Times.FromStored(stored.UpdatedAt.ToStored());
        return stored;
    }
}
