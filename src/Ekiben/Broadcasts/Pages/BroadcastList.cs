using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts.Pages;

/// <summary>Which broadcasts the home page shows; <see cref="Word"/> stands in its address.</summary>
internal sealed record ListFilter(string Word, string Label, string Empty, IReadOnlyList<BroadcastStatus> Statuses)
{
    public static readonly IReadOnlyList<ListFilter> All =
    [
        new("draft", "To approve", "Nothing waits for an approval.", [BroadcastStatus.Draft]),
        new("scheduled", "Scheduled", "Nothing is scheduled.", [BroadcastStatus.Scheduled]),
        new("sending", "Sending", "Nothing is being sent.", [BroadcastStatus.Sending]),
        new("stopped", "Stopped", "Nothing is paused or held.", [BroadcastStatus.Paused, BroadcastStatus.Held]),
        new("sent", "Sent", "Nothing has been sent yet.", [BroadcastStatus.Sent]),
        new("canceled", "Canceled", "Nothing was canceled.", [BroadcastStatus.Canceled]),
        new("all", "All", "There are no broadcasts yet.", Enum.GetValues<BroadcastStatus>()),
    ];

    /// <summary>The filter of a word in the address; the approvals when there is none or it is unknown.</summary>
    public static ListFilter Of(string? word) => word switch
    {
        "paused" or "held" => All[3],
        _ => All.FirstOrDefault(f => f.Word == word) ?? All[0],
    };
}

/// <summary>A line of the list. <see cref="Broadcast"/> comes with the beginning of its content alone.</summary>
internal sealed record BroadcastRow(Broadcast Broadcast, Site Site, string? SegmentName)
{
    /// <summary>Whom it is for, as its own rule has it now.</summary>
    public string RuleInWords => Pages.RuleInWords.Describe(
        TagList.Parse(Broadcast.InclusiveTags), TagList.Parse(Broadcast.ExclusiveTags), Broadcast.SegmentId.Length == 0 ? null : SegmentName ?? Broadcast.SegmentId, null);
}

/// <summary>Reads what the home page shows.</summary>
internal sealed class BroadcastList(Database database)
{
    public const int PageSize = 50;

    public async Task<Dictionary<BroadcastStatus, int>> CountByStatusAsync(SiteId? site, CancellationToken cancel)
    {
        await using var db = Open(site);
        return await db.Broadcasts.GroupBy(b => b.Status).Select(g => new { g.Key, Count = g.Count() }).ToDictionaryAsync(g => g.Key, g => g.Count, cancel);
    }

    /// <summary>The newest first; <paramref name="page"/> counts from 1.</summary>
    public async Task<IReadOnlyList<BroadcastRow>> ReadAsync(ListFilter filter, SiteId? site, int page, CancellationToken cancel)
    {
        await using var db = Open(site);
        var statuses = filter.Statuses.ToArray();
        return await db.Broadcasts
            .Where(b => statuses.Contains(b.Status))
            .OrderByDescending(b => b.Id)
            .Skip((page - 1) * PageSize)
            .Take(PageSize)
            .Join(db.Sites, b => b.SiteId, s => s.Id, (b, s) => new BroadcastRow(
                new Broadcast
                {
                    Id = b.Id,
                    SiteId = b.SiteId,
                    Name = b.Name,
                    Subject = b.Subject,
                    // Enough for its first lines; the whole can be a megabyte.
                    Content = b.Content.Substring(0, FirstLines.Reads),
                    Type = b.Type,
                    FromEmail = b.FromEmail,
                    FromName = b.FromName,
                    InclusiveTags = b.InclusiveTags,
                    ExclusiveTags = b.ExclusiveTags,
                    SegmentId = b.SegmentId,
                    BatchSizePerHour = b.BatchSizePerHour,
                    SendAt = b.SendAt,
                    Status = b.Status,
                    StatusReason = b.StatusReason,
                    CreatedBy = b.CreatedBy,
                    CreatedAt = b.CreatedAt,
                    UpdatedAt = b.UpdatedAt,
                    CountWhenMade = b.CountWhenMade,
                    PreviewText = b.PreviewText,
                    StartedAt = b.StartedAt,
                    FrozenAt = b.FrozenAt,
                    FinishedAt = b.FinishedAt,
                    Matched = b.Matched,
                    Excluded = b.Excluded,
                    Unsubscribed = b.Unsubscribed,
                    SuppressedBefore = b.SuppressedBefore,
                    DuplicateAddresses = b.DuplicateAddresses,
                    Recipients = b.Recipients,
                },
                s,
                db.Segments.Where(segment => segment.SiteId == b.SiteId && segment.PublicId == b.SegmentId).Select(segment => segment.Name).FirstOrDefault()))
            .AsNoTracking()
            .ToListAsync(cancel);
    }

    public async Task<Site?> FindSiteAsync(string? uuid, CancellationToken cancel)
    {
        if (uuid is null)
        {
            return null;
        }

        await using var db = database.OpenEverySite();
        return await db.Sites.AsNoTracking().FirstOrDefaultAsync(s => s.Uuid == uuid, cancel);
    }

    private Db Open(SiteId? site) => site is { } one ? database.Open(one) : database.OpenEverySite();
}
