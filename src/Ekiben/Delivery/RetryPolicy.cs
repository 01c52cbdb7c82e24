namespace Ekiben.Delivery;

/// <summary>What to do after an outcome: a pure table, with the reason beside each code.</summary>
internal static class RetryPolicy
{
    /// <summary>A row deferred for longer than this since its own first attempt expires: news is old by then. RFC 5321 §4.5.4.1 would wait four to five days.</summary>
    public static readonly TimeSpan DefaultExpiry = TimeSpan.FromDays(3);

    /// <summary>After the first, second, … deferral; the last goes on for ever. RFC 5321 §4.5.4.1 asks for 30 minutes in the long run.</summary>
    private static readonly TimeSpan[] Delays =
        [TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(15), TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(60), TimeSpan.FromHours(2)];

    /// <summary>The enhanced codes that say "this mailbox does not exist": only they suppress an address (ledger.md rule 24).</summary>
    private static readonly string[] NoSuchMailbox =
    [
        "5.1.1", // bad destination mailbox address
        "5.1.2", // bad destination system address
        "5.1.3", // bad destination mailbox address syntax
        "5.1.6", // mailbox has moved, no forwarding address
        "5.1.10", // recipient address has null MX (RFC 7505)
        "5.2.1", // mailbox disabled
    ];

    /// <param name="outcome">What happened.</param>
    /// <param name="attempts">How many attempts the recipient has had, this one included.</param>
    /// <param name="firstAt">When its first attempt began.</param>
    /// <param name="now">Now.</param>
    /// <param name="spread">A number of the recipient's own, so that a crowd deferred together does not come back together.</param>
    /// <param name="ofStream">It is a mail with a sender of its own: a refused sender stops this mail alone, and is tried again for a while.</param>
    public static RetryDecision Decide(DeliveryOutcome outcome, int attempts, DateTimeOffset firstAt, DateTimeOffset now, long spread, bool ofStream = false) => outcome switch
    {
        DeliveryOutcome.Accepted => RetryDecision.Accept,
        DeliveryOutcome.Uncertain => new RetryDecision(RetryStep.MarkUncertain),
        DeliveryOutcome.NotSent => new RetryDecision(RetryStep.GiveBack),
        DeliveryOutcome.Deferred => Defer(attempts, firstAt, now, spread),

        DeliveryOutcome.Refused { Phase: < SmtpPhase.Rcpt } when ofStream => Defer(attempts, firstAt, now, spread),

        // 5yz at MAIL speaks of the sender: no recipient is to blame, and the next would be refused too.
        DeliveryOutcome.Refused { Phase: < SmtpPhase.Rcpt } refused => new RetryDecision(RetryStep.GiveBack)
        {
            Hold = $"The relay refuses the sender: {refused.Reply.Code} {refused.Reply.Enhanced} {refused.Reply.Text}".Replace("  ", " ", StringComparison.Ordinal),
        },
        DeliveryOutcome.Refused refused => new RetryDecision(RetryStep.Refuse)
        {
            Suppress = Array.IndexOf(NoSuchMailbox, refused.Reply.Enhanced) >= 0,
        },
        _ => throw new InvalidOperationException($"no decision for {outcome.GetType().Name}"),
    };

    /// <summary>Whether a refusal is about the sender's standing (5.7.x: policy, authentication, reputation) and not about the recipient.</summary>
    public static bool IsAboutTheSender(SmtpReply reply) => reply.Enhanced.StartsWith("5.7.", StringComparison.Ordinal);

    private static RetryDecision Defer(int attempts, DateTimeOffset firstAt, DateTimeOffset now, long spread)
    {
        if (now - firstAt >= DefaultExpiry)
        {
            return new RetryDecision(RetryStep.Expire);
        }

        var delay = Delays[Math.Min(attempts, Delays.Length) - 1];
        // From -10 % to +10 %.
        var jitter = delay * (((spread & 0x7F) / 127.0 * 0.2) - 0.1);
        return new RetryDecision(RetryStep.Defer) { NotBefore = now + delay + jitter };
    }
}

/// <summary>The step to take, and what goes with it.</summary>
internal sealed record RetryDecision(RetryStep Step)
{
    /// <summary>What nearly every outcome comes to.</summary>
    public static readonly RetryDecision Accept = new(RetryStep.Accept);

    /// <summary>With <see cref="RetryStep.Defer"/>: the next attempt is not before.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>The address gets no mail from this site any more.</summary>
    public bool Suppress { get; init; }

    /// <summary>The broadcast stops with this sentence until a person decides.</summary>
    public string? Hold { get; init; }
}

internal enum RetryStep
{
    Accept,
    Defer,
    Refuse,
    Expire,

    /// <summary>The row returns to where it came from and the attempt does not count.</summary>
    GiveBack,

    MarkUncertain,
}
