namespace Ekiben.Sink;

/// <summary>Where in a conversation a fault strikes.</summary>
internal enum FaultPhase
{
    /// <summary>The connection was accepted, nothing has been said.</summary>
    Connect,

    /// <summary>In place of the 220 greeting.</summary>
    Greeting,

    /// <summary>At EHLO or HELO.</summary>
    Ehlo,

    /// <summary>At the end of an AUTH exchange, whatever the password.</summary>
    Auth,

    /// <summary>At MAIL.</summary>
    Mail,

    /// <summary>At each RCPT.</summary>
    Rcpt,

    /// <summary>At DATA, in place of 354.</summary>
    Data,

    /// <summary>When the first bytes of the message have come.</summary>
    Body,

    /// <summary>After CRLF.CRLF, in place of 250.</summary>
    Dot,
}

/// <summary>What a fault does.</summary>
internal enum FaultAction
{
    /// <summary>Answers with <see cref="FaultRule.Reply"/>. 421 also closes, as RFC 5321 §3.8 has it.</summary>
    Reply,

    /// <summary>Closes the connection in order (FIN) without a reply.</summary>
    Close,

    /// <summary>Breaks the connection (RST) without a reply.</summary>
    Rst,

    /// <summary>Never replies, and holds the connection until the client leaves.</summary>
    Stall,

    /// <summary>Waits for <see cref="FaultRule.Delay"/> and goes on.</summary>
    Delay,

    /// <summary>Closes the connection after <see cref="FaultRule.Messages"/> messages were answered on it.</summary>
    CloseAfter,
}

/// <summary>
/// One thing that goes wrong in a sink, and when. Written <c>PHASE:ACTION[:KEY=VALUE,...]</c>; the grammar is in docs/sink.md.
/// </summary>
internal sealed record FaultRule
{
    public required FaultPhase Phase { get; init; }

    public required FaultAction Action { get; init; }

    /// <summary>The reply line of <see cref="FaultAction.Reply"/>, such as <c>450 4.2.1 Mailbox busy</c>, without CRLF.</summary>
    public string Reply { get; init; } = "";

    /// <summary>At the dot only: the message is accepted and journaled as such before the connection is lost. This is how real relays make duplicates (RFC 1047).</summary>
    public bool AcceptFirst { get; init; }

    /// <summary>The wait of <see cref="FaultAction.Delay"/>.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>The share of events hit, above 0 and up to 1.</summary>
    public double Rate { get; init; } = 1;

    /// <summary>Hits every N-th event.</summary>
    public int Every { get; init; } = 1;

    /// <summary>Only the first N events (counted after <see cref="After"/>) can be hit.</summary>
    public int First { get; init; } = int.MaxValue;

    /// <summary>Lets N events pass first.</summary>
    public int After { get; init; }

    /// <summary>Only recipients that match this glob count as events: <c>*</c> is any run of characters, <c>?</c> one; case is ignored.</summary>
    public string? To { get; init; }

    /// <summary>At RCPT only: hits while more connections than this have such a recipient in their transaction; null = always.</summary>
    public int? Above { get; init; }

    /// <summary>At RCPT only: a (sender, recipient) pair is hit until this long after it was first seen. Zero for rules that do not greylist.</summary>
    public TimeSpan Greylist { get; init; }

    /// <summary>Only connections on which N messages were answered are hit; the figure of <see cref="FaultAction.CloseAfter"/>.</summary>
    public int Messages { get; init; }

    /// <summary>Reads one rule.</summary>
    /// <param name="text">The rule as typed, such as <c>rcpt:450 4.2.1:rate=0.3</c>.</param>
    /// <param name="rule">The rule; meaningless when the answer is false.</param>
    /// <param name="error">One sentence that says what is wrong; empty when the answer is true.</param>
    public static bool TryParse(string text, out FaultRule rule, out string error)
    {
        var parser = new FaultRuleParser(text);
        rule = parser.Read();
        error = parser.Error is { } problem ? $"Fault rule '{text}': {problem}" : "";
        return parser.Error is null;
    }

    /// <summary>Reads one rule, for tests and other code that spells rules out.</summary>
    /// <exception cref="FormatException">The rule is not well formed.</exception>
    public static FaultRule Parse(string text) => TryParse(text, out var rule, out var error) ? rule : throw new FormatException(error);
}
