using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Feedback;

/// <summary>What was counted of a broadcast's reactions. Machines that fetch and follow everything are in it: an upper bound, no truth.</summary>
/// <param name="Openers">People whose pixel was fetched.</param>
/// <param name="Opens">Fetches of the pixel.</param>
/// <param name="Clicks">Links followed.</param>
/// <param name="Clickers">People of whose message a link was followed.</param>
/// <param name="Unsubscribed">People who left by the link of their message.</param>
/// <param name="ByUrl">The clicks by target, most first.</param>
internal sealed record ReactionStats(long Openers, long Opens, long Clicks, long Clickers, long Unsubscribed, IReadOnlyList<UrlClicks> ByUrl)
{
    /// <summary>Targets shown of one broadcast.</summary>
    private const int MaxUrls = 100;

    public static readonly ReactionStats None = new(0, 0, 0, 0, 0, []);

    /// <summary>In percent of the recipients, one decimal.</summary>
    public double OpenRate(long recipients) => recipients == 0 ? 0 : Math.Round(100.0 * Openers / recipients, 1);

    public static async Task<IReadOnlyDictionary<BroadcastId, ReactionStats>> ReadAsync(Db db, IReadOnlyList<BroadcastId> broadcasts, CancellationToken cancel)
    {
        var counts = await db.Reactions.Where(r => broadcasts.Contains(r.BroadcastId))
            .GroupBy(r => new { r.BroadcastId, r.Kind, r.Url })
            .Select(group => new { group.Key.BroadcastId, group.Key.Kind, group.Key.Url, Count = group.LongCount() })
            .ToListAsync(cancel);
        var people = (await db.Reactions.Where(r => broadcasts.Contains(r.BroadcastId))
                .Select(r => new { r.BroadcastId, r.Kind, r.SubscriberId }).Distinct()
                .GroupBy(r => new { r.BroadcastId, r.Kind }).Select(group => new { group.Key.BroadcastId, group.Key.Kind, Count = group.LongCount() })
                .ToListAsync(cancel))
            .ToDictionary(line => (line.BroadcastId, line.Kind), line => line.Count);
        return counts.GroupBy(line => line.BroadcastId).ToDictionary(lines => lines.Key, lines =>
        {
            var clicks = lines.Where(line => line.Kind == ReactionKind.Click).OrderByDescending(line => line.Count).ToList();
            return new ReactionStats(
                people.GetValueOrDefault((lines.Key, ReactionKind.Open)),
                lines.Where(line => line.Kind == ReactionKind.Open).Sum(line => line.Count),
                clicks.Sum(line => line.Count),
                people.GetValueOrDefault((lines.Key, ReactionKind.Click)),
                people.GetValueOrDefault((lines.Key, ReactionKind.Unsubscribe)),
                [.. clicks.Take(MaxUrls).Select(line => new UrlClicks(line.Url!, line.Count))]);
        });
    }
}

/// <summary>A target and how often it was followed.</summary>
internal sealed record UrlClicks(string Url, long Count);
