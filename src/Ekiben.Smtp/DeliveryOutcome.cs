namespace Ekiben.Smtp;

/// <summary>
/// What came of one attempt to hand one message to the relay. Exact about the one thing that matters after a failure:
/// whether the message may have left (ledger.md rule 13). Stored, never thrown.
/// </summary>
public abstract record DeliveryOutcome
{
    private DeliveryOutcome()
    {
    }

    /// <summary>2yz after the dot: the relay took responsibility (RFC 5321 §6.1).</summary>
    /// <param name="Reply">Its answer, usually with its own number for the message.</param>
    public sealed record Accepted(SmtpReply Reply) : DeliveryOutcome;

    /// <summary>4yz: not now. The relay did not take it (RFC 5321 §4.2.1).</summary>
    /// <param name="Phase">What was answered.</param>
    /// <param name="Reply">The answer.</param>
    public sealed record Deferred(SmtpPhase Phase, SmtpReply Reply) : DeliveryOutcome;

    /// <summary>5yz: never, for this recipient or message; at MAIL it is about us and not about them.</summary>
    /// <param name="Phase">What was answered.</param>
    /// <param name="Reply">The answer; of our own making where the relay's extensions already say that it cannot take the message.</param>
    public sealed record Refused(SmtpPhase Phase, SmtpReply Reply) : DeliveryOutcome;

    /// <summary>The last bytes of the body may have left and no reply came: it may have arrived (RFC 1047).</summary>
    /// <param name="Phase">Where it stood.</param>
    /// <param name="Reason">For people.</param>
    public sealed record Uncertain(SmtpPhase Phase, string Reason) : DeliveryOutcome;

    /// <summary>It failed before the last bytes of the body could have left: nobody has it.</summary>
    /// <param name="Phase">Where it stood.</param>
    /// <param name="Reason">For people.</param>
    public sealed record NotSent(SmtpPhase Phase, string Reason) : DeliveryOutcome;
}

/// <summary>A relay's answer.</summary>
/// <param name="Code">200 to 559 (RFC 5321 §4.2).</param>
/// <param name="Enhanced">As in <c>5.1.1</c> (RFC 3463); empty where it gave none.</param>
/// <param name="Text">The rest, on one line.</param>
public sealed record SmtpReply(int Code, string Enhanced, string Text)
{
    /// <summary>Longer texts are cut: they are kept once a text, and a lying server must not fill the disk.</summary>
    public const int MaxText = 500;

    /// <summary>Splits "5.1.1 no such user" into the enhanced code and the rest.</summary>
    /// <param name="code">Three digits.</param>
    /// <param name="text">What follows them; several lines become one.</param>
    public static SmtpReply Of(int code, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var line = text.ReplaceLineEndings(" ").Trim();
        var end = line.IndexOf(' ', StringComparison.Ordinal);
        var first = end < 0 ? line : line[..end];
        var enhanced = IsEnhanced(first) ? first : "";
        var rest = enhanced.Length > 0 ? line[enhanced.Length..].Trim() : line;
        return new SmtpReply(code, enhanced, rest.Length > MaxText ? rest[..MaxText] : rest);
    }

    /// <summary>For people: <c>550 5.1.1 no such user</c>.</summary>
    public override string ToString() => Enhanced.Length > 0 ? $"{Code} {Enhanced} {Text}" : $"{Code} {Text}";

    private static bool IsEnhanced(ReadOnlySpan<char> word)
    {
        if (word.Length < 5 || word[0] is not ('2' or '4' or '5') || word[1] != '.')
        {
            return false;
        }

        var rest = word[2..];
        var dot = rest.IndexOf('.');
        return dot > 0 && IsNumber(rest[..dot]) && IsNumber(rest[(dot + 1)..]);
    }

    private static bool IsNumber(ReadOnlySpan<char> digits) => digits.Length is > 0 and <= 3 && !digits.ContainsAnyExceptInRange('0', '9');
}

/// <summary>Where in a conversation an attempt stood.</summary>
public enum SmtpPhase
{
    /// <summary>Dialling.</summary>
    Connect,

    /// <summary>Waiting for 220.</summary>
    Greeting,

    /// <summary>EHLO or HELO.</summary>
    Ehlo,

    /// <summary>STARTTLS, or the handshake.</summary>
    Tls,

    /// <summary>AUTH.</summary>
    Auth,

    /// <summary>MAIL FROM.</summary>
    Mail,

    /// <summary>RCPT TO.</summary>
    Rcpt,

    /// <summary>DATA.</summary>
    Data,

    /// <summary>Some of the message has left, its end has not.</summary>
    Body,

    /// <summary>The end of the message may have left.</summary>
    Dot,

    /// <summary>This process died with the message on a connection; recovery does not know where it stood.</summary>
    Unknown,
}
