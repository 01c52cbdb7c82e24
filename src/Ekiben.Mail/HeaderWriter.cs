using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Ekiben.Mail;

/// <summary>
/// Header fields, folded by us: lines of 78 characters where possible and never over 998 (RFC 5322 §2.1.1), encoded-words of at most 75
/// and their lines of at most 76 (RFC 2047 §2). Control characters are refused, not repaired: a value that holds one is an attack or a
/// mistake, and either way the sentence must reach a person.
/// </summary>
internal static class HeaderWriter
{
    public const int MaxLine = 998;
    private const int FoldAt = 78;
    private const int EncodedLine = 76;
    private const int EncodedWord = 75;
    private static ReadOnlySpan<byte> Open => "=?utf-8?q?"u8;
    private static readonly SearchValues<char> Controls = SearchValues.Create([.. Enumerable.Range(0, 32).Select(c => (char)c), '\x7f']);
    // RFC 2047 §5 (3), the strictest of its three sets: the words stand in phrases too.
    private static readonly SearchValues<char> PlainInWord = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/");
    private static readonly SearchValues<char> Atoms = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~ ");

    /// <summary>A field whose value was made here and fits its line: ids, dates, constants. Structure is the caller's.</summary>
    public static void Structured(ByteWriter output, ReadOnlySpan<byte> name, ReadOnlySpan<char> value)
    {
        if (value.ContainsAny(Controls) || !Ascii.IsValid(value)) throw new RenderException($"The header {Encoding.ASCII.GetString(name)} contains a character that can't stand there.");
        if (value.Length + 1 > MaxLine) throw new RenderException($"The header {Encoding.ASCII.GetString(name)} is longer than 998 octets.");
        Begin(output, name);
        output.Bytes(name.Length + 2 + value.Length > FoldAt ? "\r\n "u8 : " "u8);
        output.Text(value);
        output.Bytes("\r\n"u8);
    }

    /// <summary>One id or URL in angle brackets, on a line of its own where it is long.</summary>
    public static void Angled(ByteWriter output, ReadOnlySpan<byte> name, ReadOnlySpan<char> value)
    {
        Begin(output, name);
        output.Byte((byte)' ');
        Angle(output, value, name.Length + 2, FoldAt);
    }

    /// <summary>An unstructured field (Subject): ASCII as it is, folded at blanks; anything else as encoded-words.</summary>
    public static void Unstructured(ByteWriter output, ReadOnlySpan<byte> name, ReadOnlySpan<char> value)
    {
        if (value.ContainsAny(Controls)) throw new RenderException($"The header {Encoding.ASCII.GetString(name)} contains a control character.");
        Begin(output, name);
        output.Byte((byte)' ');
        var column = name.Length + 2;
        if (FoldsAsIs(value, column)) Words(output, value, ref column);
        else EncodedWords(output, value, ref column);
        output.Bytes("\r\n"u8);
    }

    /// <summary>One mailbox (RFC 5322 §3.4): a name, if there is one, and the address in angle brackets.</summary>
    public static void Mailbox(ByteWriter output, ReadOnlySpan<byte> field, ReadOnlySpan<char> name, ReadOnlySpan<char> address)
    {
        Begin(output, field);
        output.Byte((byte)' ');
        var column = field.Length + 2;
        var isEncoded = name.Length > 0 && Phrase(output, field, name, ref column);
        var end = isEncoded ? EncodedLine : FoldAt;
        if (name.Length > 0 && column + address.Length + 3 <= end)
        {
            output.Byte((byte)' ');
            column++;
        }
        Angle(output, address, column, end);
    }

    /// <summary>Bare mailboxes (RFC 5322 §3.4), one a line.</summary>
    public static void Mailboxes(ByteWriter output, ReadOnlySpan<byte> field, IReadOnlyList<EmailAddress> addresses)
    {
        Begin(output, field);
        for (var i = 0; i < addresses.Count; i++)
        {
            var mailbox = addresses[i].Mailbox;
            if (mailbox.AsSpan().ContainsAny(Controls) || mailbox.AsSpan().ContainsAny("<>, ")) throw new RenderException("An address contains a character that can't stand in a header.");
            output.Bytes(i == 0 ? " "u8 : ",\r\n "u8);
            output.Text(mailbox);
        }
        output.Bytes("\r\n"u8);
    }

    /// <summary>RFC 5322 §3.3, always in UTC: the server's zone is nobody's business.</summary>
    public static void Date(ByteWriter output, DateTimeOffset date)
    {
        output.Bytes("Date: "u8);
        var span = output.GetSpan(32);
        date.ToUniversalTime().TryFormat(span, out var written, "ddd, dd MMM yyyy HH:mm:ss", CultureInfo.InvariantCulture);
        output.Advance(written);
        output.Bytes(" +0000\r\n"u8);
    }

    private static void Begin(ByteWriter output, ReadOnlySpan<byte> name)
    {
        output.Bytes(name);
        output.Byte((byte)':');
    }

    private static void Angle(ByteWriter output, ReadOnlySpan<char> value, int column, int end)
    {
        if (value.ContainsAny(Controls) || value.ContainsAny("<> ")) throw new RenderException("An address contains a character that can't stand in a header.");
        if (value.Length + 3 > MaxLine) throw new RenderException("An address or URL is longer than a line of a header.");
        if (column + value.Length + 2 > end)
        {
            // The blank after the colon would be the end of its line.
            if (output.Last == ' ') output.Truncate(output.Length - 1);
            output.Bytes("\r\n "u8);
        }
        output.Byte((byte)'<');
        output.Text(value);
        output.Bytes(">\r\n"u8);
    }

