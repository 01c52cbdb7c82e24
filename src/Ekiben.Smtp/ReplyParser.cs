using System.Text;

namespace Ekiben.Smtp;

/// <summary>What the parser makes of the bytes so far.</summary>
internal enum ReplyStatus
{
    /// <summary>More bytes are needed.</summary>
    Incomplete,

    /// <summary>A whole reply.</summary>
    Complete,

    /// <summary>Not a reply, and no later byte mends it: <see cref="ReplyParser.Fault"/> says why.</summary>
    Bad,
}

/// <summary>Why bytes are not a reply.</summary>
internal enum ReplyFault
{
    None,
    NotAReply,
    CodesDiffer,
    LineTooLong,
    TooManyLines,
}

/// <summary>
/// Reads replies (RFC 5321 §4.2) byte by byte, several lines as one. Allocates nothing until somebody asks for the text.
/// Lines may end with LF alone: some servers write so, and for a client nothing hangs on it.
/// </summary>
internal sealed class ReplyParser
{
    /// <summary>RFC 5321 §4.5.3.1.5 says 512 bytes with CRLF; servers write longer ones.</summary>
    public const int MaxLine = 2048;

    /// <summary>EHLO takes twenty lines of a big server.</summary>
    public const int MaxLines = 100;

    private readonly byte[] _line = new byte[MaxLine];
    private byte[] _text = new byte[512];
    private int _lineLength;
    private int _textLength;
    private int _lines;
    private bool _isComplete;

    /// <summary>Three digits; of the last complete reply.</summary>
    public int Code { get; private set; }

    public ReplyFault Fault { get; private set; }

    /// <summary>The lines without their codes, each ended by LF. Valid until more is read.</summary>
    public ReadOnlySpan<byte> Text => _text.AsSpan(0, _textLength);

    /// <summary>True when the last complete reply was this one.</summary>
    public bool Says(int code, ReadOnlySpan<byte> text) => Code == code && Text.SequenceEqual(text);

    /// <summary>The last complete reply as text. What isn't UTF-8 or is a control character becomes a question mark.</summary>
    public SmtpReply ToReply()
    {
        var text = Encoding.UTF8.GetString(Text);
        return SmtpReply.Of(Code, string.Create(text.Length, text, static (span, source) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = source[i] is '\n' or '\t' ? ' ' : char.IsControl(source[i]) ? '?' : source[i];
            }
        }));
    }

    /// <summary>Reads to the end of one reply.</summary>
    /// <param name="bytes">What came; what belongs to this reply is cut off.</param>
    public ReplyStatus Read(ref ReadOnlySpan<byte> bytes)
    {
        if (_isComplete)
        {
            (_isComplete, _lines, _lineLength, _textLength) = (false, 0, 0, 0);
        }

        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOf((byte)'\n');
            var part = end < 0 ? bytes : bytes[..(end + 1)];
            if (_lineLength + part.Length > MaxLine)
            {
                return Bad(ReplyFault.LineTooLong);
            }

            part.CopyTo(_line.AsSpan(_lineLength));
            _lineLength += part.Length;
            bytes = bytes[part.Length..];
            if (end < 0)
            {
                break;
            }

            var status = TakeLine();
            if (status != ReplyStatus.Incomplete)
            {
                return status;
            }
        }

        return ReplyStatus.Incomplete;
    }

    private ReplyStatus TakeLine()
    {
        var line = _line.AsSpan(0, _lineLength).TrimEnd("\r\n"u8);
        _lineLength = 0;
        if (line.Length < 3 || line[0] is < (byte)'2' or > (byte)'5' || !char.IsAsciiDigit((char)line[1]) || !char.IsAsciiDigit((char)line[2])
            || (line.Length > 3 && line[3] is not ((byte)' ' or (byte)'-')))
        {
            return Bad(ReplyFault.NotAReply);
        }

        var code = ((line[0] - '0') * 100) + ((line[1] - '0') * 10) + line[2] - '0';
        if (_lines > 0 && code != Code)
        {
            return Bad(ReplyFault.CodesDiffer);
        }

        Code = code;
        if (++_lines > MaxLines)
        {
            return Bad(ReplyFault.TooManyLines);
        }

        Keep(line.Length > 4 ? line[4..] : default);
        _isComplete = line.Length == 3 || line[3] == ' ';
        return _isComplete ? ReplyStatus.Complete : ReplyStatus.Incomplete;
    }

    private void Keep(ReadOnlySpan<byte> line)
    {
        var needed = _textLength + line.Length + 1;
        if (needed > _text.Length)
        {
            Array.Resize(ref _text, Math.Max(needed, _text.Length * 2));
        }

        line.CopyTo(_text.AsSpan(_textLength));
        _text[needed - 1] = (byte)'\n';
        _textLength = needed;
    }

    private ReplyStatus Bad(ReplyFault fault)
    {
        Fault = fault;
        return ReplyStatus.Bad;
    }
}
