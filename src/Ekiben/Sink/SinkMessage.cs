using System.Text;

namespace Ekiben.Sink;

/// <summary>One message as it came to the end of DATA, and what was answered there. Also a line of the journal.</summary>
/// <param name="At">When the end of the data was seen, in UTC.</param>
/// <param name="MailFrom">The envelope sender; empty for the null sender.</param>
/// <param name="RcptTo">The recipients that had been accepted, in order.</param>
/// <param name="MessageId">The Message-ID header's value with its angle brackets, or null where there is none.</param>
/// <param name="Size">Bytes after dot-unstuffing, without the final dot line.</param>
/// <param name="Result">The reply decided on, such as <c>250 2.0.0 Accepted</c>; <c>none (close)</c>, <c>none (rst)</c> or <c>none (stall)</c> where a fault withheld it.</param>
internal sealed record SinkMessage(
    DateTimeOffset At, string MailFrom, IReadOnlyList<string> RcptTo, string? MessageId, long Size, string Result)
{
    private const int LongestMessageId = 998; // RFC 5322 §2.1.1: no line is longer

    /// <summary>The bytes of the message. Empty unless messages are kept, and when read from a journal.</summary>
    public ReadOnlyMemory<byte> Raw { get; init; }

    /// <summary>Whether the sink took responsibility, also where a fault then withheld the reply.</summary>
    public bool Accepted => Result.StartsWith('2');

    /// <summary>Finds the Message-ID in a message's header section, unfolded; null where there is none.</summary>
    public static string? FindMessageId(ReadOnlySpan<byte> message)
    {
        var rest = message;
        while (TakeLine(ref rest, out var line) && line.Length > 0)
        {
            var name = "Message-ID:"u8;
            if (line.Length < name.Length || !Ascii.EqualsIgnoreCase(line[..name.Length], name))
            {
                continue;
            }

            var value = new StringBuilder(Encoding.UTF8.GetString(line[name.Length..]));
            while (rest.Length > 0 && rest[0] is (byte)' ' or (byte)'\t' && value.Length < LongestMessageId && TakeLine(ref rest, out var folded))
            {
                value.Append(Encoding.UTF8.GetString(folded));
            }

            var text = value.ToString().Trim();
            return text.Length > LongestMessageId ? text[..LongestMessageId] : text;
        }

        return null;
    }

    private static bool TakeLine(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> line)
    {
        line = default;
        if (rest.IsEmpty)
        {
            return false;
        }

        var end = rest.IndexOf("\r\n"u8);
        line = end < 0 ? rest : rest[..end];
        rest = end < 0 ? default : rest[(end + 2)..];
        return true;
    }
}
