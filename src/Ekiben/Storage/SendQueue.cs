using Ekiben.Broadcasts;
using Ekiben.Delivery;

namespace Ekiben.Storage;

/// <summary>
/// The seam to the ledger: freezing an audience, taking shards, and the exchange of outcomes for claims that everything else rests on.
/// One implementation a database; what each method promises is a rule of the ledger (docs/ledger.md).
/// </summary>
internal abstract class SendQueue : IAsyncDisposable
{
    /// <summary>Recipients a shard, at most: the unit of ownership.</summary>
    public const int ShardSize = 5000;

    /// <summary>Subscribers that one transaction of the freeze walks, at most (rule 9).</summary>
    public const int FreezeRangeLimit = 20_000;

    /// <summary>
    /// Makes this process the only one that sends from its database, before it changes anything there (rule 19). Needed where the folder's lock
    /// does not say so already.
    /// </summary>
    /// <returns>Null when it is, else one sentence that says who is.</returns>
    public virtual Task<string?> OwnAsync(CancellationToken cancel) => Task.FromResult<string?>(null);

    /// <summary>
    /// Rows left <c>sending</c> by a process that is certainly gone become <c>uncertain</c> (rule 19). Only the holder of the serve lock may call it.
    /// </summary>
    /// <param name="broadcast">Only this one's, after its last run ended; null at the start, for all.</param>
    /// <param name="cancel">Gives up waiting.</param>
    /// <returns>How many there were.</returns>
    public abstract Task<long> RecoverAsync(BroadcastId? broadcast, CancellationToken cancel);

    /// <summary>What there is to do: scheduled and sending broadcasts, and canceled ones with rows left to cancel.</summary>
    public abstract Task<IReadOnlyList<WorkItem>> ReadWorkAsync(CancellationToken cancel);

    /// <summary>Why nothing can be written at the moment; null while all is well.</summary>
    public abstract string? Blind { get; }

    /// <summary><c>scheduled → sending</c>, and the highest subscriber id is noted. False when somebody was faster.</summary>
    public abstract Task<bool> BeginFreezeAsync(BroadcastId broadcast, CancellationToken cancel);

    /// <summary>Freezes the next range of subscribers; the cursor moves in the same transaction (rule 9).</summary>
    public abstract Task<FreezeStep> FreezeNextRangeAsync(BroadcastId broadcast, AudienceRule rule, CancellationToken cancel);

    /// <summary>Cuts the frozen audience into shards and writes the six figures, in one transaction. Nothing is sent before. False when it was not freezing.</summary>
    public abstract Task<bool> CompleteFreezeAsync(BroadcastId broadcast, CancellationToken cancel);

    /// <summary>Takes every shard of the broadcast that has a row left to move: epoch + 1, so that a former owner's claims touch nothing.</summary>
    /// <param name="broadcast">Whose.</param>
    /// <param name="cancel">Gives up waiting.</param>
    /// <param name="above">Only shards with a higher number: those that a stream got since.</param>
    public abstract Task<IReadOnlyList<TakenShard>> TakeShardsAsync(BroadcastId broadcast, CancellationToken cancel, int above = -1);

    /// <summary>Pending rows of a shard in the order of their address ids, after <paramref name="after"/>.</summary>
    public abstract Task<IReadOnlyList<Candidate>> ReadPendingAsync(TakenShard shard, AddressId after, int limit, CancellationToken cancel);

    /// <summary>Deferred rows that are due, and uncertain rows that may be claimed once more, of a shard.</summary>
    public abstract Task<IReadOnlyList<Candidate>> ReadDueAsync(TakenShard shard, RecipientState state, int limit, CancellationToken cancel);

    /// <summary>When the next deferred row of the shard is due, of those that are due later than <paramref name="after"/>; null when there is none.</summary>
    public abstract Task<DateTimeOffset?> NextDueAsync(TakenShard shard, DateTimeOffset after, CancellationToken cancel);

    /// <summary>
    /// Records a connection's last outcome and claims its next row in one group commit (rules 11 and 12): when the answer arrives, both are on disk.
    /// While the database cannot be written the answer does not come, so nothing new starts and nothing is forgotten (rule 21).
    /// </summary>
    public abstract ValueTask<ClaimAnswer> ExchangeAsync(Exchange exchange, CancellationToken cancel);

    /// <summary><c>sending → held</c> with one sentence; false when it was not sending any more.</summary>
    public abstract Task<bool> HoldAsync(BroadcastId broadcast, string reason, CancellationToken cancel);

    /// <summary><c>scheduled → held</c> with one sentence.</summary>
    public abstract Task<bool> HoldBeforeStartAsync(BroadcastId broadcast, string reason, CancellationToken cancel);

    /// <summary>Turns the pending and deferred rows of a canceled broadcast into <c>canceled</c>, shard by shard; it goes on where a crash left it (rule 18).</summary>
    public abstract Task CancelRowsAsync(BroadcastId broadcast, CancellationToken cancel);

    /// <summary>
    /// <c>sending → sent</c> in one statement that compares the six figures with a fresh count and sees that no row can move (rule 16).
    /// </summary>
    /// <returns>Null when it closed, or was not sending any more; else one sentence that says what does not add up or can still move.</returns>
    public abstract Task<string?> CloseAsync(BroadcastId broadcast, CancellationToken cancel);

    /// <summary>
    /// Recounts the rows of every frozen broadcast that is open, or changed its status since <paramref name="since"/> and compares them with the per-shard counts (rule 17).
    /// </summary>
    /// <returns>The broadcasts whose counts differ; none when all is well.</returns>
    public abstract Task<IReadOnlyList<BroadcastId>> RecountAsync(DateTimeOffset since, CancellationToken cancel);

    public abstract ValueTask DisposeAsync();
}

