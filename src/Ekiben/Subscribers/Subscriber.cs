using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Subscribers;

/// <summary>A person of a site. Tags hang in <c>subscriber_tags</c>; Bento calls a subscriber a visitor.</summary>
internal sealed class Subscriber : ISiteOwned
{
    public SubscriberId Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary>32 hex characters.</summary>
    public required string Uuid { get; set; }

    public AddressId AddressId { get; set; }

    public Address Address { get; set; } = null!;

    public string? FirstName { get; set; }

    public string? LastName { get; set; }

    /// <summary>Custom fields as one JSON object; values keep their JSON type.</summary>
    public string Fields { get; set; } = "{}";

    public DateTimeOffset? UnsubscribedAt { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }
}

/// <summary>An address of a site, kept apart from its person so that frozen recipients keep the address they were frozen with (ledger.md rule 1).</summary>
internal sealed class Address : ISiteOwned
{
    public AddressId Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary>Trimmed, NFC, lower case, domain as A-labels; blank once its person was deleted.</summary>
    public required string Normalised { get; set; }

    /// <summary>As it was first given.</summary>
    public required string Written { get; set; }

    /// <summary>First 16 bytes of the HMAC-SHA-256 of the normalised address under the instance's key: it survives a deletion. Unique in the site.</summary>
    public required byte[] Hash { get; set; }
}
