using System.Globalization;
using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Dates;

/// <summary>
/// Ruby's Time#strftime: <c>%[flags][width]directive</c> with the flags <c>- 0 ^ # _ :</c>. English names, as Ruby's. An unknown
/// directive is printed as it stands.
/// </summary>
internal static class Strftime
{
    private const int MaxWidth = 100;
    private const int MaxNesting = 2;

    public static void Append(
        ref TextBuilder builder, DateTimeOffset time, TimeZoneInfo zone, ReadOnlySpan<char> format, Renderer renderer, int depth = 0)
    {
        while (format.IndexOf('%') is var at && at >= 0)
        {
            builder.Append(format[..at]);
            format = format[at..];
            renderer.Step();
            var directive = Directive.Read(format);
            if (directive.Letter == '\0' || !TryAppend(ref builder, directive, time, zone, renderer, depth))
            {
                builder.Append(format[..directive.Length]);
            }

            format = format[directive.Length..];
        }

        builder.Append(format);
    }

    private static bool TryAppend(ref TextBuilder builder, Directive directive, DateTimeOffset time, TimeZoneInfo zone, Renderer renderer, int depth)
    {
        if (Composite(directive.Letter) is { } composite)
        {
            if (depth >= MaxNesting)
            {
                return false;
            }

            var inner = new TextBuilder(renderer);
            Append(ref inner, time, zone, composite, renderer, depth + 1);
            AppendText(ref builder, directive, inner.Finish());
            return true;
        }

        if (Number(directive.Letter, time) is { } number)
        {
            AppendNumber(ref builder, directive, number.Value, number.Width, number.Padding);
            return true;
        }

        var text = directive.Letter switch
        {
            '%' => "%",
            'n' => "\n",
            't' => "\t",
            'A' => time.ToString("dddd", CultureInfo.InvariantCulture),
            'a' => time.ToString("ddd", CultureInfo.InvariantCulture),
            'B' => time.ToString("MMMM", CultureInfo.InvariantCulture),
            'b' or 'h' => time.ToString("MMM", CultureInfo.InvariantCulture),
            'p' when !directive.ChangesCase => time.ToString("tt", CultureInfo.InvariantCulture),
            'p' or 'P' => time.ToString("tt", CultureInfo.InvariantCulture).ToLowerInvariant(),
            'Z' => ZoneName(time, zone),
            'z' => Offset(time.Offset, directive.Colons),
            'N' => Fraction(time, directive.Width > 0 ? directive.Width : 9),
            'L' => Fraction(time, directive.Width > 0 ? directive.Width : 3),
            _ => null,
        };
        if (text is null)
        {
            return false;
        }

        AppendText(ref builder, directive, text);
        return true;
    }

    private static string? Composite(char letter) => letter switch
    {
        'c' => "%a %b %e %H:%M:%S %Y",
        'D' or 'x' => "%m/%d/%y",
        'F' => "%Y-%m-%d",
        'v' => "%e-%^b-%Y",
        'X' or 'T' => "%H:%M:%S",
        'r' => "%I:%M:%S %p",
        'R' => "%H:%M",
        '+' => "%a %b %e %H:%M:%S %Z %Y",
        _ => null,
    };

    private static (long Value, int Width, char Padding)? Number(char letter, DateTimeOffset time)
    {
        var hour = time.Hour % 12 == 0 ? 12 : time.Hour % 12;
        var weekday = (int)time.DayOfWeek;
        return letter switch
        {
            'Y' => (time.Year, 4, '0'),
            'C' => (time.Year / 100, 2, '0'),
            'y' => (time.Year % 100, 2, '0'),
            'm' => (time.Month, 2, '0'),
            'd' => (time.Day, 2, '0'),
            'e' => (time.Day, 2, ' '),
            'j' => (time.DayOfYear, 3, '0'),
            'H' => (time.Hour, 2, '0'),
            'k' => (time.Hour, 2, ' '),
            'I' => (hour, 2, '0'),
            'l' => (hour, 2, ' '),
            'M' => (time.Minute, 2, '0'),
            'S' => (time.Second, 2, '0'),
            's' => (time.ToUnixTimeSeconds(), 1, '0'),
            'Q' => (time.ToUnixTimeMilliseconds(), 1, '0'),
            'u' => (weekday == 0 ? 7 : weekday, 1, '0'),
            'w' => (weekday, 1, '0'),
            'G' => (ISOWeek.GetYear(time.DateTime), 4, '0'),
            'g' => (ISOWeek.GetYear(time.DateTime) % 100, 2, '0'),
            'V' => (ISOWeek.GetWeekOfYear(time.DateTime), 2, '0'),
            'U' => ((time.DayOfYear + 6 - weekday) / 7, 2, '0'),
            'W' => ((time.DayOfYear + 6 - ((weekday + 6) % 7)) / 7, 2, '0'),
            _ => null,
        };
    }

