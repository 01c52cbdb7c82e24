using Ekiben.Storage;

namespace Ekiben.Sites;

/// <summary>A tenant: its people, senders, keys and broadcasts. A test site (a "sandbox") always sends into the built-in mailbox.</summary>
internal sealed class Site
{
    public SiteId Id { get; set; }

    /// <summary>32 hex characters: what clients send as <c>site_uuid</c>.</summary>
    public required string Uuid { get; set; }

    public required string Name { get; set; }

    public bool IsTest { get; set; }

    /// <summary>IANA name; <c>send_at</c> without an offset is read in it.</summary>
    public string TimeZone { get; set; } = "UTC";

    /// <summary>HTML below every message; null = the built-in line with the unsubscribe link.</summary>
    public string? FooterHtml { get; set; }

    /// <summary>Whether a key's approval is also guarded against an audience that moved (ledger.md rule 6).</summary>
    public bool GuardKeyApprovals { get; set; }

    /// <summary>Whether links and opens of its broadcasts are counted. Off unless asked for: it is the recipients' business too.</summary>
    public bool TracksLinks { get; set; }

    /// <summary>Whether requests to the compatible API must bring all that the original asks for (site_uuid, a user agent): for programs that are to work there too.</summary>
    public bool IsStrict { get; set; }

    /// <summary>The relay that an owner chose for it (<see cref="Delivery.StoredRelay"/>); null = the server's own. Without meaning for a test site.</summary>
    public long? RelayId { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>A row that belongs to one site: <see cref="Db"/> filters every query on it.</summary>
internal interface ISiteOwned
{
    SiteId SiteId { get; set; }
}
