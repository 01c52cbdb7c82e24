using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>Why somebody got a broadcast or not. JSON in snake case.</summary>
internal sealed record WhyAnswer
{
    public required string BroadcastId { get; init; }

    /// <summary>As it is stored, or as it was asked for when it is no address.</summary>
    public required string Email { get; init; }

    /// <summary>For programs: one word of <see cref="WhyCause"/>.</summary>
    public required string Cause { get; init; }

    /// <summary>For people: a sentence or two that name the rule, tag, suppression, attempt or reply.</summary>
    public required string Answer { get; init; }

    /// <summary>Where the recipient stands; null for somebody who is none.</summary>
    public string? State { get; init; }

    /// <summary>Of their message, without angle brackets; null for somebody who is no recipient.</summary>
    public string? MessageId { get; init; }

    /// <summary>Those that were not accepted at once.</summary>
    public IReadOnlyList<WhyAttempt> Attempts { get; init; } = [];

    /// <summary>What people decided about an uncertain message, in the order in which they did.</summary>
    public IReadOnlyList<WhyDecision> Decisions { get; init; } = [];

    public DateTimeOffset? OpenedAt { get; init; }

    public DateTimeOffset? ClickedAt { get; init; }

    public static WhyAnswer Of(Broadcast broadcast, string email, WhyCause cause, string answer) => new()
    {
        BroadcastId = broadcast.Id.ToString(),
        Email = email,
        Cause = Words.SnakeCase(cause.ToString()),
        Answer = answer,
    };
}

/// <summary>One attempt: its outcome, the phase in which it ended and what the relay said.</summary>
internal sealed record WhyAttempt(int Number, DateTimeOffset At, string Outcome, string Phase, int? Code, string? Reply);

/// <summary>A person's or a key's decision: <c>second_try</c> or <c>treated_as_sent</c>.</summary>
internal sealed record WhyDecision(string Decision, string Actor, DateTimeOffset At);

/// <summary>What decided. Words in snake case; those of recipients are their states'.</summary>
internal enum WhyCause
{
    /// <summary>What was asked for is no address.</summary>
    NoAddress,

    /// <summary>Nobody has or had this address.</summary>
    Unknown,

    /// <summary>The address is known, and nobody has it any more.</summary>
    NoSubscriber,

    /// <summary>The person was deleted.</summary>
    Erased,

    /// <summary>The rule does not match them.</summary>
    NotMatched,

    /// <summary>They match today, and did not when the audience was frozen.</summary>
    CameLater,

    Excluded,

    Unsubscribed,

    Suppressed,

    Duplicate,

    /// <summary>The broadcast has not started; they would get it.</summary>
    NotStarted,

    Pending,

    Sending,

    Deferred,

    Accepted,

    Refused,

    Expired,

    RenderFailed,

    Canceled,

    Uncertain,
}
