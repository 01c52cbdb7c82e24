namespace Ekiben.Mail.Dkim;

/// <summary>The "relaxed" forms of RFC 6376 §3.4.2 and §3.4.4: what relays may do to blanks changes nothing of them.</summary>
internal static class RelaxedForm
{
    private const byte Blank = (byte)' ';

    /// <summary>Writes one header field, without the line end after it.</summary>
    /// <param name="field">Name, colon, value and folds; a line end at its end or none.</param>
    /// <param name="output">Where its form goes.</param>
    public static void Header(ReadOnlySpan<byte> field, ByteWriter output)
    {
        var colon = field.IndexOf((byte)':');
        foreach (var octet in field[..colon].TrimEnd(" \t"u8)) output.Byte(octet is >= (byte)'A' and <= (byte)'Z' ? (byte)(octet | 0x20) : octet);
        output.Byte((byte)':');
        var (begun, blank) = (false, false);
        foreach (var octet in field[(colon + 1)..])
        {
            if (octet is (byte)'\r' or (byte)'\n') continue;
            if (octet is Blank or (byte)'\t')
            {
                blank = true;
                continue;
            }
            if (blank && begun) output.Byte(Blank);
            output.Byte(octet);
            (begun, blank) = (true, false);
        }
    }

    /// <summary>Writes a body. Its line ends are CRLF.</summary>
    /// <param name="body">All after the empty line that ends the header.</param>
    /// <param name="output">Where its form goes.</param>
    public static void Body(ReadOnlySpan<byte> body, ByteWriter output)
    {
        // Empty lines are written when something follows them: those at the end count for nothing.
        var empty = 0;
        while (!body.IsEmpty)
        {
            var end = body.IndexOf("\r\n"u8);
            var line = (end < 0 ? body : body[..end]).TrimEnd(" \t"u8);
            body = end < 0 ? [] : body[(end + 2)..];
            if (line.IsEmpty)
            {
                empty++;
                continue;
            }
            for (; empty > 0; empty--) output.Bytes("\r\n"u8);
            Line(line, output);
            output.Bytes("\r\n"u8);
        }
    }

    private static void Line(ReadOnlySpan<byte> line, ByteWriter output)
    {
        while (!line.IsEmpty)
        {
            var blank = line.IndexOfAny(Blank, (byte)'\t');
            if (blank < 0)
            {
                output.Bytes(line);
                return;
            }
            output.Bytes(line[..blank]);
            output.Byte(Blank);
            line = line[blank..].TrimStart(" \t"u8);
        }
    }
}
