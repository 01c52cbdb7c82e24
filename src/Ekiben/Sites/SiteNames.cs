namespace Ekiben.Sites;

/// <summary>What sites, senders and keys may be called, and which time zones there are.</summary>
internal static class SiteNames
{
    public const int MaxName = 200;

    /// <summary>One sentence, or null when the name is good.</summary>
    public static string? Fault(string? name) =>
        name?.Trim() is { Length: > 0 and <= MaxName } trimmed && !trimmed.Any(char.IsControl) ? null : $"A name has 1 to {MaxName} characters and no control characters.";

    /// <summary>One sentence, or null for an IANA name that this machine knows.</summary>
    public static string? ZoneFault(string? zone) =>
        zone is { Length: > 0 and <= 64 } && TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found) && (found.HasIanaId || zone == "UTC")
            ? null
            : "A time zone is an IANA name such as Europe/Berlin or UTC.";

    /// <summary>For choosing: the names that have a place in them, and UTC. Slow the first time.</summary>
    public static IReadOnlyList<string> Zones => Known.Value;

    private static readonly Lazy<IReadOnlyList<string>> Known = new(() =>
        ["UTC", .. TimeZoneInfo.GetSystemTimeZones().Select(zone => zone.Id).Where(id => id.Contains('/', StringComparison.Ordinal) && !id.StartsWith("Etc/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)]);
}
