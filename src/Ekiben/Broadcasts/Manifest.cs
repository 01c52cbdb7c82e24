using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>
/// All that decides who gets what (ledger.md rule 4), as canonical JSON: always these properties in this order, nulls included.
/// What is approved is this text; a live row that would give another text is another broadcast. The rate is not in it (rule 5).
/// </summary>
internal sealed record Manifest
{
    private static readonly JsonSerializerOptions Canonical = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public required int Version { get; init; }

    public required string SiteUuid { get; init; }

    public required string SiteName { get; init; }

    /// <summary>IANA name: the zone in which templates write dates.</summary>
    public required string TimeZone { get; init; }

    public required long BroadcastId { get; init; }

    public required string Name { get; init; }

    public required string Subject { get; init; }

    public required string? PreviewText { get; init; }

    public required string Content { get; init; }

    public required string Type { get; init; }

    public required string? LayoutHtml { get; init; }

    public required string? FooterHtml { get; init; }

    public required string FromEmail { get; init; }

    public required string FromName { get; init; }

    public required IReadOnlyList<string> InclusiveTags { get; init; }

    public required IReadOnlyList<string> ExclusiveTags { get; init; }

    public required string SegmentId { get; init; }

    /// <summary>The segment's rule as text, so that a later edit of the segment does not reach an approved broadcast; null without a segment.</summary>
    public required string? SegmentRule { get; init; }

    /// <summary>Milliseconds since 1970, UTC; null = as soon as approved.</summary>
    public required long? SendAt { get; init; }

    public required string UncertainPolicy { get; init; }

    /// <summary>Whether its links lead by way of this server, to be counted.</summary>
    public required bool TracksLinks { get; init; }

    public required long CreatedAt { get; init; }

    /// <summary>The manifest that the live rows give now. <paramref name="segmentRule"/> is null when the broadcast names no segment, or one that is gone.</summary>
    public static Manifest Of(Broadcast broadcast, Site site, string? segmentRule) => new()
    {
        Version = 1,
        SiteUuid = site.Uuid,
        SiteName = site.Name,
        TimeZone = site.TimeZone,
        BroadcastId = broadcast.Id.Value,
        Name = broadcast.Name,
        Subject = broadcast.Subject,
        PreviewText = broadcast.PreviewText,
        Content = broadcast.Content,
        Type = broadcast.Type,
        LayoutHtml = broadcast.LayoutHtml,
        FooterHtml = site.FooterHtml,
        FromEmail = broadcast.FromEmail,
        FromName = broadcast.FromName,
        InclusiveTags = TagList.Parse(broadcast.InclusiveTags),
        ExclusiveTags = TagList.Parse(broadcast.ExclusiveTags),
        SegmentId = broadcast.SegmentId,
        SegmentRule = segmentRule,
        SendAt = broadcast.SendAt?.ToStored(),
        UncertainPolicy = Words.SnakeCase(broadcast.UncertainPolicy.ToString()),
        TracksLinks = site.TracksLinks,
        CreatedAt = broadcast.CreatedAt.ToStored(),
    };

    /// <summary>SHA-256 of a manifest's text in hex: what people compare, and what an approval in the platform names.</summary>
    public static string DigestOf(string text) => Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));

    public string ToText() => JsonSerializer.Serialize(this, Canonical);

    /// <exception cref="JsonException">The text is not a manifest.</exception>
    public static Manifest FromText(string text) =>
        JsonSerializer.Deserialize<Manifest>(text, Canonical) ?? throw new JsonException("the manifest is empty");

    /// <summary>The names of what differs between two manifests, for the sentence that a held broadcast shows.</summary>
    public static IReadOnlyList<string> Differences(string approved, string live)
    {
        using var left = JsonDocument.Parse(approved);
        using var right = JsonDocument.Parse(live);
        var differing = new List<string>();
        foreach (var property in right.RootElement.EnumerateObject())
        {
            if (!left.RootElement.TryGetProperty(property.Name, out var was) || !JsonElement.DeepEquals(was, property.Value))
            {
                differing.Add(property.Name);
            }
        }

        return differing;
    }
}

/// <summary>Tags as Bento writes them: names with commas between.</summary>
internal static class TagList
{
    /// <summary>The names in their order, trimmed, blanks and repetitions (without regard to case) left out.</summary>
    public static IReadOnlyList<string> Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return [];
        }

        var names = new List<string>();
        foreach (var name in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!names.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                names.Add(name);
            }
        }

        return names;
    }
}

/// <summary>The key under which manifests are sealed and links are signed: 32 random bytes in the data folder, never in the database.</summary>
internal sealed class InstanceKey(byte[] key)
{
    public const int Length = 32;

    /// <summary>Keys by purpose: each is derived once.</summary>
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, byte[]> _purposes = new(StringComparer.Ordinal);

    /// <summary>HMAC-SHA-256 for one purpose; keys of different purposes never answer for each other.</summary>
    public byte[] Sign(string purpose, ReadOnlySpan<byte> data) => HMACSHA256.HashData(KeyOf(purpose), data);

    /// <summary>The same into <paramref name="signature"/>, of 32 bytes: what every message needs.</summary>
    public void Sign(string purpose, ReadOnlySpan<byte> data, Span<byte> signature) => HMACSHA256.HashData(KeyOf(purpose), data, signature);

    public bool Verifies(string purpose, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        CryptographicOperations.FixedTimeEquals(Sign(purpose, data).AsSpan(0, Math.Min(signature.Length, Length)), signature) && signature.Length >= 16;

    private byte[] KeyOf(string purpose) =>
        _purposes.GetOrAdd(purpose, static (purpose, key) => HMACSHA256.HashData(key, System.Text.Encoding.UTF8.GetBytes(purpose)), key);
}

/// <summary>What the seal of an approval covers.</summary>
internal static class ManifestSeal
{
    public const string Purpose = "manifest";

    public static byte[] Bytes(string manifest) => System.Text.Encoding.UTF8.GetBytes(manifest);
}
