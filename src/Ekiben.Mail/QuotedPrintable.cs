using System.Buffers;

namespace Ekiben.Mail;

/// <summary>
/// Quoted-printable (RFC 2045 §6.7), resumable at any octet: the body is put together from pieces that were encoded at compile time and
/// pieces that are encoded now, so the only state is the column. No line passes 76 characters, line breaks become CRLF, a dot that would
/// begin a line is written as =2E and a "From " as =46rom (RFC 2049 §3), so that no relay has a reason to touch the body.
/// </summary>
internal struct QuotedPrintable(ByteWriter output)
{
    private const int LineContent = 75;
    private static readonly SearchValues<byte> Literal = SearchValues.Create([.. Enumerable.Range(33, 94).Where(b => b != '=').Select(b => (byte)b)]);

    private int _column;

    /// <summary>Characters already on the current line.</summary>
    public readonly int Column => _column;

    /// <summary>Ends the line without adding one to the decoded text, so that what follows may start at column 0.</summary>
    public void SoftBreak()
    {
        output.Bytes("=\r\n"u8);
        _column = 0;
    }

    /// <summary>Takes over octets that were encoded from column 0. The caller has seen to it that the column is 0.</summary>
    public void Encoded(ReadOnlySpan<byte> encoded, int endColumn)
    {
        output.Bytes(encoded);
        _column = endColumn;
    }

    /// <summary>Encodes UTF-8 text; CR LF, LF and lone CR all are one line break.</summary>
    public void Encode(ReadOnlySpan<byte> text)
    {
        while (text.Length > 0)
        {
            var octet = text[0];
            if (octet is (byte)'\r' or (byte)'\n')
            {
                HardBreak();
                text = text[(octet == '\r' && text.Length > 1 && text[1] == '\n' ? 2 : 1)..];
            }
            else if (octet is (byte)' ' or (byte)'\t')
            {
                Wrap(1);
                output.Byte(octet);
                _column++;
                text = text[1..];
            }
            else if (!Literal.Contains(octet) || (_column == 0 && (octet == '.' || text.StartsWith("From "u8))))
            {
                text = text[Escape(text)..];
            }
            else
            {
                var run = text.IndexOfAnyExcept(Literal);
                if (run < 0) run = text.Length;
                if (_column >= LineContent)
                {
                    SoftBreak();
                    continue;
                }
                run = Math.Min(run, LineContent - _column);
                output.Bytes(text[..run]);
                _column += run;
                text = text[run..];
            }
        }
    }

    /// <summary>RFC 2045 §6.7 rule 3: the last line may not end in a blank either.</summary>
    public void End() => ProtectBlank();

    private void HardBreak()
    {
        ProtectBlank();
        output.Bytes("\r\n"u8);
        _column = 0;
    }

    private void ProtectBlank()
    {
        if (_column == 0 || output.Last is not ((byte)' ' or (byte)'\t')) return;
        var blank = output.Last;
        output.Truncate(output.Length - 1);
        _column--;
        Wrap(3);
        Hex(blank);
    }

    /// <summary>Escapes one octet, or one whole UTF-8 character where it has several: clients that show a cut character do exist.</summary>
    private int Escape(ReadOnlySpan<byte> text)
    {
        var length = text[0] switch { >= 0xF0 => 4, >= 0xE0 => 3, >= 0xC2 => 2, _ => 1 };
        length = Math.Min(length, text.Length);
        Wrap(3 * length);
        for (var i = 0; i < length; i++) Hex(text[i]);
        return length;
    }

    private void Hex(byte octet)
    {
        output.Byte((byte)'=');
        output.Byte("0123456789ABCDEF"u8[octet >> 4]);
        output.Byte("0123456789ABCDEF"u8[octet & 15]);
        _column += 3;
    }

    private void Wrap(int width)
    {
        if (_column + width > LineContent) SoftBreak();
    }
}
