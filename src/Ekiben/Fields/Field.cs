using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Fields;

/// <summary>A custom field that subscribers of the site may carry.</summary>
internal sealed class Field : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary>As clients send it: the key in <see cref="Subscribers.Subscriber.Fields"/>.</summary>
    public required string Key { get; set; }

    /// <summary>For people: "Favourite colour".</summary>
    public required string Name { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}
