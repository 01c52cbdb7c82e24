using System.Text.Json.Serialization;

namespace Ekiben.Broadcasts;

/// <summary>
/// The closed account of a broadcast: every person matched is left out with a reason or is a recipient, and every recipient is in exactly one
/// state. JSON in snake case, its names are the states'. All zero and balanced for a draft.
/// </summary>
internal sealed record Receipt
{
    public required string BroadcastId { get; init; }

    public required string Status { get; init; }

    public required long Matched { get; init; }

    public required long Excluded { get; init; }

    public required long Unsubscribed { get; init; }

    public required long SuppressedBefore { get; init; }

    public required long DuplicateAddresses { get; init; }

    public required long Recipients { get; init; }

    public required long Pending { get; init; }

    public required long Sending { get; init; }

    public required long Deferred { get; init; }

    public required long Accepted { get; init; }

    public required long Refused { get; init; }

    public required long Expired { get; init; }

    public required long Suppressed { get; init; }

    public required long RenderFailed { get; init; }

    public required long Canceled { get; init; }

    public required long Uncertain { get; init; }

    /// <summary>Recipients that were uncertain at some time, whatever became of them.</summary>
    public required long UncertainEver { get; init; }

    /// <summary>Recipients whose uncertain message was sent a second time.</summary>
    public required long Resent { get; init; }

    /// <summary>Uncertain recipients of whom a person noted that their message is taken for sent; they are among the uncertain.</summary>
    public required long TreatedAsSent { get; init; }

    /// <summary>Whether the six figures written at the freeze agree with a fresh count of the rows (ledger.md rule 16).</summary>
    public required bool Balanced { get; init; }

    /// <summary>Recipients that can still move without a person's help.</summary>
    [JsonIgnore]
    public long Moving => Pending + Sending + Deferred;
}

/// <summary>One line of the ledger for people: who, in which state, and what the relay last said.</summary>
internal sealed record RecipientLine(
    string Email, string State, int Attempts, int? Code, string? Reply, string MessageId, DateTimeOffset? At);

/// <summary>A page of the ledger; the cursor leads on, null at the end.</summary>
internal sealed record RecipientPage(IReadOnlyList<RecipientLine> Data, string? NextCursor);

/// <summary>One matched person who is not a recipient, and why.</summary>
internal sealed record LeftOutLine(string Email, string Reason);

/// <summary>A page of the people left out.</summary>
internal sealed record LeftOutPage(IReadOnlyList<LeftOutLine> Data, string? NextCursor);
