using Ekiben.Storage;

namespace Ekiben.Sites;

/// <summary>A sender that broadcasts may use. The one with the lowest id is the site's default.</summary>
internal sealed class Author : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary>Normalised address.</summary>
    public required string Email { get; set; }

    public required string Name { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}
