using CsCheck;
using MimeKit;

namespace Ekiben.Mail.Tests;

/// <summary>Contents that have broken mailers before, read back by a parser that isn't ours.</summary>
public class CorpusTests
{
    private static string Repeat(string text, int count) => string.Concat(Enumerable.Repeat(text, count));

    public static TheoryData<string, string, string> Corpus => new()
    {
        { "CJK", "春の新作のお知らせ：" + Repeat("限定", 40), "<p>" + Repeat("これは日本語の段落です。中文段落。한국어 문단. ", 200) + "</p>" },
        { "emoji", "🎉👩‍👩‍👧‍👦 " + Repeat("👍🏽", 60), "<p>" + Repeat("👩🏽‍💻🏳️‍🌈", 300) + "</p>" },
        { "right to left", "مرحبا بالعالم שלום עולם", "<p dir=rtl>" + Repeat("مرحبا بالعالم ", 200) + "</p><p>" + Repeat("שלום עולם ", 200) + "</p>" },
        { "e acute 255", Repeat("é", 255), "<p>" + Repeat("é", 3000) + "</p>" },
        { "long link", "Link", "<a href=\"https://x.example/" + Repeat("a", 1500) + "\">x</a>" },
        { "long word", Repeat("w", 255), "<p>" + Repeat("w", 20_000) + "</p>" },
        { "lines of dots", "....", "<pre>\n.\n..\n.\r\n.\r\n\r\n...\n</pre>" },
        { "smuggling", "DATA", "<pre>\r\n.\r\nMAIL FROM:<a@b.c>\r\n\n.\n\r.\rQUIT</pre>" },
        { "trailing blanks", "x", "<p>a \nb\t\nc  \r\n </p> " },
        { "from lines", "From here", "From me\nFrom you\n>From\n" },
        { "boundary", "=_", "<p>--=_7c3c99d13174ea0a23d17df761e632--\n--=_7c3c99d13174ea0a23d17df761e632\n</p>" },
        { "equals", "=?utf-8?q?x?= = 100%", "<p>=3D=\r\n=20=</p>" },
        { "combining", "Z̸̢͎̈́a̶l̷g̴o̵", "<p>" + Repeat("Z̸̢͎̈́", 2000) + "</p>" },
        { "one octet short of a line", Repeat("a ", 60).Trim(), "<p>" + Repeat("a", 72) + "</p>\n" + Repeat("b", 76) + "\n" + Repeat("c", 75) + " \n" },
        { "900 KB", "Big", "<p>" + Repeat("Some words of a very long mail, with ünïcode. ", 900 * 1024 / 47) + "</p>" },
        { "empty", "x", "" },
    };

