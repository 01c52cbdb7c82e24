using System.Text;

namespace Ekiben.Smtp;

/// <summary>What an envelope may hold.</summary>
internal static class Envelope
{
    /// <summary>RFC 5321 §4.5.3.1.3: a path has at most 256 octets, with its angle brackets. In UTF-8 (RFC 6531 §3.1) no more.</summary>
    private const int MaxAddress = 254;

    /// <summary>False for what would end the command or its path: nobody's address may become a command.</summary>
    public static bool CanBeSaid(string address, bool mayBeEmpty)
    {
        if (address.Length == 0)
        {
            return mayBeEmpty;
        }

        foreach (var character in address)
        {
            if (character is <= ' ' or '<' or '>' or '\u007F' || char.IsControl(character))
            {
                return false;
            }
        }

        return Encoding.UTF8.GetByteCount(address) <= MaxAddress && address.AsSpan(1).Contains('@');
    }

    /// <summary>RFC 6531 §3.1: an address or a header that is not ASCII.</summary>
    public static bool NeedsUtf8(in SmtpMessage message)
    {
        if (!Ascii.IsValid(message.Sender.AsSpan()) || !Ascii.IsValid(message.Recipient.AsSpan())
            || message.Copies?.Any(copy => !Ascii.IsValid(copy.AsSpan())) == true)
        {
            return true;
        }

        var bytes = message.Bytes.Span;
        var end = bytes.IndexOf("\r\n\r\n"u8);
        return !Ascii.IsValid(end < 0 ? bytes : bytes[..end]);
    }
}