    private static void AppendNumber(ref TextBuilder builder, Directive directive, long number, int width, char padding)
    {
        var digits = Math.Abs(number).ToString(CultureInfo.InvariantCulture);
        var fill = directive.Padding switch
        {
            '-' => '\0',
            '_' => ' ',
            '0' => '0',
            _ => padding,
        };
        var wanted = directive.Width > 0 ? directive.Width : fill == '\0' ? 0 : width;
        var sign = number < 0 ? "-" : "";
        if (fill == ' ')
        {
            builder.Append((sign + digits).PadLeft(wanted));
            return;
        }

        builder.Append(sign);
        builder.Append(fill == '\0' ? digits : digits.PadLeft(wanted - sign.Length, '0'));
    }

    private static void AppendText(ref TextBuilder builder, Directive directive, string text)
    {
        var isClock = directive.Letter is 'p' or 'P' or 'Z';
        var cased = directive.IsUpper || (directive.ChangesCase && !isClock) ? text.ToUpperInvariant() : text;
        var isFraction = directive.Letter is 'N' or 'L';
        builder.Append(isFraction ? cased : cased.PadLeft(directive.Width, directive.Padding == '0' ? '0' : ' '));
    }

    private static string ZoneName(DateTimeOffset time, TimeZoneInfo zone)
    {
        if (time.Offset == TimeSpan.Zero)
        {
            return "UTC";
        }

        // .NET knows no abbreviations; the offset is what Ruby prints for zones without a name.
        return zone.GetUtcOffset(time) == time.Offset && zone.StandardName.Length is > 0 and <= 5 && !zone.IsDaylightSavingTime(time)
            ? zone.StandardName
            : Offset(time.Offset, 1);
    }

    private static string Offset(TimeSpan offset, int colons)
    {
        var sign = offset < TimeSpan.Zero ? "-" : "+";
        var absolute = offset.Duration();
        return colons switch
        {
            0 => $"{sign}{absolute.Hours:00}{absolute.Minutes:00}",
            1 => $"{sign}{absolute.Hours:00}:{absolute.Minutes:00}",
            _ => $"{sign}{absolute.Hours:00}:{absolute.Minutes:00}:{absolute.Seconds:00}",
        };
    }

    private static string Fraction(DateTimeOffset time, int digits)
    {
        var ticks = (time.Ticks % TimeSpan.TicksPerSecond).ToString("0000000", CultureInfo.InvariantCulture);
        return digits <= ticks.Length ? ticks[..digits] : ticks.PadRight(digits, '0');
    }

    private readonly record struct Directive(char Letter, int Length, char Padding, bool IsUpper, bool ChangesCase, int Colons, int Width)
    {
        public static Directive Read(ReadOnlySpan<char> text)
        {
            var (padding, isUpper, changesCase, colons, width) = ('\0', false, false, 0, 0);
            var at = 1;
            for (; at < text.Length; at++)
            {
                switch (text[at])
                {
                    case '-' or '_':
                    case '0' when width == 0:
                        padding = text[at];
                        continue;
                    case '^':
                        isUpper = true;
                        continue;
                    case '#':
                        changesCase = true;
                        continue;
                    case ':':
                        colons++;
                        continue;
                    case >= '0' and <= '9':
                        width = Math.Min((width * 10) + (text[at] - '0'), MaxWidth);
                        continue;
                }

                return new Directive(text[at], at + 1, padding, isUpper, changesCase, colons, width);
            }

            return new Directive('\0', at, padding, isUpper, changesCase, colons, width);
        }
    }
}
