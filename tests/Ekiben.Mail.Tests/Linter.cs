using System.Text;
using System.Text.RegularExpressions;

namespace Ekiben.Mail.Tests;

/// <summary>What must hold for the bytes of every message, whatever is in it (docs: D4, D6-D8, D20-D25 of the deliverability rules).</summary>
internal static partial class Linter
{
    private static readonly string[] Once = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Id", "List-Unsubscribe",
        "List-Unsubscribe-Post", "Precedence"];

    public static void Check(byte[] message)
    {
        var text = Encoding.Latin1.GetString(message);
        Assert.DoesNotContain('\0', text);
        Assert.EndsWith("\r\n", text, StringComparison.Ordinal);
        // A CR is always followed by an LF and an LF always follows a CR (RFC 5321 §2.3.8).
        Assert.False(BareBreak().IsMatch(text), "bare CR or LF");

        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var header = text[..end].Split("\r\n");
        foreach (var line in header)
        {
            Assert.True(line.Length <= 998, $"header line of {line.Length}");
            Assert.False(string.IsNullOrWhiteSpace(line), "a header line of blanks only");
            if (!EncodedWord().IsMatch(line)) continue;
            Assert.True(line.Length <= 76, $"line with encoded-words of {line.Length}: {line}");
            foreach (var word in EncodedWord().Matches(line).Cast<Match>()) Assert.True(word.Length <= 75, $"encoded-word of {word.Length}");
        }
        var names = header.Where(line => line[0] is not (' ' or '\t')).Select(line => line[..line.IndexOf(':', StringComparison.Ordinal)]).ToList();
        foreach (var name in Once) Assert.Single(names, name);
        // A message may have a signature for each kind of key.
        names.RemoveAll(name => name == "DKIM-Signature");
        Assert.Equal(names.Count, names.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.DoesNotContain("X-Mailer", names);
        Assert.Contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click", header);
        Assert.Matches("^List-Unsubscribe:(\r\n)? <https?://[^<>, ]+>$", string.Join("\r\n", Unfold(header, "List-Unsubscribe")));

        foreach (var line in text[(end + 4)..].Split("\r\n"))
        {
            Assert.True(line.Length <= 76, $"body line of {line.Length}");
            Assert.False(line.StartsWith('.'), "a body line begins with a dot");
            Assert.False(line.EndsWith(' ') || line.EndsWith('\t'), "a body line ends in a blank");
            Assert.All(line, c => Assert.True(c is >= ' ' and <= '~' or '\t', "8-bit or control octet in the body"));
        }
    }

    private static IEnumerable<string> Unfold(string[] header, string name)
    {
        var at = Array.FindIndex(header, line => line.StartsWith(name + ":", StringComparison.Ordinal));
        yield return header[at];
        for (at++; at < header.Length && header[at][0] == ' '; at++) yield return header[at];
    }

    [GeneratedRegex("\r(?!\n)|(?<!\r)\n")]
    private static partial Regex BareBreak();

    [GeneratedRegex(@"=\?utf-8\?[bq]\?[^? ]*\?=", RegexOptions.IgnoreCase)]
    private static partial Regex EncodedWord();
}
