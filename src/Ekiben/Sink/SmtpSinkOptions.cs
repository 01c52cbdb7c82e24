using System.Net;

namespace Ekiben.Sink;

/// <summary>What a sink listens on, what it offers, what goes wrong in it, and its limits.</summary>
internal sealed record SmtpSinkOptions
{
    /// <summary>Where to listen. Port 0 asks the system for a free one; <see cref="SmtpSink.EndPoint"/> names it.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 0);

    /// <summary>The name given in the greeting and in the answer to EHLO.</summary>
    public string HostName { get; init; } = "localhost";

    /// <summary>The file that gets one JSON line for each message; null keeps no journal.</summary>
    public string? JournalPath { get; init; }

    /// <summary>What goes wrong, and when.</summary>
    public IReadOnlyList<FaultRule> Faults { get; init; } = [];

    /// <summary>Decides which events a rule with <c>rate</c> hits: the same seed and order of events give the same faults.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Keeps every message with its bytes in <see cref="SmtpSink.Messages"/>, for tests.</summary>
    public bool KeepMessages { get; init; }

    /// <summary>The only name and password accepted. When set, mail without AUTH is refused (530, RFC 4954 §6).</summary>
    public SinkCredentials? Credentials { get; init; }

    /// <summary>Offers STARTTLS (RFC 3207) with a self-signed certificate made at the start.</summary>
    public bool StartTls { get; init; }

    /// <summary>Offers PIPELINING (RFC 2920). When false, commands sent ahead of a reply get 503.</summary>
    public bool Pipelining { get; init; } = true;

    /// <summary>Offers SIZE (RFC 1870).</summary>
    public bool Size { get; init; } = true;

    /// <summary>Offers 8BITMIME (RFC 6152).</summary>
    public bool EightBitMime { get; init; } = true;

    /// <summary>Offers SMTPUTF8 (RFC 6531).</summary>
    public bool SmtpUtf8 { get; init; } = true;

    /// <summary>Offers ENHANCEDSTATUSCODES (RFC 2034). When false, replies carry no enhanced codes, except those a fault rule spells out.</summary>
    public bool EnhancedStatusCodes { get; init; } = true;

    /// <summary>Bytes of the largest message accepted, after dot-unstuffing.</summary>
    public int MaxMessageSize { get; init; } = 50_000_000;

    /// <summary>Recipients of one message. RFC 5321 §4.5.3.1.8 asks for at least 100.</summary>
    public int MaxRecipients { get; init; } = 1_000;

    /// <summary>Connections open at once; one more is turned away with 421.</summary>
    public int MaxConnections { get; init; } = 2_000;

    /// <summary>Commands answered with 500, 501, 502, 503 or 555 before the connection is closed with 421.</summary>
    public int MaxErrors { get; init; } = 100;

    /// <summary>Messages kept by <see cref="KeepMessages"/>; more are deferred with 452, since memory is finite.</summary>
    public int MaxKeptMessages { get; init; } = 500_000;

    /// <summary>
    /// How long a client may be silent. RFC 5321 §4.5.3.2.7 asks for at least five minutes. Tests that move the clock far give
    /// <see cref="TimeSpan.MaxValue"/>, which is no limit.
    /// </summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a stalled connection is held: well over the ten minutes a client waits after the dot (RFC 5321 §4.5.3.2.6).</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromMinutes(30);
}

/// <summary>The name and password that AUTH accepts.</summary>
internal sealed record SinkCredentials(string User, string Password);
