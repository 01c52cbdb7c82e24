using Ekiben.Broadcasts;
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

    /// <summary>
    /// Whether requests to the compatible API must bring all that the original asks for (site_uuid, a user agent) and nothing that it does not know:
    /// for programs that are to work there too.
    /// </summary>
    public bool IsStrict { get; set; }

    /// <summary>
    /// Whether every provider of its recipients gets no more than it takes gladly (<see cref="Providers.ProviderGate"/>); else only those with a limit
    /// have one. Off unless asked for: a relay that queues does this itself.
    /// </summary>
    public bool LimitsProviders { get; set; }

    /// <summary>Whether DKIM is left to the relay: nothing is signed here then.</summary>
    public bool RelaySigns { get; set; }

    /// <summary>Whether an approved broadcast that is posted twice is made once (<see cref="Broadcasts.Repetitions"/>).</summary>
    public bool RecognizesRepetitions { get; set; } = true;

    // Rules for approvals, see ApprovalRules.

    /// <summary>Whether who made or edited a broadcast may not be the one who approves it.</summary>
    public bool ApproverDiffers { get; set; }

    /// <summary>Above this many people two must approve; null = one is enough.</summary>
    public long? SecondApprovalAbove { get; set; }

    /// <summary>Above this many people whoever approves types the number; null = never.</summary>
    public long? TypeCountAbove { get; set; } = ApprovalRules.DefaultTypeCountAbove;

    /// <summary>Whether keys that have the right may approve here at all.</summary>
    public bool KeysMayApprove { get; set; } = true;

    /// <summary>A key approves up to this many people; null = any number.</summary>
    public long? KeyApprovalLimit { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>A row that belongs to one site: <see cref="Db"/> filters every query on it.</summary>
internal interface ISiteOwned
{
    SiteId SiteId { get; set; }
}
