using System.Text.Json;
using Ekiben.Accounts;
using Ekiben.Storage;
using Ekiben.Tags;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>To whom of an ended broadcast a new one is to go.</summary>
internal enum ResendGroup
{
    /// <summary>Whose message surely did not arrive: refused, expired, impossible to make, canceled.</summary>
    NotReached,

    /// <summary>Accepted, and neither opened nor clicked as far as that can be seen.</summary>
    NotOpened,

    /// <summary>Who may have got it or not. They can get a second copy.</summary>
    Uncertain,
}

/// <summary>
/// Makes a new draft from an ended broadcast for a part of its recipients. They get a tag of their own and the draft asks for it, so whom it reaches can be
/// seen and changed like any audience, and nothing goes out before somebody approves it.
/// </summary>
internal sealed class Resends(Database database, TimeProvider clock)
{
    private static readonly Dictionary<ResendGroup, RecipientState[]> States = new()
    {
        [ResendGroup.NotReached] = [RecipientState.Refused, RecipientState.Expired, RecipientState.RenderFailed, RecipientState.Canceled],
        [ResendGroup.NotOpened] = [RecipientState.Accepted],
        [ResendGroup.Uncertain] = [RecipientState.Uncertain],
    };

    /// <summary>Null in <see cref="ResendResult.Draft"/> when it was refused. People are tagged a shard at a time; the draft comes last, so a crash leaves a tag and no draft.</summary>
    public async Task<ResendResult> DraftAsync(SiteId site, BroadcastId id, ResendGroup group, Actor actor, CancellationToken cancel)
    {
        await using var read = database.Open(site);
        if (await read.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == id, cancel) is not { } broadcast)
        {
            return new ResendResult(ActionResult.NotFound);
        }

        if (broadcast.FinishedAt is null || broadcast.FrozenAt is null)
        {
            return Refused("not_over", $"Only from a broadcast that is over can the rest be sent again; this one is {broadcast.Status.Word()}.");
        }

        if (group is ResendGroup.NotOpened && !await CountsOpensAsync(read, broadcast, cancel))
        {
            return Refused("opens_not_counted", "Opens of this broadcast were not counted, so nobody knows who did not open it.");
        }

        var (tag, name) = await MakeTagAsync(site, broadcast, group, cancel);
        var people = 0;
        foreach (var range in await RecipientTags.RangesAsync(database, id, cancel))
        {
            await using var db = database.Open(site);
            await using var write = await database.BeginWriteAsync(db, cancel);
            people += await RecipientTags.GiveAsync(db, tag, id, range, States[group], group is ResendGroup.NotOpened, cancel);
            await write.CommitAsync(cancel);
        }

        if (people == 0)
        {
            await using var db = database.Open(site);
            await using var write = await database.BeginWriteAsync(db, cancel);
            await db.Tags.Where(t => t.Id == tag).ExecuteDeleteAsync(cancel);
            await write.CommitAsync(cancel);
            return Refused("nobody", group switch
            {
                ResendGroup.NotReached => "There is nobody to send it to again: no message was refused, expired, impossible to make or canceled.",
                ResendGroup.NotOpened => "There is nobody to send it to again: everybody opened it.",
                _ => "There is nobody to send it to again: no message is uncertain.",
            });
        }

        return await MakeDraftAsync(site, broadcast, group, name, people, actor, cancel);
    }

    private static ResendResult Refused(string code, string problem) => new(ActionResult.Refused(code, problem));

    private static async Task<bool> CountsOpensAsync(Db db, Broadcast broadcast, CancellationToken cancel)
    {
        var approval = await db.Approvals.AsNoTracking().Where(a => a.BroadcastId == broadcast.Id && a.RevokedAt == null).OrderByDescending(a => a.Id).FirstOrDefaultAsync(cancel);
        try
        {
            return approval is not null && Manifest.FromText(approval.Manifest).TracksLinks;
        }
        catch (JsonException)
        {
            // Somebody broke it in the database; then nothing of it counts.
            return false;
        }
    }

    private async Task<(long Id, string Name)> MakeTagAsync(SiteId site, Broadcast broadcast, ResendGroup group, CancellationToken cancel)
    {
        await using var db = database.Open(site);
        await using var write = await database.BeginWriteAsync(db, cancel);
        var stem = $"broadcast {broadcast.Id} {Words.SnakeCase(group.ToString()).Replace('_', ' ')}";
        var taken = await db.Tags.Where(t => t.Name.StartsWith(stem)).Select(t => t.Name).ToListAsync(cancel);
        var name = Enumerable.Range(1, taken.Count + 1).Select(n => n == 1 ? stem : $"{stem} {n}").First(n => !taken.Contains(n, StringComparer.OrdinalIgnoreCase));
        var tag = new Tag { SiteId = site, Name = name, CreatedAt = clock.GetUtcNow() };
        db.Tags.Add(tag);
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        return (tag.Id, name);
    }

    private async Task<ResendResult> MakeDraftAsync(SiteId site, Broadcast from, ResendGroup group, string tag, int people, Actor actor, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var draft = new Broadcast
        {
            SiteId = site,
            Name = $"{from.Name} ({group switch { ResendGroup.NotReached => "to those not reached", ResendGroup.NotOpened => "to those who did not open it", _ => "to the uncertain" }})",
            Subject = from.Subject,
            PreviewText = from.PreviewText,
            Content = from.Content,
            Type = from.Type,
            LayoutId = from.LayoutId,
            LayoutHtml = from.LayoutHtml,
            FromEmail = from.FromEmail,
            FromName = from.FromName,
            InclusiveTags = tag,
            ExclusiveTags = from.ExclusiveTags,
            BatchSizePerHour = from.BatchSizePerHour,
            UncertainPolicy = from.UncertainPolicy,
            CreatedBy = actor.Name,
            CreatedAt = now,
            UpdatedAt = now,
        };
        await using var db = database.Open(site);
        await using var write = await database.BeginWriteAsync(db, cancel);
        db.Broadcasts.Add(draft);
        await db.SaveChangesAsync(cancel);
        db.AuditLog.Add(new AuditEntry
        {
            SiteId = site, Actor = actor.Name, Action = "broadcast.drafted_again", Subject = $"broadcast:{draft.Id}", Detail = $"from broadcast {from.Id} for {people} people", At = now,
        });
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        return new ResendResult(ActionResult.Ok) { Draft = draft, People = people };
    }
}

/// <summary>What came of it.</summary>
internal sealed record ResendResult(ActionResult Result)
{
    /// <summary>Null when it was refused.</summary>
    public Broadcast? Draft { get; init; }

    /// <summary>How many people got the tag; fewer may be reached, since who is unsubscribed or suppressed gets nothing.</summary>
    public int People { get; init; }
}
