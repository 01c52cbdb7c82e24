using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>
/// A person's or key's word that a broadcast may go out, bound to exactly what they saw: the manifest and its HMAC.
/// The newest approval that was not revoked counts.
/// </summary>
internal sealed class Approval : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    public BroadcastId BroadcastId { get; set; }

    /// <summary>Canonical JSON, see <see cref="Broadcasts.Manifest"/>. The run compiles and selects from this alone.</summary>
    public required string Manifest { get; set; }

    /// <summary>HMAC-SHA-256 of <see cref="Manifest"/> under the instance's key.</summary>
    public required byte[] Seal { get; set; }

    /// <summary><c>user:EMAIL</c>, <c>key:NAME</c> or <c>cli</c>.</summary>
    public required string ApprovedBy { get; set; }

    public bool ByPerson { get; set; }

    public DateTimeOffset ApprovedAt { get; set; }

    /// <summary>The end of the undo window: 30 s after a person's approval, at once after a key's.</summary>
    public DateTimeOffset EffectiveAt { get; set; }

    /// <summary>How many people the rule reached when it was approved (ledger.md rule 6).</summary>
    public long CountedRecipients { get; set; }

    /// <summary>A start may come up to 24 h after the later of this and <c>send_at</c>; releasing a hold moves it.</summary>
    public DateTimeOffset StartBase { get; set; }

    public DateTimeOffset? RevokedAt { get; set; }

    /// <summary>What the preflight warned of and the approver ticked: a JSON array of sentences; null when nobody was asked.</summary>
    public string? Ticked { get; set; }
}
