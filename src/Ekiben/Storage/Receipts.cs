using Ekiben.Broadcasts;

namespace Ekiben.Storage;

/// <summary>Reads the ledger for people: sums, and the recipients behind each number. The caller has checked that the broadcast is its site's.</summary>
internal abstract class Receipts
{
    /// <summary>Recipients a page when nothing is asked.</summary>
    public const int DefaultPage = 100;

    /// <summary>Recipients a page at most.</summary>
    public const int MaxPage = 1000;

    /// <summary>A fresh count of the rows beside the six figures of the freeze. Walks every row: for receipts, not for progress.</summary>
    public abstract Task<Receipt> ReadAsync(Broadcast broadcast, CancellationToken cancel);

    /// <summary>The per-shard counts summed: at most a few hundred rows, exact as of the last commit (rule 17), <c>balanced</c> not recounted.</summary>
    public abstract Task<Receipt> ReadCountsAsync(Broadcast broadcast, CancellationToken cancel);

    /// <summary>The recipients of one state (all for null), or those that were ever uncertain.</summary>
    public abstract Task<RecipientPage> ListAsync(
        Broadcast broadcast, RecipientState? state, bool wasUncertain, string? cursor, int limit, CancellationToken cancel);

    public abstract Task<LeftOutPage> ListLeftOutAsync(
        BroadcastId broadcast, LeftOutReason? reason, string? cursor, int limit, CancellationToken cancel);
}
