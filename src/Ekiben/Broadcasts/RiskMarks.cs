using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>What makes a broadcast unlike the others of its site.</summary>
/// <param name="Code">Stable.</param>
/// <param name="Label">Two or three words, for a list.</param>
/// <param name="Text">One sentence with its numbers.</param>
internal sealed record RiskMark(string Code, string Label, string Text);

/// <summary>Compares a broadcast that has not started with what its site sent before and is about to send.</summary>
internal sealed class RiskMarks(Database database, Audiences audiences, TimeProvider clock)
{
    /// <summary>Larger than the largest of the last ones by this factor is bigger than usual.</summary>
    private const double MuchLarger = 1.5;

    /// <summary>Fewer people more or less are nobody's worry.</summary>
    private const long FewPeople = 50;

    private const int LastOnes = 20;

    /// <summary>How far back a tag's uses are looked for.</summary>
    private const int TagMemory = 500;

    /// <summary>Others near in time that are compared, person by person or by a sample of them.</summary>
    private const int MaxNeighbours = 5;

    private static readonly TimeSpan Near = TimeSpan.FromHours(24);

    public async Task<IReadOnlyList<RiskMark>> FindAsync(Broadcast broadcast, AudienceRule rule, long recipients, CancellationToken cancel)
    {
        await using var db = database.Open(rule.Site);
        var marks = new List<RiskMark>();
        await AddSizeAsync(marks, db, recipients, cancel);
        await AddFirstTagAsync(marks, db, rule, cancel);
        await AddOverlapAsync(marks, db, broadcast, rule, recipients, cancel);
        if (broadcast.CountWhenMade is { } then && Math.Abs(recipients - then) is var moved && moved > FewPeople && moved > then * Schedule.DriftShare)
        {
            var share = then == 0 ? "" : string.Create(System.Globalization.CultureInfo.InvariantCulture, $" ({(recipients - then) * 100.0 / then:+0;-0} %)");
            marks.Add(new RiskMark("drifted", "audience moved", $"It reached {Wording.People(then)} when it was made and reaches {Wording.Number(recipients)} now{share}."));
        }

        return marks;
    }

    private static async Task AddSizeAsync(List<RiskMark> marks, Db db, long recipients, CancellationToken cancel)
    {
        var largest = await db.Broadcasts.Where(b => b.Status == BroadcastStatus.Sent && b.Recipients > 0)
            .OrderByDescending(b => b.Id).Take(LastOnes).Select(b => (long?)b.Recipients).MaxAsync(cancel);
        if (largest is { } usual && recipients > usual * MuchLarger && recipients - usual > FewPeople)
        {
            marks.Add(new RiskMark("bigger_than_usual", "bigger than usual", $"It is bigger than usual: the largest of the last {LastOnes} went to {Wording.People(usual)}."));
        }
    }

    private static async Task AddFirstTagAsync(List<RiskMark> marks, Db db, AudienceRule rule, CancellationToken cancel)
    {
        if (rule.InclusiveTags.Count == 0)
        {
            return;
        }

        var used = await db.Broadcasts.Where(b => b.StartedAt != null && b.InclusiveTags != "")
            .OrderByDescending(b => b.Id).Take(TagMemory).Select(b => b.InclusiveTags).Distinct().ToListAsync(cancel);
        var known = used.SelectMany(TagList.Parse).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var fresh = rule.InclusiveTags.Where(tag => !known.Contains(tag)).ToList();
        if (fresh.Count > 0)
        {
            var names = string.Join(", ", fresh.Select(tag => $"“{tag}”"));
            marks.Add(new RiskMark("first_use_of_tag", "first use of a tag", fresh.Count == 1 ? $"Nothing was sent to the tag {names} before." : $"Nothing was sent to the tags {names} before."));
        }
    }

    private async Task AddOverlapAsync(List<RiskMark> marks, Db db, Broadcast broadcast, AudienceRule rule, long recipients, CancellationToken cancel)
    {
        if (recipients == 0)
        {
            return;
        }

        var now = clock.GetUtcNow();
        var start = SendingPlan.BeforeStart(recipients, broadcast.BatchSizePerHour, broadcast.SendAt, now).StartsAt;
        var (from, to) = (start - Near, start + Near);
        var scheduled = await db.Broadcasts.AsNoTracking()
            .Where(b => b.Id != broadcast.Id
                && ((b.StartedAt != null && b.StartedAt > from && b.StartedAt < to && b.Status != BroadcastStatus.Canceled)
                    || (b.StartedAt == null && (b.Status == BroadcastStatus.Scheduled || b.Status == BroadcastStatus.Held) && (b.SendAt == null || (b.SendAt > from && b.SendAt < to)))))
            .OrderByDescending(b => b.Id).Take(MaxNeighbours).ToListAsync(cancel);
        foreach (var other in scheduled)
        {
            var overlap = other.FrozenAt is not null
                ? await audiences.OverlapAsync(rule, other.Id, cancel)
                : await audiences.OverlapAsync(rule, await RuleOfAsync(db, other, cancel), cancel);
            if (overlap.Of(recipients) is > 0 and var shared)
            {
                var when = other.StartedAt ?? other.SendAt ?? now;
                marks.Add(new RiskMark(
                    "overlap:" + other.Id, "overlaps another", $"{(overlap.IsSample ? "About " : "")}{Wording.People(shared)} of these {(shared == 1 ? "gets" : "get")} “{other.Name}” within 24 hours too ({Wording.Ago(when, now)})."));
            }
        }
    }

    private static async Task<AudienceRule> RuleOfAsync(Db db, Broadcast broadcast, CancellationToken cancel)
    {
        var site = await db.Sites.AsNoTracking().SingleAsync(s => s.Id == broadcast.SiteId, cancel);
        return AudienceRule.Of(site.Id, Manifest.Of(broadcast, site, await BroadcastActions.SegmentRuleOfAsync(db, broadcast, cancel)));
    }
}
