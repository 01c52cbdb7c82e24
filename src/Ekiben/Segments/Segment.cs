using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Segments;

/// <summary>A saved rule that picks subscribers.</summary>
internal sealed class Segment : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary><c>segment_</c> and 12 characters.</summary>
    public required string PublicId { get; set; }

    public required string Name { get; set; }

    public string? Description { get; set; }

    /// <summary>JSON, see <see cref="SegmentRule"/>.</summary>
    public required string Rule { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }
}
