using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Feedback;

/// <summary>What was counted of a broadcast's reactions. Machines that fetch and follow everything are in it: an upper bound, no truth.</summary>
/// <param name="Openers">People whose pixel was fetched.</param>
/// <param name="Opens">Fetches of the pixel.</param>
/// <param name="Clicks">Links followed.</param>
/// <param name="ByUrl">The same by target, most first.</param>
internal sealed record ReactionStats(long Openers, long Opens, long Clicks, IReadOnlyList<UrlClicks> ByUrl)
{
    /// <summary>Targets shown of one broadcast.</summary>
    private const int MaxUrls = 100;

    public static readonly ReactionStats None = new(0, 0, 0, []);

    /// <summary>In percent of the recipients, one decimal.</summary>
    public double OpenRate(long recipients) => recipients == 0 ? 0 : Math.Round(100.0 * Openers / recipients, 1);

    public static async Task<IReadOnlyDictionary<BroadcastId, ReactionStats>> ReadAsync(Db db, IReadOnlyList<BroadcastId> broadcasts, CancellationToken cancel)
    {
        var counts = await db.Reactions.Where(r => broadcasts.Contains(r.BroadcastId))
            .GroupBy(r => new { r.BroadcastId, r.Kind, r.Url })
            .Select(group => new { group.Key.BroadcastId, group.Key.Kind, group.Key.Url, Count = group.LongCount() })
            .ToListAsync(cancel);
        var openers = await db.Reactions.Where(r => r.Kind == ReactionKind.Open && broadcasts.Contains(r.BroadcastId))
            .Select(r => new { r.BroadcastId, r.SubscriberId }).Distinct()
            .GroupBy(r => r.BroadcastId).Select(group => new { group.Key, Count = group.LongCount() })
            .ToDictionaryAsync(line => line.Key, line => line.Count, cancel);
        return counts.GroupBy(line => line.BroadcastId).ToDictionary(lines => lines.Key, lines =>
        {
            var clicks = lines.Where(line => line.Kind == ReactionKind.Click).OrderByDescending(line => line.Count).ToList();
            return new ReactionStats(
                openers.GetValueOrDefault(lines.Key),
                lines.Where(line => line.Kind == ReactionKind.Open).Sum(line => line.Count),
                clicks.Sum(line => line.Count),
                [.. clicks.Take(MaxUrls).Select(line => new UrlClicks(line.Url!, line.Count))]);
        });
    }
}

/// <summary>A target and how often it was followed.</summary>
internal sealed record UrlClicks(string Url, long Count);
