using System.Globalization;

namespace Ekiben.Stats;

/// <summary>Whole days of a site: from the beginning of the first to the end of the last, exclusive.</summary>
internal readonly record struct Period(DateTimeOffset From, DateTimeOffset Until)
{
    private const int DefaultDays = 30;

    /// <summary>Days as <c>2026-11-24</c> or in words (today, yesterday, last or this week, month or year, <c>N days ago</c>); absent, the last 30 days until today.</summary>
    public static bool TryParse(string? start, string? end, TimeZoneInfo zone, DateTimeOffset now, out Period period)
    {
        period = default;
        var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, zone).DateTime);
        var (first, last) = (today.AddDays(1 - DefaultDays), today);
        if (end is not null)
        {
            if (Day(end, today) is not { } given)
            {
                return false;
            }

            (first, last) = (given.Last.AddDays(1 - DefaultDays), given.Last);
        }

        if (start is not null)
        {
            if (Day(start, today) is not { } given)
            {
                return false;
            }

            first = given.First;
        }

        period = new Period(Begin(first, zone), Begin(last.AddDays(1), zone));
        return true;
    }

    private static DateTimeOffset Begin(DateOnly day, TimeZoneInfo zone)
    {
        var local = day.ToDateTime(TimeOnly.MinValue);
        return new DateTimeOffset(local, zone.GetUtcOffset(local));
    }

    private static (DateOnly First, DateOnly Last)? Day(string text, DateOnly today)
    {
        var week = today.AddDays(-(((int)today.DayOfWeek + 6) % 7));
        var month = new DateOnly(today.Year, today.Month, 1);
        switch (text.Trim().ToLowerInvariant())
        {
            case "today" or "now":
                return (today, today);
            case "yesterday":
                return (today.AddDays(-1), today.AddDays(-1));
            case "this week":
                return (week, today);
            case "last week":
                return (week.AddDays(-7), week.AddDays(-1));
            case "this month":
                return (month, today);
            case "last month":
                return (month.AddMonths(-1), month.AddDays(-1));
            case "this year":
                return (new DateOnly(today.Year, 1, 1), today);
            case "last year":
                return (new DateOnly(today.Year - 1, 1, 1), new DateOnly(today.Year - 1, 12, 31));
            case var ago when ago.EndsWith(" days ago", StringComparison.Ordinal) && int.TryParse(ago[..^9], NumberStyles.None, CultureInfo.InvariantCulture, out var days) && days <= 36_500:
                return (today.AddDays(-days), today.AddDays(-days));
        }

        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) && at.Year is > 1900 and < 9000
            ? (DateOnly.FromDateTime(at.DateTime), DateOnly.FromDateTime(at.DateTime))
            : null;
    }
}
