using System.Globalization;
using Ekiben.Events;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Stats;

/// <summary>A figure, or a row of days. <paramref name="Data"/> is a number or a list of <see cref="Point"/>.</summary>
internal sealed record Report(object Data, string ChartStyle, string ReportType, string ReportName);

/// <summary>Group, day (2026-11-24, in the site's time zone) and figure.</summary>
internal sealed record Point(string G, string X, long Y);

/// <summary>The reports that every site has. The rows of days go over the last 30, today included.</summary>
internal sealed class Reports(Db db, Site site, DateTimeOffset now)
{
    private const int Days = 30;

    /// <summary>Types of events that are told apart; those that come later are one group.</summary>
    private const int MaxGroups = 100;

    private const string Others = "(others)";

    public static readonly IReadOnlyList<string> Ids = ["report_subscribers", "report_unsubscribers", "report_signups", "report_unsubscribes", "report_events", "report_revenue"];

    private readonly TimeZoneInfo _zone = TimeZoneInfo.TryFindSystemTimeZoneById(site.TimeZone, out var zone) ? zone : TimeZoneInfo.Utc;

    /// <summary>Null when there is no report of that id.</summary>
    public async Task<Report?> ReadAsync(string id, CancellationToken cancel) => id switch
    {
        "report_subscribers" => Counter("Subscribers", await db.Subscribers.LongCountAsync(person => person.UnsubscribedAt == null, cancel)),
        "report_unsubscribers" => Counter("Unsubscribed", await db.Subscribers.LongCountAsync(person => person.UnsubscribedAt != null, cancel)),
        "report_signups" => await ByDayAsync("New people", db.Subscribers.Where(person => person.CreatedAt >= Since)
            .Select(person => new Line("People", person.CreatedAt, 1)), cancel),
        "report_unsubscribes" => await ByDayAsync("Unsubscriptions", db.Subscribers.Where(person => person.UnsubscribedAt != null && person.UnsubscribedAt >= Since)
            .Select(person => new Line("People", person.UnsubscribedAt!.Value, 1)), cancel),
        "report_events" => await ByDayAsync("Events", db.Events.Where(happened => happened.At >= Since)
            .Select(happened => new Line(happened.Type, happened.At, 1)), cancel),
        "report_revenue" => await ByDayAsync("Revenue in cents", db.Events.Where(happened => happened.Type == EventTypes.Purchase && happened.Amount != null && happened.At >= Since)
            .Select(happened => new Line(happened.Currency!, happened.At, happened.Amount!.Value)), cancel),
        _ => null,
    };

    private DateTimeOffset Since => now.AddDays(-Days - 1);

    private static Report Counter(string name, long figure) => new(figure, "counter", "counter", name);

    /// <summary>Days of a time zone are no arithmetic that databases agree on: times are streamed and put into days here.</summary>
    private async Task<Report> ByDayAsync(string name, IQueryable<Line> lines, CancellationToken cancel)
    {
        var today = Day(now);
        var first = today.AddDays(1 - Days);
        var sums = new SortedDictionary<(string Group, DateOnly Day), long>();
        var groups = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var line in lines.AsAsyncEnumerable().WithCancellation(cancel))
        {
            var day = Day(line.At);
            if (day >= first && day <= today)
            {
                var group = groups.Contains(line.Group) || (groups.Count < MaxGroups && groups.Add(line.Group)) ? line.Group : Others;
                var sum = (Int128)sums.GetValueOrDefault((group, day)) + line.Figure;
                sums[(group, day)] = (long)Int128.Clamp(sum, long.MinValue, long.MaxValue);
            }
        }

        return new Report(
            sums.Select(sum => new Point(sum.Key.Group, sum.Key.Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), sum.Value)).ToList(),
            "column_chart", "time_series", name);
    }

    private DateOnly Day(DateTimeOffset at) => DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(at, _zone).DateTime);

    private sealed record Line(string Group, DateTimeOffset At, long Figure);
}
