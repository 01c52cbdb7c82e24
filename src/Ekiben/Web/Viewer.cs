using System.Globalization;

namespace Ekiben.Web;

/// <summary>The person at this browser, for one circuit: their time zone, in which every page shows times.</summary>
internal sealed class Viewer(TimeProvider clock)
{
    /// <summary>What the browser said; UTC when this machine does not know that zone.</summary>
    public TimeZoneInfo Zone { get; private set; } = TimeZoneInfo.Utc;

    public void UseZone(string? iana) => Zone = iana is not null && TimeZoneInfo.TryFindSystemTimeZoneById(iana, out var zone) ? zone : TimeZoneInfo.Utc;

    /// <summary><c>Thu 17:40</c> within six days, <c>24 Nov 17:40</c> within the year, else with the year.</summary>
    public string Time(DateTimeOffset at) => Wording.Time(at, clock.GetUtcNow(), Zone);

    /// <summary><c>24 November 2026, 17:40:05 (Europe/Paris)</c>, for tooltips.</summary>
    public string FullTime(DateTimeOffset at) => Wording.FullTime(at, Zone);

    /// <summary>The same, with the site's time behind it where its clock differs.</summary>
    public string FullTime(DateTimeOffset at, string? site) => TimeThere(at, site) is { } there ? $"{FullTime(at)}; {there}" : FullTime(at);

    /// <summary><c>Thu 16:40 Europe/London</c>; null where that clock shows what the viewer's does, or this machine does not know the zone.</summary>
    public string? TimeThere(DateTimeOffset at, string? site) =>
        site is not null && TimeZoneInfo.TryFindSystemTimeZoneById(site, out var zone) && zone.GetUtcOffset(at) != Zone.GetUtcOffset(at)
            ? $"{Wording.Time(at, clock.GetUtcNow(), zone)} {site}"
            : null;

    /// <summary><c>3 minutes ago</c>, <c>in 2 hours</c>.</summary>
    public string Ago(DateTimeOffset at) => Wording.Ago(at, clock.GetUtcNow());
}

/// <summary>How numbers and times read in the platform, which speaks English.</summary>
internal static class Wording
{
    private static readonly CultureInfo English = CultureInfo.InvariantCulture;

    public static string Number(long value) => value.ToString("N0", English);

    public static string People(long count) => count == 1 ? "1 person" : Number(count) + " people";

    public static string Time(DateTimeOffset at, DateTimeOffset now, TimeZoneInfo zone)
    {
        var (local, today) = (TimeZoneInfo.ConvertTime(at, zone), TimeZoneInfo.ConvertTime(now, zone));
        var days = (local.Date - today.Date).TotalDays;
        var format = days switch
        {
            0 => "'today' HH:mm",
            1 => "'tomorrow' HH:mm",
            -1 => "'yesterday' HH:mm",
            > 1 and < 7 => "ddd HH:mm",
            _ => local.Year == today.Year ? "d MMM HH:mm" : "d MMM yyyy HH:mm",
        };
        return local.ToString(format, English);
    }

    public static string FullTime(DateTimeOffset at, TimeZoneInfo zone) =>
        TimeZoneInfo.ConvertTime(at, zone).ToString("d MMMM yyyy, HH:mm:ss", English) + $" ({zone.Id})";

    public static string Ago(DateTimeOffset at, DateTimeOffset now)
    {
        var distance = (now - at).Duration();
        var text = distance.TotalSeconds < 45 ? null
            : distance.TotalMinutes < 60 ? Plural(Math.Max(1, Math.Round(distance.TotalMinutes)), "minute")
            : distance.TotalHours < 36 ? Plural(Math.Round(distance.TotalHours), "hour")
            : Plural(Math.Round(distance.TotalDays), "day");
        return text is null ? (at <= now ? "just now" : "in a moment") : at <= now ? text + " ago" : "in " + text;
    }

    /// <summary><c>40 seconds</c>, <c>8 minutes</c>, <c>5 h 20 min</c>, <c>3 days 4 h</c>.</summary>
    public static string Span(TimeSpan span) => span switch
    {
        { TotalSeconds: < 90 } => Plural(Math.Max(1, Math.Ceiling(span.TotalSeconds)), "second"),
        { TotalMinutes: < 90 } => Plural(Math.Ceiling(span.TotalMinutes), "minute"),
        { TotalHours: < 48 } => string.Create(English, $"{(int)span.TotalHours} h {span.Minutes} min"),
        _ => string.Create(English, $"{(int)span.TotalDays} days {span.Hours} h"),
    };

    public static string Bytes(long size) => size switch
    {
        < 1024 => Plural(size, "byte"),
        < 1024 * 1024 => string.Create(English, $"{size / 1024.0:0.#} KB"),
        _ => string.Create(English, $"{size / (1024.0 * 1024.0):0.#} MB"),
    };

    /// <summary><c>user:ann@x</c> is <c>ann@x</c>, <c>key:shop</c> is <c>API key “shop”</c>.</summary>
    public static string Actor(string name) => name switch
    {
        _ when name.StartsWith("user:", StringComparison.Ordinal) => name["user:".Length..],
        _ when name.StartsWith("key:", StringComparison.Ordinal) => $"API key “{name["key:".Length..]}”",
        "cli" => "the command line",
        _ => name,
    };

    /// <summary><c>render_failed</c> is <c>Render failed</c>.</summary>
    public static string Label(string word) => word.Length == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..].Replace('_', ' ');

    private static string Plural(double count, string noun) => string.Create(English, $"{count:0} {noun}{(count == 1 ? "" : "s")}");
}
