using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>
/// One mailing to many people. This file has its states and the only ways between them;
/// what a stored broadcast is made of below is what the manifest binds when it is approved.
/// </summary>
internal sealed class Broadcast : ISiteOwned
{
    public BroadcastId Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary>
    /// The site's stream of mails to one person and no broadcast (ledger.md rule 25): it has no audience and no end, and its recipients' address ids
    /// are ids of mails. Ordinary queries do not see it.
    /// </summary>
    public bool IsStream { get; set; }

    /// <summary>For the people who run it; recipients never see it.</summary>
    public required string Name { get; set; }

    public required string Subject { get; set; }

    public string? PreviewText { get; set; }

    /// <summary>HTML, Markdown or styled text with Liquid in it, as <see cref="Type"/> says.</summary>
    public required string Content { get; set; }

    /// <summary><c>plain</c>, <c>fancy</c>, <c>raw</c>, <c>html</c>, <c>markdown</c> or <c>layout</c>, as it was given.</summary>
    public required string Type { get; set; }

    /// <summary>The layout's public id, for <c>layout</c>.</summary>
    public string? LayoutId { get; set; }

    /// <summary>The layout's HTML, copied when the broadcast was made: later edits of the layout do not reach it.</summary>
    public string? LayoutHtml { get; set; }

    public required string FromEmail { get; set; }

    public required string FromName { get; set; }

    /// <summary>Tag names, comma-separated; a person with any of them matches. Empty = no condition.</summary>
    public string InclusiveTags { get; set; } = "";

    /// <summary>Tag names, comma-separated; a person with any of them is excluded.</summary>
    public string ExclusiveTags { get; set; } = "";

    /// <summary>The segment's public id; empty = no condition.</summary>
    public string SegmentId { get; set; } = "";

    /// <summary>At most this many attempts in any 3,600 s; null = as fast as the relay takes. Outside the manifest (ledger.md rule 5).</summary>
    public int? BatchSizePerHour { get; set; }

    /// <summary>When it is due; null = as soon as it is approved.</summary>
    public DateTimeOffset? SendAt { get; set; }

    /// <summary><c>send_at</c> as the client wrote it, to show in which zone it was read.</summary>
    public string? SendAtWritten { get; set; }

    public UncertainPolicy UncertainPolicy { get; set; }

    public BroadcastStatus Status { get; set; }

    /// <summary>Why it is held, or why it closed without sending; one sentence.</summary>
    public string? StatusReason { get; set; }

    /// <summary><c>user:EMAIL</c>, <c>key:NAME</c> or <c>cli</c>.</summary>
    public required string CreatedBy { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>Whom it reached when that was first counted, soon after it was made; null until then. Compared with today's number for people.</summary>
    public long? CountWhenMade { get; set; }

    /// <summary>When the audience began to be frozen; also the clock that Liquid sees.</summary>
    public DateTimeOffset? StartedAt { get; set; }

    /// <summary>When the audience was complete; nothing is sent before.</summary>
    public DateTimeOffset? FrozenAt { get; set; }

    public DateTimeOffset? FinishedAt { get; set; }

    /// <summary>The freeze has read every subscriber up to this id (ledger.md rule 9).</summary>
    public long FreezeCursor { get; set; }

    /// <summary>The highest subscriber id when the freeze began.</summary>
    public long? FreezeTop { get; set; }

    // The six figures of ledger.md rule 9, written once, when the freeze is complete (matched also counts along while it runs).
    public long Matched { get; set; }

    public long Excluded { get; set; }

    public long Unsubscribed { get; set; }

    public long SuppressedBefore { get; set; }

    public long DuplicateAddresses { get; set; }

    public long Recipients { get; set; }
}

/// <summary>
/// <c>draft → scheduled → sending ⇄ paused | held → sent | canceled</c>. Stored in lower case by name, so that hand-written SQL can be read.
/// </summary>
internal enum BroadcastStatus
{
    /// <summary>Not approved; an edit of what the manifest binds brings it back here.</summary>
    Draft,

    /// <summary>Approved, its time not yet come.</summary>
    Scheduled,

    /// <summary>Freezing its audience or sending.</summary>
    Sending,

    /// <summary>Stopped by a person.</summary>
    Paused,

    /// <summary>Stopped by a rule; <see cref="Broadcast.StatusReason"/> says which, and a person decides.</summary>
    Held,

    /// <summary>No recipient can move any more, and the sums agree.</summary>
    Sent,

    /// <summary>Stopped for good.</summary>
    Canceled,
}

/// <summary>What happens to a message of which nobody knows whether the relay took it (ledger.md rule 14).</summary>
internal enum UncertainPolicy
{
    /// <summary>Try once more: a second copy is possible, a loss is not.</summary>
    Resend,

    /// <summary>Leave it: a loss is possible, a second copy is not.</summary>
    Hold,
}

/// <summary>The only status changes there are. Every UPDATE of a status names the states it may leave, so a lost race changes nothing.</summary>
internal static class BroadcastTransitions
{
    private static readonly Dictionary<BroadcastStatus, BroadcastStatus[]> From = new()
    {
        [BroadcastStatus.Draft] = [BroadcastStatus.Scheduled, BroadcastStatus.Held],
        [BroadcastStatus.Scheduled] = [BroadcastStatus.Draft, BroadcastStatus.Held],
        // From sent only by a person who orders second tries of uncertain rows (ledger.md rule 14).
        [BroadcastStatus.Sending] = [BroadcastStatus.Scheduled, BroadcastStatus.Paused, BroadcastStatus.Held, BroadcastStatus.Sent],
        [BroadcastStatus.Paused] = [BroadcastStatus.Sending, BroadcastStatus.Scheduled, BroadcastStatus.Held],
        [BroadcastStatus.Held] = [BroadcastStatus.Scheduled, BroadcastStatus.Sending],
        [BroadcastStatus.Sent] = [BroadcastStatus.Sending],
        [BroadcastStatus.Canceled] =
            [BroadcastStatus.Draft, BroadcastStatus.Scheduled, BroadcastStatus.Sending, BroadcastStatus.Paused, BroadcastStatus.Held],
    };

    /// <summary>The states from which <paramref name="to"/> can be reached.</summary>
    public static IReadOnlyList<BroadcastStatus> LeadingTo(BroadcastStatus to) => From[to];

    public static bool Allows(this BroadcastStatus from, BroadcastStatus to) => Array.IndexOf(From[to], from) >= 0;

    /// <summary>The stored and public word: <c>draft</c>, <c>sending</c>, …</summary>
    public static string Word(this BroadcastStatus status) => status switch
    {
        BroadcastStatus.Draft => "draft",
        BroadcastStatus.Scheduled => "scheduled",
        BroadcastStatus.Sending => "sending",
        BroadcastStatus.Paused => "paused",
        BroadcastStatus.Held => "held",
        BroadcastStatus.Sent => "sent",
        BroadcastStatus.Canceled => "canceled",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "not a status"),
    };

    public static BroadcastStatus FromWord(string word) => word switch
    {
        "draft" => BroadcastStatus.Draft,
        "scheduled" => BroadcastStatus.Scheduled,
        "sending" => BroadcastStatus.Sending,
        "paused" => BroadcastStatus.Paused,
        "held" => BroadcastStatus.Held,
        "sent" => BroadcastStatus.Sent,
        "canceled" => BroadcastStatus.Canceled,
        _ => throw new ArgumentOutOfRangeException(nameof(word), word, "not a status"),
    };
}
