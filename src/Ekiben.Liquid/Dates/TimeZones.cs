namespace Ekiben.Liquid.Dates;

/// <summary>Time zones by the names that templates use.</summary>
internal static class TimeZones
{
    /// <summary>By IANA name (Europe/Berlin) or by one of Rails' short names for the zones of the United States.</summary>
    public static TimeZoneInfo? Find(string name)
    {
        var id = name switch
        {
            "Eastern Time (US & Canada)" => "America/New_York",
            "Central Time (US & Canada)" => "America/Chicago",
            "Mountain Time (US & Canada)" => "America/Denver",
            "Pacific Time (US & Canada)" => "America/Los_Angeles",
            "UTC" or "GMT" => "UTC",
            _ => name,
        };

        // Zone files are found by name below one folder: a name with other characters is none.
        var isName = id.Length is > 0 and < 64 && !id.Contains("..", StringComparison.Ordinal)
            && id.All(character => char.IsAsciiLetterOrDigit(character) || character is '/' or '_' or '-' or '+');
        return isName && TimeZoneInfo.TryFindSystemTimeZoneById(id, out var zone) ? zone : null;
    }

    /// <summary>The moment a clock on a wall in the zone shows this time; the first of two in autumn.</summary>
    public static bool TryAttach(DateTime local, TimeZoneInfo zone, out DateTimeOffset time)
    {
        var clock = DateTime.SpecifyKind(local, DateTimeKind.Unspecified);
        var offset = zone.GetUtcOffset(clock);
        var isInRange = clock.Ticks - offset.Ticks >= DateTime.MinValue.Ticks && clock.Ticks - offset.Ticks <= DateTime.MaxValue.Ticks;
        time = isInRange ? new DateTimeOffset(clock, offset) : default;
        return isInRange;
    }
}
