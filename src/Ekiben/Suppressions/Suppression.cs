using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Suppressions;

/// <summary>The rule that an address of a site gets no mail. An import never lifts it.</summary>
internal sealed class Suppression : ISiteOwned
{
    public SiteId SiteId { get; set; }

    public AddressId AddressId { get; set; }

    public SuppressionReason Reason { get; set; }

    public string? Detail { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}

internal enum SuppressionReason
{
    /// <summary>The mailbox does not exist (ledger.md rule 24).</summary>
    HardBounce,

    /// <summary>The person called a message spam.</summary>
    Complaint,

    /// <summary>Put there by a person.</summary>
    Manual,

    /// <summary>The person was deleted; the hash stays.</summary>
    Deleted,
}
