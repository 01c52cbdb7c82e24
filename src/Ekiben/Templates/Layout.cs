using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Templates;

/// <summary>A frame for broadcasts: HTML with a <c>{{ content }}</c> slot. Copied into the broadcast when that is made.</summary>
internal sealed class Layout : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary><c>layout_</c> and 12 characters.</summary>
    public required string PublicId { get; set; }

    public required string Name { get; set; }

    public required string Html { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }
}
