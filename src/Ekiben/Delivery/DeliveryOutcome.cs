namespace Ekiben.Delivery;

/// <summary>
/// What came of one attempt to hand one message to the relay. Exact about the one thing that matters after a failure:
/// whether the message may have left (ledger.md rule 13). Stored, never thrown.
/// </summary>
internal abstract record DeliveryOutcome
{
    private DeliveryOutcome()
    {
    }

    /// <summary>2yz after the dot: the relay took responsibility (RFC 5321 §6.1).</summary>
    public sealed record Accepted(SmtpReply Reply) : DeliveryOutcome;

    /// <summary>4yz: not now. The relay did not take it (RFC 5321 §4.2.1).</summary>
    public sealed record Deferred(SmtpPhase Phase, SmtpReply Reply) : DeliveryOutcome;

    /// <summary>5yz: never, for this recipient or message; at MAIL it is about us and not about them.</summary>
    public sealed record Refused(SmtpPhase Phase, SmtpReply Reply) : DeliveryOutcome;

    /// <summary>The last bytes of the body may have left and no reply came: it may have arrived (RFC 1047).</summary>
    public sealed record Uncertain(SmtpPhase Phase, string Reason) : DeliveryOutcome;

    /// <summary>It failed before the last bytes of the body could have left: nobody has it.</summary>
    public sealed record NotSent(SmtpPhase Phase, string Reason) : DeliveryOutcome;
}

/// <summary>A relay's answer: the code (RFC 5321 §4.2), the enhanced code where it gave one (RFC 3463), the text.</summary>
internal sealed record SmtpReply(int Code, string Enhanced, string Text)
{
    /// <summary>Longer texts are cut: they are kept once a text, and a lying server must not fill the disk.</summary>
    public const int MaxText = 500;

    /// <summary>Splits "5.1.1 no such user" into the enhanced code and the rest.</summary>
    public static SmtpReply Of(int code, string text)
    {
        var line = text.ReplaceLineEndings(" ").Trim();
        var end = line.IndexOf(' ', StringComparison.Ordinal);
        var first = end < 0 ? line : line[..end];
        var enhanced = IsEnhanced(first) ? first : "";
        var rest = enhanced.Length > 0 ? line[enhanced.Length..].Trim() : line;
        return new SmtpReply(code, enhanced, rest.Length > MaxText ? rest[..MaxText] : rest);
    }

    private static bool IsEnhanced(string word)
    {
        var parts = word.Split('.');
        return parts.Length == 3
            && parts[0] is "2" or "4" or "5"
            && parts.All(part => part.Length is > 0 and <= 3 && part.All(char.IsAsciiDigit));
    }
}

/// <summary>Where in a transaction an attempt stood.</summary>
internal enum SmtpPhase
{
    Connect,
    Greeting,
    Ehlo,
    Tls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Body,
    Dot,

    /// <summary>This process died with the message on a connection; recovery does not know where it stood.</summary>
    Unknown,
}
