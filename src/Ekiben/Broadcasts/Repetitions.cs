using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>
/// Clients try a request again when its answer was lost, and Bento then sends everything twice. An approved item that is equal in every field to one
/// that the same key posted a short while ago, and that is approved and not canceled, is that one. Drafts are not looked at: a second draft sends nothing.
/// </summary>
internal sealed class Repetitions(Db db, string actor, DateTimeOffset now)
{
    /// <summary>How long ago the first one may have been posted.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    private readonly HashSet<BroadcastId> _taken = [];

    /// <summary>The broadcast that the item repeats, each at most once: two equal items of one request are two broadcasts, and so are their repetitions.</summary>
    public async Task<Broadcast?> FindAsync(Broadcast item, CancellationToken cancel)
    {
        // After "now" too: of requests that come at once, one that had to wait for its turn has an earlier time than one that was stored meanwhile.
        var (since, until) = (now - Window, now + Window);
        var candidates = await db.Broadcasts
            .Where(b => b.CreatedBy == actor && b.Status != BroadcastStatus.Draft && b.Status != BroadcastStatus.Canceled && b.CreatedAt >= since && b.CreatedAt <= until && b.Name == item.Name && b.Subject == item.Subject
                && db.Approvals.Any(approval => approval.BroadcastId == b.Id && approval.ApprovedBy == actor && approval.RevokedAt == null))
            .OrderBy(b => b.Id).ToListAsync(cancel);
        return candidates.Find(candidate => IsSame(candidate, item) && _taken.Add(candidate.Id));
    }

    private static bool IsSame(Broadcast one, Broadcast other) =>
        one.PreviewText == other.PreviewText
        && one.Content == other.Content
        && one.Type == other.Type
        && one.LayoutId == other.LayoutId
        && one.LayoutHtml == other.LayoutHtml
        && one.FromEmail == other.FromEmail
        && one.FromName == other.FromName
        && one.InclusiveTags == other.InclusiveTags
        && one.ExclusiveTags == other.ExclusiveTags
        && one.SegmentId == other.SegmentId
        && one.BatchSizePerHour == other.BatchSizePerHour
        && one.SendAtWritten == other.SendAtWritten
        && one.UncertainPolicy == other.UncertainPolicy;
}