/// <summary>A broadcast with something to do.</summary>
/// <param name="Broadcast">Which.</param>
/// <param name="Status">Scheduled, sending or canceled.</param>
/// <param name="NotBefore">A scheduled one is not due before; null = due.</param>
/// <param name="PerHour">Its rate as it is now; null = none.</param>
internal sealed record WorkItem(BroadcastId Broadcast, BroadcastStatus Status, DateTimeOffset? NotBefore, int? PerHour)
{
    /// <summary>A stream with mails that may move.</summary>
    public bool IsStream { get; init; }

    /// <summary>Another with every action on it, in stored milliseconds: what a run has read may not be all there is.</summary>
    public long Version { get; init; }

    /// <summary>Of a stream: some of them were never tried.</summary>
    public bool HasArrivals { get; init; }

    public bool IsDue(DateTimeOffset now) => NotBefore is null || NotBefore <= now;
}

internal enum FreezeStep
{
    More,
    Done,

    /// <summary>It is not sending any more: paused, held or canceled meanwhile.</summary>
    Stopped,
}

/// <summary>A range of address ids of one broadcast, owned under an epoch.</summary>
internal sealed record TakenShard(ShardId Id, BroadcastId Broadcast, SiteId Site, int Number, AddressId First, AddressId Last, int Epoch)
{
    /// <summary>Its rows are mails to one person: their address ids are ids of mails (rule 25).</summary>
    public bool IsStream { get; init; }
}

/// <summary>A row that could be claimed, with what is needed to make its message.</summary>
internal sealed record Candidate
{
    /// <summary>The fields of a person who has none: this very string where it was read from the database.</summary>
    public const string NoFields = "{}";

    public required TakenShard Shard { get; init; }

    public required AddressId Address { get; init; }

    public required SubscriberId Subscriber { get; init; }

    /// <summary>How often it was attempted when it was read; a claim that finds another number takes nothing.</summary>
    public required int Attempts { get; init; }

    public required DateTimeOffset? FirstAt { get; init; }

    /// <summary>The normalised address; empty when its person was deleted.</summary>
    public required string Email { get; init; }

    public required string Uuid { get; init; }

    public required string? FirstName { get; init; }

    public required string? LastName { get; init; }

    /// <summary>JSON object.</summary>
    public required string Fields { get; init; }

    public required IReadOnlyList<string> Tags { get; init; }

    /// <summary>What a row of a stream brings itself; null for a recipient of a broadcast.</summary>
    public MailRow? Mail { get; init; }
}

/// <summary>A mail to one person, as its stream reads it (rule 25).</summary>
internal sealed record MailRow
{
    /// <summary>Whose mailbox it is; null when its row is gone.</summary>
    public required AddressId? Mailbox { get; init; }

    /// <summary>Null when it was erased with its person.</summary>
    public required long? Content { get; init; }

    /// <summary>JSON object; null = none.</summary>
    public required string? Personalizations { get; init; }

    public required bool IsTransactional { get; init; }

    /// <summary>Bare addresses with commas between; null = none.</summary>
    public required string? Cc { get; init; }

    public required string? Bcc { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Set once its content was looked up, before a lane makes the message.</summary>
    public Mails.CompiledMail? Compiled { get; set; }

    /// <summary>Why the message cannot be made, found while it was compiled.</summary>
    public string? Fault { get; set; }

    /// <summary>Further recipients that are left after suppressions.</summary>
    public IReadOnlyList<Ekiben.Mail.EmailAddress> VisibleCopies { get; set; } = [];

    public IReadOnlyList<Ekiben.Mail.EmailAddress> BlindCopies { get; set; } = [];
}

/// <summary>What a connection brings to the ledger between two messages; either part may be missing.</summary>
internal readonly record struct Exchange(OutcomeRecord? Outcome, ClaimRequest? Claim, RenderFailure? Failure = null);

/// <summary>What came of the attempt with this number on this row.</summary>
internal readonly record struct OutcomeRecord(TakenShard Shard, AddressId Address, int Attempt, DeliveryOutcome Outcome, RetryDecision Decision)
{
    /// <summary>The address that a refusal can suppress, where the row is a mail's and has its own id for an address; null = the row's.</summary>
    public AddressId? Mailbox { get; init; }
}

/// <summary>Asks for one row. <paramref name="FirstAt"/> is the Date that its message carries if this is its first attempt.</summary>
internal readonly record struct ClaimRequest(TakenShard Shard, AddressId Address, int AttemptsSeen, DateTimeOffset FirstAt);

/// <summary>
/// The message could not be made from the person's data; one sentence. Of a person who was erased that is no failure: the row becomes
/// <c>suppressed</c> (rule 1).
/// </summary>
internal sealed record RenderFailure(TakenShard Shard, AddressId Address, int AttemptsSeen, string Reason, bool PersonErased = false);

/// <summary>The answer to a claim.</summary>
internal abstract record ClaimAnswer
{
    /// <summary>The row is <c>sending</c>, committed: the message may go on the wire as this attempt.</summary>
    public sealed record Claimed(int Attempt, DateTimeOffset FirstAt) : ClaimAnswer;

    /// <summary>The throttle has no grant before; nothing was claimed.</summary>
    public sealed record Wait(DateTimeOffset Until) : ClaimAnswer;

    /// <summary>The row cannot be claimed any more: suppressed meanwhile, or no longer as it was read.</summary>
    public sealed record Passed : ClaimAnswer;

    /// <summary>The broadcast is not sending any more, or the shard has another owner: stop.</summary>
    public sealed record Stopped : ClaimAnswer;

    /// <summary>There was no claim in the exchange.</summary>
    public sealed record Recorded : ClaimAnswer
    {
        public static readonly Recorded Instance = new();
    }
}
