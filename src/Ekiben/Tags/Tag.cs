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

/// <summary>What a tag may be called. Lists of tags are written with commas between, so a name has none.</summary>
internal static class TagNames
{
    public const int MaxLength = 255;

    /// <summary>One sentence, or null when the name is good.</summary>
    public static string? Fault(string? name)
    {
        if (string.IsNullOrWhiteSpace(name))
        {
            return "A tag needs a name.";
        }

        if (name.Length > MaxLength)
        {
            return $"A tag's name has at most {MaxLength} characters.";
        }

        return name.AsSpan().IndexOfAny(',', '\0') >= 0 ? "A tag's name has no comma and no NUL." : null;
    }
}
