namespace Ekiben.Providers;

/// <summary>What an outcome says about the provider of the recipient's mailbox.</summary>
internal enum ProviderVerdict
{
    /// <summary>Nothing: it is about the relay, the recipient or the message.</summary>
    Nothing,

    /// <summary>It took a message.</summary>
    Took,

    /// <summary>It wants less, or later.</summary>
    WantsLess,
}

/// <summary>From an outcome to what it says about the provider: a pure table, with the reason beside each line.</summary>
internal static class ProviderFeedback
{
    public static ProviderVerdict Of(DeliveryOutcome outcome) => outcome switch
    {
        DeliveryOutcome.Accepted => ProviderVerdict.Took,

        // MAIL and all before it know no recipient: a 421 there is the relay's own word.
        DeliveryOutcome.Deferred { Phase: < SmtpPhase.Rcpt } => ProviderVerdict.Nothing,
        DeliveryOutcome.Deferred { Reply: var reply } when SpeaksOfTheProvider(reply) => ProviderVerdict.WantsLess,

        // Closed without a word once the recipient was named: the same as 421, less politely.
        DeliveryOutcome.NotSent { Phase: SmtpPhase.Rcpt or SmtpPhase.Data } => ProviderVerdict.WantsLess,

        // A refusal is about this recipient or message; too many about us hold the broadcast (FailureWatch).
        _ => ProviderVerdict.Nothing,
    };

    /// <summary>What it said, for people.</summary>
    public static string Words(DeliveryOutcome outcome) => outcome switch
    {
        DeliveryOutcome.Deferred deferred => deferred.Reply.ToString(),
        DeliveryOutcome.NotSent notSent => notSent.Reason,
        _ => "",
    };

    private static bool SpeaksOfTheProvider(SmtpReply reply) =>
        reply.Code == 421 // closing the channel: too many connections, too much mail (RFC 5321 §3.8)
        || reply.Enhanced.StartsWith("4.7.", StringComparison.Ordinal) // policy: rates, greylisting, reputation (RFC 3463 §3.8)
        || reply.Enhanced.StartsWith("4.4.", StringComparison.Ordinal); // its hosts do not answer or are congested (RFC 3463 §3.5)
}
