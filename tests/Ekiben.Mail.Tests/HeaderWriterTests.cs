using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using MimeKit;
using MimeKit.Utils;

namespace Ekiben.Mail.Tests;

public class HeaderWriterTests
{
    private static string Subject(string value)
    {
        var output = new ByteWriter(1 << 20, "too long");
        HeaderWriter.Unstructured(output, "Subject"u8, value);
        return Encoding.UTF8.GetString(output.Written);
    }

    private static string To(string name, string address)
    {
        var output = new ByteWriter(1 << 20, "too long");
        HeaderWriter.Mailbox(output, "To"u8, name, address);
        return Encoding.UTF8.GetString(output.Written);
    }

    private static void CheckLines(string header)
    {
        Assert.EndsWith("\r\n", header, StringComparison.Ordinal);
        foreach (var (line, index) in header[..^2].Split("\r\n").Select((line, index) => (line, index)))
        {
            Assert.DoesNotContain('\r', line);
            Assert.DoesNotContain('\n', line);
            Assert.True(index == 0 || line.StartsWith(' '), line);
            var isEncoded = line.Contains("=?", StringComparison.Ordinal) && line.Contains("?=", StringComparison.Ordinal);
            Assert.True(line.Length <= (isEncoded ? 76 : 78), $"{line.Length}: {line}");
            foreach (var word in Regex.Matches(line, @"=\?[^ ]*\?=").Cast<Match>()) Assert.True(word.Length <= 75, word.Value);
        }
    }

    private static string Decode(string header) => Rfc2047.DecodeText(Encoding.UTF8.GetBytes(header[(header.IndexOf(':', StringComparison.Ordinal) + 2)..^2].Replace("\r\n", "", StringComparison.Ordinal)));

    [Theory]
    [InlineData("Hello World")]
    [InlineData("A subject of plain words that is long enough to be folded once or even twice, because it goes on and on until it ends")]
    [InlineData("Two  blanks  inside a subject that is long enough to need folding somewhere, which would be read as one")]
    [InlineData("こんにちは世界。これは長い件名です。これは長い件名です。これは長い件名です。これは長い件名です。")]
    [InlineData("Mixed 混合 text und Umlaute äöü with emoji 👩‍👩‍👧‍👦🎉 and מימין לשמאל and العربية in one")]
    [InlineData("=?utf-8?q?not_a_word?=")]
    [InlineData("100% off = free? yes_no")]
    [InlineData("é")]
    public void Subject_is_read_as_it_was_written(string subject)
    {
        var header = Subject(subject);
        CheckLines(header);
        Assert.Equal(subject, Decode(header));
    }

    [Fact]
    public void Long_runs_stay_within_encoded_words_of_75()
    {
        foreach (var subject in new[] { new string('é', 255), new string('漢', 255), string.Concat(Enumerable.Repeat("👍🏽", 127)), new string('x', 255), string.Concat(Enumerable.Repeat("aé漢 ", 60)).Trim() })
        {
            var header = Subject(subject);
            CheckLines(header);
            Assert.Equal(subject, Decode(header));
        }
    }

    [Fact]
    public void Any_text_without_controls_survives_the_round_trip()
    {
        var character = Gen.OneOf(Gen.Char[' ', '~'], Gen.Char[' ', '~'], Gen.Char['\u00A1', '\u024F'], Gen.Char['\u05D0', '\u05EA'], Gen.Char['\u3040', '\u9FFF'], Gen.Char["  =?_\"\\"]);
        Gen.String[character, 1, 255].Sample(text =>
        {
            var subject = text.Trim(' ');
            if (subject.Length == 0) return;
            var header = Subject(subject);
            CheckLines(header);
            Assert.Equal(subject, Decode(header));
        }, iter: 10_000);
    }

    [Fact]
    public void Name_and_address_are_read_as_they_were_written()
    {
        var character = Gen.OneOf(Gen.Char[' ', '~'], Gen.Char['\u00A1', '\u024F'], Gen.Char['\u3040', '\u9FFF'], Gen.Char["\"\\,;:<>()[]@. "]);
        Gen.String[character, 1, 90].Sample(text =>
        {
            var name = text.Trim(' ');
            if (name.Length == 0) return;
            var header = To(name, "ann@example.org");
            CheckLines(header);
            var parsed = MailboxAddress.Parse(header[4..^2]);
            Assert.Equal("ann@example.org", parsed.Address);
            Assert.Equal(name, parsed.Name);
        }, iter: 10_000);
    }

    [Theory]
    [InlineData("a\rb")]
    [InlineData("a\nb")]
    [InlineData("a\r\nBcc: x@example.org")]
    [InlineData("a\0b")]
    [InlineData("a\u001Bb")]
    public void Controls_are_refused(string value)
    {
        Assert.Throws<RenderException>(() => Subject(value));
        Assert.Throws<RenderException>(() => To(value, "ann@example.org"));
        Assert.Throws<RenderException>(() => To("Ann", value + "@example.org"));
    }

    [Theory]
    [InlineData("a> <b")]
    [InlineData("a b")]
    public void Address_can_not_leave_its_brackets(string address) =>
        Assert.Throws<RenderException>(() => To("Ann", address + "@example.org"));

    [Fact]
    public void Long_address_gets_a_line_of_its_own()
    {
        var address = new string('a', 64) + "@" + string.Join('.', Enumerable.Repeat(new string('d', 61), 3)) + ".org";
        var header = To("Ann", address);
        Assert.Equal($"To: Ann\r\n <{address}>\r\n", header);
    }
}