    [Theory]
    [MemberData(nameof(Corpus))]
    public void Message_means_to_another_parser_what_was_written(string name, string subject, string content)
    {
        var compiled = CompiledMessage.Compile(Sample.HtmlSource(content) with { Subject = subject });
        var buffer = new MessageBuffer();
        compiled.Compose(Sample.Ann, Sample.Identity, buffer);
        var message = Sample.Read(buffer.Bytes.ToArray());
        Assert.Equal(subject, message.Subject);
        var expected = content.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n') + "<a href=\"https://mail.shop.example/u/tok?x=1&amp;y=2\">out</a>";
        Assert.True(expected == message.HtmlBody!.ReplaceLineEndings("\n"), name);
        Assert.Equal(2, Assert.IsType<MultipartAlternative>(message.Body).Count);
        Assert.Equal(compiled.Preview(Sample.Ann, Sample.Identity).Text, message.TextBody!.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Values_of_any_kind_fit_between_the_prepared_pieces()
    {
        // The literals around the values are long enough to be encoded at compile time, with and without line breaks.
        var literal = Gen.String[Gen.OneOf(Gen.Char['a', 'z'], Gen.Char[" .=\n\u00E9\u6F22"]), 0, 120];
        var value = Gen.String[Gen.OneOf(Gen.Char['a', 'z'], Gen.Char[" .=\n\t\u00E9\u6F22"]), 0, 100];
        var buffer = new MessageBuffer();
        Gen.Select(literal, value, literal, value, literal).Sample((a, first, b, last, c) =>
        {
            var compiled = CompiledMessage.Compile(Sample.HtmlSource($"<pre>{a}{{{{ visitor.x }}}}{b}{{{{ visitor.y }}}}{c}</pre>"));
            var fields = new Dictionary<string, System.Text.Json.JsonElement>
            {
                ["x"] = System.Text.Json.JsonSerializer.SerializeToElement(first),
                ["y"] = System.Text.Json.JsonSerializer.SerializeToElement(last),
            };
            compiled.Compose(Sample.Ann with { Fields = fields }, Sample.Identity, buffer);
            var message = Sample.Read(buffer.Bytes.ToArray());
            Assert.StartsWith($"<pre>{a}{first}{b}{last}{c}</pre>", message.HtmlBody!.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        }, iter: 2_000, threads: 1);
    }

    [Fact]
    public void Hostile_names_never_add_a_header()
    {
        var compiled = CompiledMessage.Compile(Sample.Source with { Subject = "Hi {{ visitor.first_name }}" });
        var count = Sample.Message(Sample.Source).Headers.Count;
        var buffer = new MessageBuffer();
        var text = Gen.String[Gen.OneOf(Gen.Char["\r\n\0:,;<>@\"\\()=?_ \t\u0085\u2028\u001B"], Gen.Char['a', 'z'], Gen.Char['\u00A1', '\uD7FF']), 0, 40];
        var payload = Gen.Int[0, 4].Select(index => new[] { "\r\nBcc: x@y.z", "\nX-Evil: 1\n\nbody", "=?utf-8?q?=0D=0ABcc:_x?=", "\u2028Bcc: x", "\"<x@y.z>, \"" }[index]);
        var (composed, refused) = (0, 0);
        Gen.Select(text, Gen.OneOf(text, payload)).Sample((first, last) =>
        {
            var person = Sample.Ann with { FirstName = first, LastName = last };
            try
            {
                compiled.Compose(person, Sample.Identity, buffer);
                composed++;
            }
            catch (RenderException)
            {
                refused++;
                Assert.Contains(first + last, char.IsControl);
                return;
            }
            var message = Sample.Read(buffer.Bytes.ToArray());
            Assert.Equal(count, message.Headers.Count);
            Assert.Equal("ann@example.org", Assert.IsType<MailboxAddress>(Assert.Single(message.To)).Address);
        }, iter: 10_000, threads: 1);
        Assert.True(composed > 1_000 && refused > 1_000, $"{composed} composed, {refused} refused");
    }
    [Fact]
    public void Any_source_gives_a_sound_message_or_a_sentence()
    {
        string[] fragments =
        [
            "<p>", "</p>", "<a href=\"", "<a href=", "\">", "'>", ">", "<", "</a>", "<table>", "<tr><td>", "</table>", "<!--", "-->", "<!--[if mso]>", "<![endif]-->", "<style>", "</style>",
            "<script>", "</script>", "<title>", "<body>", "</body>", "</html>", "<ul><li>", "</ul>", "<pre>", "</pre>", "<blockquote>", "<img alt='a", "style=\"display:none\"", "https://x.example/",
            "{{ visitor.first_name }}", "{{ visitor.html }}", "{{- visitor.plan -}}", "{{ visitor.unsubscribe_url }}", "{% if visitor.plan %}", "{% else %}", "{% endif %}", "{% for i in visitor.items %}",
            "{{ i }}", "{% endfor %}", "{% capture c %}", "{% endcapture %}", "{{ c }}", "{% raw %}", "{% endraw %}", "{% comment %}", "{% endcomment %}", "{% btn https://x.example/ :: go %}", "{% link {{ browser_url }} :: x %}",
            "{{ 'x", "{%", "}}", "words and words ", "\n", "\n\n", "# ", "- ", "`", "**", "[x](", ")", "&amp;", "&#123;{", "é漢🎉", "=", ".", " ", "a literal that is long enough to be encoded at compile time, and more ",
        ];
        var buffer = new MessageBuffer();
        var (composed, refused) = (0, 0);
        Gen.Select(Gen.Int[0, fragments.Length - 1].Array[0, 14], Gen.Int[0, 2], Gen.Int[0, 3]).Sample((picks, style, extra) =>
        {
            var source = Sample.Source with
            {
                Content = string.Concat(picks.Select(pick => fragments[pick])),
                Style = (MessageStyle)style,
                PreviewText = extra == 1 ? "See {{ visitor.plan }}" : null,
                Layout = extra == 2 ? "<html><head></head><body>{{ content }}</body></html>" : null,
                Tracking = extra == 3 ? new Tracking { Base = new Uri("https://t.shop.example"), SignTarget = (_, _) => "s" } : null,
            };
            try
            {
                var compiled = CompiledMessage.Compile(source);
                compiled.Compose(Sample.Ann, Sample.Identity with { TrackingToken = "T" }, buffer);
                composed++;
            }
            catch (CompileException error)
            {
                refused++;
                Assert.EndsWith("content", error.Field, StringComparison.Ordinal);
                Assert.True(error.Line > 0, source.Content + " " + error.Message);
                return;
            }
            var message = Sample.Read(buffer.Bytes.ToArray());
            Assert.Contains("https://mail.shop.example/u/tok", message.HtmlBody, StringComparison.Ordinal);
            Assert.Contains("https://mail.shop.example/u/tok", message.TextBody, StringComparison.Ordinal);
        }, iter: 3_000, threads: 1);
        Assert.True(composed > 500 && refused > 500, $"{composed} composed, {refused} refused");
    }
}
