using Ekiben.Liquid.Dates;
using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Filters;

/// <summary>Shopify's <c>date</c> and Bento's filters that count time from the render clock.</summary>
internal static class DateFilters
{
    private const double DaysAYear = 365.25;

    /// <summary>A value that is no date, or an empty format, passes through unchanged.</summary>
    public static Value Date(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var format = ValueText.Of(arguments.First, renderer);
        if (format.Length == 0 || !TryRead(renderer, input, out var time))
        {
            return input;
        }

        var builder = new TextBuilder(renderer);
        Strftime.Append(ref builder, time, renderer.TimeZone, format, renderer);
        return builder.FinishValue();
    }

    public static Value InTimeZone(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        if (!TryRead(renderer, input, out var time))
        {
            return input;
        }

        var name = ValueText.Of(arguments.First, renderer);
        return TimeZones.Find(name) is { } zone
            ? Value.Of(TimeZoneInfo.ConvertTime(time, zone))
            : throw renderer.Error(TemplateErrors.Argument, $"There is no time zone '{name}'");
    }

    public static Value EndOfYear(Renderer renderer, in Value input, in FilterArguments arguments) => TryRead(renderer, input, out var time)
        ? Value.Of(new DateTimeOffset(time.Year, 12, 31, 23, 59, 59, time.Offset))
        : input;

    public static Value DaysUntil(Renderer renderer, in Value input, in FilterArguments arguments) => Days(renderer, input, 1, 1);

    public static Value DaysSince(Renderer renderer, in Value input, in FilterArguments arguments) => Days(renderer, input, -1, 1);

    public static Value WeeksUntil(Renderer renderer, in Value input, in FilterArguments arguments) => Days(renderer, input, 1, 7);

    public static Value WeeksSince(Renderer renderer, in Value input, in FilterArguments arguments) => Days(renderer, input, -1, 7);

    public static Value MonthsUntil(Renderer renderer, in Value input, in FilterArguments arguments) => Months(renderer, input, until: true, 1);

    public static Value MonthsSince(Renderer renderer, in Value input, in FilterArguments arguments) => Months(renderer, input, until: false, 1);

    public static Value YearsUntil(Renderer renderer, in Value input, in FilterArguments arguments) => Months(renderer, input, until: true, 12);

    public static Value YearsSince(Renderer renderer, in Value input, in FilterArguments arguments) => Months(renderer, input, until: false, 12);

    /// <summary>The distance to the render clock in the words of Rails' helper of that name.</summary>
    public static Value TimeAgoInWords(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        if (!TryRead(renderer, input, out var time))
        {
            return input;
        }

        var distance = (renderer.Now - time).Duration();
        var minutes = (long)Math.Round(distance.TotalMinutes, MidpointRounding.AwayFromZero);
        var words = minutes switch
        {
            0 => "less than a minute",
            < 45 => Plural(minutes, "minute"),
            < 90 => "about 1 hour",
            < 1440 => "about " + Plural(Rounded(minutes / 60.0), "hour"),
            < 2520 => "1 day",
            < 43200 => Plural(Rounded(minutes / 1440.0), "day"),
            < 86400 => "about " + Plural(Rounded(minutes / 43200.0), "month"),
            < 525600 => Plural(Rounded(minutes / 43200.0), "month"),
            _ => Years(minutes / (60 * 24 * DaysAYear)),
        };
        return renderer.Created(words);
    }

    private static string Years(double years)
    {
        var whole = (long)years;
        return (years - whole) switch
        {
            < 0.25 => "about " + Plural(Math.Max(1, whole), "year"),
            < 0.75 => "over " + Plural(Math.Max(1, whole), "year"),
            _ => "almost " + Plural(whole + 1, "year"),
        };
    }

    private static long Rounded(double number) => (long)Math.Round(number, MidpointRounding.AwayFromZero);

    private static string Plural(long count, string unit) => count == 1 ? $"1 {unit}" : $"{count} {unit}s";

    private static Value Days(Renderer renderer, in Value input, int direction, int unit)
    {
        if (!TryRead(renderer, input, out var time))
        {
            return input;
        }

        // Calendar days in the render zone: tomorrow is one day away at any hour of today.
        var days = Day(renderer, time).DayNumber - Day(renderer, renderer.Now).DayNumber;
        return Value.Of((long)(days * direction / unit));
    }

    private static Value Months(Renderer renderer, in Value input, bool until, int unit)
    {
        if (!TryRead(renderer, input, out var time))
        {
            return input;
        }

        var (from, to) = until ? (Day(renderer, renderer.Now), Day(renderer, time)) : (Day(renderer, time), Day(renderer, renderer.Now));
        var sign = 1;
        if (to < from)
        {
            (from, to, sign) = (to, from, -1);
        }

        // Whole months only: the 31st to the 30th of the next month is not one yet, unless that month ends there.
        var months = ((to.Year - from.Year) * 12) + to.Month - from.Month;
        var isShort = to.Day < from.Day && to.Day < DateTime.DaysInMonth(to.Year, to.Month);
        return Value.Of((long)(sign * ((months - (isShort ? 1 : 0)) / unit)));
    }

    private static DateOnly Day(Renderer renderer, DateTimeOffset time) =>
        DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(time, renderer.TimeZone).DateTime);

    private static bool TryRead(Renderer renderer, in Value input, out DateTimeOffset time)
    {
        switch (input.Kind)
        {
            case ValueKind.Time:
                time = input.Time;
                return true;
            case ValueKind.Day:
                return TimeZones.TryAttach(input.Time.DateTime, renderer.TimeZone, out time);
            case ValueKind.Integer:
                return TryReadTimestamp(renderer, input.Integer, out time);
            case ValueKind.String:
                renderer.Work(input.Text.Length);
                return TryReadText(renderer, input.Text, out time);
            default:
                time = default;
                return false;
        }
    }

    private static bool TryReadText(Renderer renderer, string text, out DateTimeOffset time)
    {
        time = renderer.Now;
        if (text.Equals("now", StringComparison.OrdinalIgnoreCase) || text.Equals("today", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        var isTimestamp = text.Length is > 0 and < 19 && !text.AsSpan().ContainsAnyExceptInRange('0', '9');
        return isTimestamp
            ? TryReadTimestamp(renderer, long.Parse(text, System.Globalization.CultureInfo.InvariantCulture), out time)
            : DateReader.TryRead(text, renderer.Now, renderer.TimeZone, out time);
    }

    private static bool TryReadTimestamp(Renderer renderer, long seconds, out DateTimeOffset time)
    {
        var isKnown = seconds >= DateTimeOffset.MinValue.ToUnixTimeSeconds() && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds();
        time = isKnown ? TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeSeconds(seconds), renderer.TimeZone) : default;
        return isKnown;
    }
}
