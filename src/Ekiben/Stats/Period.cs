using System.Globalization;
using Ekiben.Broadcasts;

namespace Ekiben.Stats;

/// <summary>Whole days of a site: from the beginning of the first to the end of the last, exclusive.</summary>
internal readonly record struct Period(DateTimeOffset From, DateTimeOffset Until)
{
    private const int DefaultDays = 30;

    private static readonly string[] OtherForms = ["yyyy/M/d", "M/d/yyyy", "d MMM yyyy", "MMM d yyyy", "MMM d, yyyy", "d MMMM yyyy", "MMMM d yyyy", "MMMM d, yyyy"];

    /// <summary>Days as <c>2026-11-24</c> or in words (today, yesterday, last or this week, month or year, <c>N days ago</c>); absent, the last 30 days until today.</summary>
    /// <param name="start">The first day.</param>
    /// <param name="end">The last day.</param>
    /// <param name="zone">Whose days.</param>
    /// <param name="now">For the words.</param>
    /// <param name="period">What was read.</param>
    /// <param name="isStrict">Whether other forms of a date, such as 11/24/2026, are refused.</param>
    public static bool TryParse(string? start, string? end, TimeZoneInfo zone, DateTimeOffset now, out Period period, bool isStrict = false)
    {
        period = default;
        var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, zone).DateTime);
        var (first, last) = (today.AddDays(1 - DefaultDays), today);
        if (end is not null)
        {
            if (Day(end, today, zone, isStrict) is not { } given)
            {
                return false;
            }

            (first, last) = (given.Last.AddDays(1 - DefaultDays), given.Last);
        }

        if (start is not null)
        {
            if (Day(start, today, zone, isStrict) is not { } given)
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

    private static (DateOnly First, DateOnly Last)? Day(string text, DateOnly today, TimeZoneInfo zone, bool isStrict)
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

        if (SendAt.TryParse(text, zone, out var at) && at.Year is > 1900 and < 9000)
        {
            var local = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(at, zone).DateTime);
            return (local, local);
        }

        return !isStrict && DateOnly.TryParseExact(text.Trim(), OtherForms, CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) && day.Year is > 1900 and < 9000 ? (day, day) : null;
    }
}
