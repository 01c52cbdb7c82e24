using Ekiben.Broadcasts;
using Ekiben.Segments;

namespace Ekiben.Storage;

/// <summary>Whom a broadcast is for: in the segment AND carrying any inclusive tag; then those with any exclusive tag are left out (ledger.md rule 8).</summary>
internal sealed record AudienceRule(SiteId Site, IReadOnlyList<string> InclusiveTags, IReadOnlyList<string> ExclusiveTags, SegmentRule? Segment)
{
    /// <summary>The rule that an approved manifest binds.</summary>
    public static AudienceRule Of(SiteId site, Manifest manifest) => new(
        site,
        manifest.InclusiveTags,
        manifest.ExclusiveTags,
        manifest.SegmentRule is { } rule ? SegmentRule.Parse(rule) : null);
}

/// <summary>How many people a rule reaches, and how many it leaves out, by the first reason that applies.</summary>
internal sealed record AudienceCount(long Matched, long Excluded, long Unsubscribed, long Suppressed, long Duplicates)
{
    public long Recipients => Matched - Excluded - Unsubscribed - Suppressed - Duplicates;
}
