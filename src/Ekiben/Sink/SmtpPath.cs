using System.Text;
using System.Text.Unicode;

namespace Ekiben.Sink;

/// <summary>The arguments of MAIL and RCPT: a path in angle brackets, then parameters (RFC 5321 §4.1.2).</summary>
internal static class SmtpPath
{
    private const int LongestPath = 256; // RFC 5321 §4.5.3.1.3, angle brackets included
    private const int LongestLocalPart = 64; // RFC 5321 §4.5.3.1.1

    /// <summary>Reads <c>FROM:&lt;address&gt; [parameters]</c>.</summary>
    /// <param name="argument">What follows the verb.</param>
    /// <param name="keyword"><c>FROM:</c> or <c>TO:</c>.</param>
    /// <param name="address">The address without brackets; empty for the null path.</param>
    /// <param name="parameters">What follows the path, trimmed.</param>
    public static bool TryRead(ReadOnlySpan<byte> argument, ReadOnlySpan<byte> keyword, out string address, out string parameters)
    {
        (address, parameters) = ("", "");
        if (argument.Length < keyword.Length + 2 || !Ascii.EqualsIgnoreCase(argument[..keyword.Length], keyword))
        {
            return false;
        }

        // RFC 5321 §3.3 allows no space after the colon; so many clients write one that it is not worth a refusal.
        var rest = argument[keyword.Length..].TrimStart((byte)' ');
        var close = rest.Length > 0 && rest[0] == '<' ? EndOfPath(rest) : -1;
        if (close < 0 || close >= LongestPath || close + 1 < rest.Length && rest[close + 1] != ' ')
        {
            return false;
        }

        var path = rest[1..close];
        if (path.Length > 0 && path[0] == '@')
        {
            // A source route: accepted and ignored (RFC 5321 appendix C).
            path = path[(path.IndexOf((byte)':') + 1)..];
        }

        return TryDecode(path, out address) && TryDecode(rest[(close + 1)..].Trim((byte)' '), out parameters) && IsAddress(address);
    }

    private static int EndOfPath(ReadOnlySpan<byte> path)
    {
        var quoted = false;
        for (var i = 1; i < path.Length; i++)
        {
            switch (path[i])
            {
                case (byte)'\\' when quoted: i++; break;
                case (byte)'"': quoted = !quoted; break;
                case (byte)'>' when !quoted: return i;
                case (byte)'<' or (byte)' ' when !quoted: return -1;
            }
        }

        return -1;
    }

    private static bool TryDecode(ReadOnlySpan<byte> bytes, out string text)
    {
        text = "";
        if (bytes.ContainsAnyInRange((byte)0, (byte)0x1f) || bytes.Contains((byte)0x7f) || !Utf8.IsValid(bytes))
        {
            return false;
        }

        text = Encoding.UTF8.GetString(bytes);
        return true;
    }

    private static bool IsAddress(string address)
    {
        if (address.Length == 0 || address.Equals("postmaster", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        var at = address.LastIndexOf('@');
        return at is > 0 and <= LongestLocalPart && at < address.Length - 1;
    }
}
