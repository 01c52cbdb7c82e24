using Ekiben.Storage;

namespace Ekiben.Tags;

/// <summary>That a person carries a tag. It has no site of its own: ask by a person's or a tag's id that was found in the site.</summary>
internal sealed class SubscriberTag
{
    public long TagId { get; set; }

    public SubscriberId SubscriberId { get; set; }
}
