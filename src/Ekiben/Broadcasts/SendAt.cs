using System.Globalization;
using System.Text.RegularExpressions;

namespace Ekiben.Broadcasts;

/// <summary>Reads a <c>send_at</c> as people and programs write it. Without a zone it is the site's local time.</summary>
internal static partial class SendAt
{
    /// <summary>A time further away than this is a slip of the pen.</summary>
    public const int MaxYearsAhead = 10;

    /// <summary>A date, or a date and a time with T or a blank between, seconds and up to nine fractional digits if wanted, then Z, UTC or an offset if known.</summary>
    public static bool TryParse(string text, TimeZoneInfo zone, out DateTimeOffset at)
    {
        at = default;
        var parts = Form().Match(text.Trim());
        if (!parts.Success)
        {
            return false;
        }

        DateTime local;
        try
        {
            local = new DateTime(Number(parts, "year"), Number(parts, "month"), Number(parts, "day"), Number(parts, "hour"), Number(parts, "minute"), Number(parts, "second"));
        }
        catch (ArgumentOutOfRangeException)
        {
            // 31 February, 25 o'clock.
            return false;
        }

        if (parts.Groups["fraction"] is { Success: true } fraction)
        {
            // .NET writes seven digits, others up to nine; a tick is the seventh.
            local = local.AddTicks(long.Parse(fraction.Value.PadRight(7, '0')[..7], CultureInfo.InvariantCulture));
        }

        if (Offset(parts, zone, ref local) is not { } offset || (local - DateTime.MinValue) < offset || (DateTime.MaxValue - local) < -offset)
        {
            return false;
        }

        at = new DateTimeOffset(local, offset).ToUniversalTime();
        return true;
    }

    private static TimeSpan? Offset(Match parts, TimeZoneInfo zone, ref DateTime local)
    {
        if (parts.Groups["offset"] is { Success: true } offset)
        {
            var minutes = (Number(parts, "offsethours") * 60) + Number(parts, "offsetminutes");
            return minutes > 14 * 60 ? null : TimeSpan.FromMinutes(offset.Value[0] == '-' ? -minutes : minutes);
        }

        if (parts.Groups["utc"].Success)
        {
            return TimeSpan.Zero;
        }

        if (zone.IsInvalidTime(local))
        {
            // Clocks jump over this time: the same distance after the jump.
            var before = zone.GetUtcOffset(local.AddDays(-1));
            local = local.Add(zone.GetUtcOffset(local.AddDays(1)) - before);
        }

        // Of a time that comes twice, the first.
        return zone.IsAmbiguousTime(local) ? zone.GetAmbiguousTimeOffsets(local).Max() : zone.GetUtcOffset(local);
    }

    private static int Number(Match parts, string name) =>
        parts.Groups[name] is { Success: true } group ? int.Parse(group.Value, CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(
        @"^(?<year>[0-9]{4})-(?<month>[0-9]{1,2})-(?<day>[0-9]{1,2})"
        + @"(?:[T ](?<hour>[0-9]{1,2}):(?<minute>[0-9]{2})(?::(?<second>[0-9]{2})(?:[.,](?<fraction>[0-9]{1,9}))?)?"
        + @" ?(?:(?<utc>Z|UTC)|(?<offset>[+-](?<offsethours>[0-9]{2}):?(?<offsetminutes>[0-9]{2})?))?)?$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Form();
}