    /// <summary>Answers whether the name had to be written as encoded-words.</summary>
    private static bool Phrase(ByteWriter output, ReadOnlySpan<byte> field, ReadOnlySpan<char> name, ref int column)
    {
        if (name.ContainsAny(Controls)) throw new RenderException($"The name in {Encoding.ASCII.GetString(field)} contains a control character.");
        // "=?" would be read as an encoded-word, and a long phrase would have to be folded inside its quotes.
        var plain = Ascii.IsValid(name) && !name.Contains("=?", StringComparison.Ordinal) && column + name.Length + name.Count('"') + name.Count('\\') + 2 <= FoldAt
            && name[0] != ' ' && name[^1] != ' ';
        if (!plain)
        {
            EncodedWords(output, name, ref column);
        }
        else if (!name.ContainsAnyExcept(Atoms) && !name.Contains("  ", StringComparison.Ordinal))
        {
            output.Text(name);
            column += name.Length;
        }
        else
        {
            output.Byte((byte)'"');
            foreach (var c in name)
            {
                if (c is '"' or '\\') output.Byte((byte)'\\');
                output.Byte((byte)c);
            }
            output.Byte((byte)'"');
            column += name.Length + 2;
        }
        return !plain;
    }

    /// <summary>True when plain ASCII comes out of every reader as it went in, with no line over 78.</summary>
    private static bool FoldsAsIs(ReadOnlySpan<char> value, int column)
    {
        if (!Ascii.IsValid(value) || value.Contains("=?", StringComparison.Ordinal)) return false;
        if (value.Length == 0) return true;
        if (value[0] == ' ' || value[^1] == ' ') return false;
        if (column + value.Length <= FoldAt) return true;
        if (value.Contains("  ", StringComparison.Ordinal)) return false;
        foreach (var word in value.Split(' '))
            if (word.End.Value - word.Start.Value + column > FoldAt) return false;
        return true;
    }

    private static void Words(ByteWriter output, ReadOnlySpan<char> value, ref int column)
    {
        if (column + value.Length <= FoldAt)
        {
            output.Text(value);
            column += value.Length;
            return;
        }
        var first = true;
        foreach (var range in value.Split(' '))
        {
            var word = value[range];
            if (!first && column + 1 + word.Length > FoldAt)
            {
                output.Bytes("\r\n"u8);
                column = 0;
            }
            if (!first)
            {
                output.Byte((byte)' ');
                column++;
            }
            output.Text(word);
            column += word.Length;
            first = false;
        }
    }

    /// <summary>The whole value as encoded-words, in Q or B, whichever is shorter; no character is cut in two (RFC 2047 §5).</summary>
    private static void EncodedWords(ByteWriter output, ReadOnlySpan<char> value, ref int column)
    {
        var base64 = PrefersBase64(value);
        Span<byte> character = stackalloc byte[12];
        Span<byte> raw = stackalloc byte[EncodedWord];
        var first = true;
        while (value.Length > 0)
        {
            if (!first)
            {
                output.Bytes("\r\n "u8);
                column = 1;
            }
            // "=?utf-8?q?" and "?=" around the text.
            var room = Math.Min(EncodedWord, EncodedLine - column) - Open.Length - 2;
            output.Bytes(Open);
            var used = 0;
            if (base64)
            {
                output.Truncate(output.Length - 2);
                output.Bytes("b?"u8);
                while (value.Length > 0)
                {
                    Rune.DecodeFromUtf16(value, out var rune, out var consumed);
                    var width = rune.EncodeToUtf8(character);
                    if (Base64.GetMaxEncodedToUtf8Length(used + width) > room) break;
                    character[..width].CopyTo(raw[used..]);
                    used += width;
                    value = value[consumed..];
                }
                var span = output.GetSpan(Base64.GetMaxEncodedToUtf8Length(used));
                Base64.EncodeToUtf8(raw[..used], span, out _, out var written);
                output.Advance(written);
                used = written;
            }
            else
            {
                while (value.Length > 0)
                {
                    var width = QCharacter(value, character, out var consumed);
                    if (used + width > room) break;
                    output.Bytes(character[..width]);
                    used += width;
                    value = value[consumed..];
                }
            }
            output.Bytes("?="u8);
            column += Open.Length + used + 2;
            first = false;
        }
    }

    private static int QCharacter(ReadOnlySpan<char> value, Span<byte> encoded, out int consumed)
    {
        consumed = 1;
        if (value[0] == ' ')
        {
            encoded[0] = (byte)'_';
            return 1;
        }
        if (PlainInWord.Contains(value[0]))
        {
            encoded[0] = (byte)value[0];
            return 1;
        }
        Rune.DecodeFromUtf16(value, out var rune, out consumed);
        Span<byte> utf8 = stackalloc byte[4];
        var length = rune.EncodeToUtf8(utf8);
        for (var i = 0; i < length; i++)
        {
            encoded[3 * i] = (byte)'=';
            encoded[3 * i + 1] = "0123456789ABCDEF"u8[utf8[i] >> 4];
            encoded[3 * i + 2] = "0123456789ABCDEF"u8[utf8[i] & 15];
        }
        return 3 * length;
    }

    private static bool PrefersBase64(ReadOnlySpan<char> value)
    {
        int q = 0, octets = 0;
        foreach (var rune in value.EnumerateRunes())
        {
            octets += rune.Utf8SequenceLength;
            q += rune.Value == ' ' || (rune.IsBmp && PlainInWord.Contains((char)rune.Value)) ? 1 : 3 * rune.Utf8SequenceLength;
        }
        return (octets + 2) / 3 * 4 < q;
    }
}
