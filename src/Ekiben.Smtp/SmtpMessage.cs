namespace Ekiben.Smtp;

/// <summary>One message for one recipient, in its envelope.</summary>
/// <param name="Sender">MAIL FROM, without angle brackets; empty for the null sender.</param>
/// <param name="Recipient">RCPT TO, without angle brackets.</param>
/// <param name="Bytes">
/// The message with CRLF line ends, not dot-stuffed. Not copied: it must stay as it is until the message's outcome is known.
/// </param>
public readonly record struct SmtpMessage(string Sender, string Recipient, ReadOnlyMemory<byte> Bytes);
