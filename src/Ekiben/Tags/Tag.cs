using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Tags;

internal sealed class Tag : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary>Unique in the site, compared without regard to case.</summary>
    public required string Name { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Set while the tag is deleted; deleting it again restores it, as in Bento.</summary>
    public DateTimeOffset? DiscardedAt { get; set; }
}
