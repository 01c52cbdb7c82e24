using System.Security.Cryptography.X509Certificates;

namespace Ekiben.Smtp;

/// <summary>Where a relay is and how it is spoken to.</summary>
public sealed record SmtpOptions
{
    /// <summary>A name or an address. With TLS the certificate must be valid for it.</summary>
    public required string Host { get; init; }

    /// <summary>1 to 65535.</summary>
    public required int Port { get; init; }

    /// <summary>How the connection is encrypted. What is asked for is required: there is no falling back to clear text.</summary>
    public SmtpTls Tls { get; init; } = SmtpTls.StartTls;

    /// <summary>For AUTH; null speaks to the relay without it.</summary>
    public string? User { get; init; }

    /// <summary>For AUTH PLAIN and LOGIN.</summary>
    public string? Password { get; init; }

    /// <summary>An OAuth access token: given, AUTH XOAUTH2 is used.</summary>
    public string? AccessToken { get; init; }

    /// <summary>True lets the password cross an unencrypted connection. Only for a relay on this machine.</summary>
    public bool AllowAuthInClear { get; init; }

    /// <summary>Our name in EHLO; null for the connection's own address as a literal (RFC 5321 §4.1.4).</summary>
    public string? ClientName { get; init; }

    /// <summary>Roots that are trusted instead of the system's; null for the system's.</summary>
    public X509Certificate2Collection? TrustedRoots { get; init; }

    /// <summary>False speaks one command at a time even where more is offered.</summary>
    public bool Pipelining { get; init; } = true;

    /// <summary>How long each step may take.</summary>
    public SmtpTimeouts Timeouts { get; init; } = new();

    /// <summary>Called at each moment of a message that is passed; null where nobody wants to know. For crash tests: it must not take long.</summary>
    public Action<SmtpMoment>? Passed { get; init; }

    /// <summary>The key of <see cref="PeerMemory"/>.</summary>
    internal string Peer => $"{Host}:{Port}";
}

/// <summary>A moment of a message at which a crash would be hardest to survive.</summary>
public enum SmtpMoment
{
    /// <summary>DATA was written.</summary>
    DataWritten,

    /// <summary>354 was read, and the body is next.</summary>
    DataAllowed,

    /// <summary>A block of the body was written, its end was not.</summary>
    BodyBlockWritten,

    /// <summary>The dot was written.</summary>
    DotWritten,
}

/// <summary>How a connection is encrypted.</summary>
public enum SmtpTls
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>After STARTTLS (RFC 3207).</summary>
    StartTls,

    /// <summary>From the first byte (RFC 8314 §3.3).</summary>
    Implicit,
}

/// <summary>How long each step may take: RFC 5321 §4.5.3.2, whose minutes are the least a client waits.</summary>
public sealed record SmtpTimeouts
{
    /// <summary>The TCP handshake, and the TLS one.</summary>
    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>220 (§4.5.3.2.1), and the answers to EHLO, STARTTLS and AUTH.</summary>
    public TimeSpan Greeting { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The answers to MAIL, RCPT and RSET (§4.5.3.2.2, §4.5.3.2.3).</summary>
    public TimeSpan Envelope { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>354 (§4.5.3.2.4).</summary>
    public TimeSpan Data { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Writing one block (§4.5.3.2.5).</summary>
    public TimeSpan Block { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>The answer to the dot (§4.5.3.2.6): giving up early makes second copies.</summary>
    public TimeSpan Dot { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>QUIT is a courtesy: everything that matters has been answered already.</summary>
    public TimeSpan Quit { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>All of them, longer or shorter: for tests, and for tests only shorter.</summary>
    /// <param name="factor">More than 0.</param>
    public SmtpTimeouts Scaled(double factor) => new()
    {
        Connect = Connect * factor,
        Greeting = Greeting * factor,
        Envelope = Envelope * factor,
        Data = Data * factor,
        Block = Block * factor,
        Dot = Dot * factor,
        Quit = Quit * factor,
    };
}

/// <summary>No connection that takes messages could be made.</summary>
/// <param name="phase">Where it failed.</param>
/// <param name="message">What happened, without the password: the end of a sentence that begins with the relay's name.</param>
/// <param name="isPermanent">5yz, a wrong certificate, something that is not offered: trying again does not help.</param>
/// <param name="inner">The cause.</param>
public sealed class SmtpUnavailableException(SmtpPhase phase, string message, bool isPermanent, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Where it failed.</summary>
    public SmtpPhase Phase { get; } = phase;

    /// <summary>True when a person has to do something about it.</summary>
    public bool IsPermanent { get; } = isPermanent;
}
