namespace Ekiben.Broadcasts;

/// <summary>
/// The ten states of a recipient (ledger.md). Stored as these numbers; shown by their names in snake case, everywhere.
/// <code>
/// pending -> sending -> accepted | refused | deferred | expired | uncertain
/// deferred -> sending (when due)                        uncertain -> sending (at most once)
/// pending, deferred -> suppressed | canceled | render_failed
/// </code>
/// </summary>
internal enum RecipientState
{
    Pending = 0,

    /// <summary>On a connection; written before MAIL FROM.</summary>
    Sending = 1,

    /// <summary>The relay said 4xx; tried again when its time comes.</summary>
    Deferred = 2,

    /// <summary>The relay said 250 after the dot and took responsibility (RFC 5321 §6.1). Never left.</summary>
    Accepted = 3,

    /// <summary>The relay said 5xx for this recipient or message.</summary>
    Refused = 4,

    /// <summary>Deferred for too long.</summary>
    Expired = 5,

    /// <summary>Unsubscribed, suppressed or deleted after the freeze and before an attempt.</summary>
    Suppressed = 6,

    /// <summary>The message could not be made from this person's data.</summary>
    RenderFailed = 7,

    /// <summary>Not yet accepted when the broadcast was canceled.</summary>
    Canceled = 8,

    /// <summary>The connection died after the message may have left and before a reply: it may have arrived (RFC 1047).</summary>
    Uncertain = 9,
}

/// <summary>Why a matched person is not a recipient; the first that applies is stored (ledger.md rule 8).</summary>
internal enum LeftOutReason
{
    Excluded = 1,
    Unsubscribed = 2,
    Suppressed = 3,
    Duplicate = 4,
}
