using Ekiben.Broadcasts;
using Ekiben.Segments;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tags;

/// <summary>What names a tag: a tag that is renamed or deleted changes whom these mean.</summary>
internal static class TagUses
{
    /// <summary>Broadcasts that are not finished and segments, as names for people; at most so many of each are looked at.</summary>
    public static async Task<IReadOnlyList<string>> FindAsync(Db db, string tag, CancellationToken cancel)
    {
        var broadcasts = await db.Broadcasts
            .Where(b => b.Status != BroadcastStatus.Sent && b.Status != BroadcastStatus.Canceled && (b.InclusiveTags.Contains(tag) || b.ExclusiveTags.Contains(tag)))
            .OrderByDescending(b => b.Id).Take(ListLimit)
            .Select(b => new { b.Name, b.InclusiveTags, b.ExclusiveTags }).ToListAsync(cancel);
        var segments = await db.Segments.OrderBy(s => s.Name).Take(SegmentsApi.MaxSegments).Select(s => new { s.Name, s.Rule }).ToListAsync(cancel);
        return
        [
            .. broadcasts.Where(b => Names(b.InclusiveTags).Concat(Names(b.ExclusiveTags)).Contains(tag, StringComparer.OrdinalIgnoreCase)).Select(b => $"the broadcast “{b.Name}”"),
            .. segments.Where(s => Carries(SegmentRule.Parse(s.Rule), tag)).Select(s => $"the segment “{s.Name}”"),
        ];
    }

    private const int ListLimit = 200;

    private static string[] Names(string list) => list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static bool Carries(SegmentRule rule, string tag) => rule switch
    {
        SegmentRule.HasTag has => has.Name.Equals(tag, StringComparison.OrdinalIgnoreCase),
        SegmentRule.Not not => Carries(not.Rule, tag),
        SegmentRule.All all => all.Rules.Any(inner => Carries(inner, tag)),
        SegmentRule.Any any => any.Rules.Any(inner => Carries(inner, tag)),
        _ => false,
    };
}
