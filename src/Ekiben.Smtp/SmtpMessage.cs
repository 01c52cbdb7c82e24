namespace Ekiben.Smtp;

/// <summary>One message for one recipient, and perhaps others who get a copy, in its envelope.</summary>
/// <param name="Sender">MAIL FROM, without angle brackets; empty for the null sender.</param>
/// <param name="Recipient">RCPT TO, without angle brackets.</param>
/// <param name="Bytes">
/// The message with CRLF line ends, not dot-stuffed. Not copied: it must stay as it is until the message's outcome is known.
/// </param>
public readonly record struct SmtpMessage(string Sender, string Recipient, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>
    /// Further RCPT TO, without angle brackets; null = none. They are named after <see cref="Recipient"/> was accepted, one at a time, and one that is
    /// refused is left out: the outcome is the recipient's alone.
    /// </summary>
    public IReadOnlyList<string>? Copies { get; init; }
}
