using System.Text;

namespace Ekiben.Mail;

/// <summary>
/// Holds one message at a time and everything needed to make it, so that the next one costs no memory. Not thread-safe: one a sender.
/// The contents are valid until the next <see cref="CompiledMessage.Compose"/>.
/// </summary>
public sealed class MessageBuffer
{
    /// <summary>Octets a message may have: two parts of 1 MiB, of which each octet may take three. Most relays refuse far less.</summary>
    public const int MaxOctets = 8 * 1024 * 1024;

    private char[] _characters = new char[512];

    internal ByteWriter Message { get; } = new(MaxOctets, "The message is longer than 8 MiB.");
    internal ByteWriter SubjectText { get; } = new(64 * 1024, "The subject is longer than 255 characters.");
    internal ByteWriter Html { get; } = new(PartTemplate.MaxOctets, PartTemplate.TooLong);
    internal ByteWriter Text { get; } = new(PartTemplate.MaxOctets, PartTemplate.TooLong);
    internal ByteWriter Slot { get; } = new(16 * 1024, "The unsubscribe link is longer than 16 KiB.");
    internal MessageData Data { get; }
    internal ValueEscaper Escaper { get; }

    /// <summary>An empty buffer.</summary>
    public MessageBuffer()
    {
        Data = new MessageData(SubjectText);
        Escaper = new ValueEscaper(Data);
    }

    internal Span<char> Characters(int count)
    {
        if (_characters.Length < count) _characters = new char[2 * count];
        return _characters;
    }

    /// <summary>The whole message: header, empty line, body. CRLF line ends, not dot-stuffed (no line of a body begins with a dot).</summary>
    public ReadOnlyMemory<byte> Bytes => Message.Memory;

    /// <summary>Octets of memory that it holds for what it has made so far; it never gives any back.</summary>
    public int Capacity => Message.Capacity + SubjectText.Capacity + Html.Capacity + Text.Capacity + Slot.Capacity;

    /// <summary>Octets of the header with the empty line that ends it.</summary>
    public int HeaderLength { get; internal set; }

    /// <summary>The rendered subject, decoded.</summary>
    public string Subject => Encoding.UTF8.GetString(SubjectText.Written);

    /// <summary>True when the bytes hold non-ASCII octets, which is only so with <see cref="NeedsSmtpUtf8"/>: all content is encoded.</summary>
    public bool Is8Bit { get; internal set; }

    /// <summary>True when an address has a non-ASCII local part (RFC 6531): without SMTPUTF8 at the relay this message can't be sent.</summary>
    public bool NeedsSmtpUtf8 { get; internal set; }
}
