using System.Text;
using System.Text.Json;
using AngleSharp.Html.Parser;
using MimeKit;

namespace Ekiben.Mail.Tests;

public class CompiledMessageTests
{
    [Fact]
    public void Headers_are_those_of_a_broadcast()
    {
        var message = Sample.Message(Sample.Source);
        Assert.Equal("\"The Shop\" <news@shop.example>", message.From.ToString());
        Assert.Equal("\"Ann Bee\" <ann@example.org>", message.To.ToString());
        Assert.Equal("Hello Ann", message.Subject);
        Assert.Equal(Sample.Start, message.Date);
        Assert.Equal("b42.r7@shop.example", message.MessageId);
        Assert.Equal("bulk", message.Headers["Precedence"]);
        Assert.Equal("42:shop:bulk:ekiben", message.Headers["Feedback-ID"]);
        Assert.Equal("Shop news <0123456789abcdef0123456789abcdef.shop.example>", message.Headers["List-Id"]);
        Assert.Equal("<https://mail.shop.example/u/tok?x=1&y=2>", message.Headers["List-Unsubscribe"]);
        Assert.Equal("List-Unsubscribe=One-Click", message.Headers["List-Unsubscribe-Post"]);
        var alternatives = Assert.IsType<MultipartAlternative>(message.Body);
        Assert.Equal(["text/plain", "text/html"], alternatives.Select(part => part.ContentType.MimeType));
        Assert.All(alternatives, part => Assert.Equal(ContentEncoding.QuotedPrintable, ((MimePart)part).ContentTransferEncoding));
    }

    [Fact]
    public void Feedback_id_is_left_out_when_there_is_none() =>
        Assert.Null(Sample.Message(Sample.Source, identity: Sample.Identity with { FeedbackId = null }).Headers["Feedback-ID"]);

    [Fact]
    public void Header_length_points_at_the_body()
    {
        var buffer = new MessageBuffer();
        CompiledMessage.Compile(Sample.Source).Compose(Sample.Ann, Sample.Identity, buffer);
        Assert.Equal("\r\n\r\n--=_", Sample.Ascii(buffer.Bytes.Slice(buffer.HeaderLength - 4, 8).ToArray()));
        Assert.Equal("Hello Ann", buffer.Subject);
        Assert.False(buffer.Is8Bit);
        Assert.False(buffer.NeedsSmtpUtf8);
    }

    [Fact]
    public void Boundary_belongs_to_the_broadcast()
    {
        static string Boundary(MessageSource source) => Sample.Message(source).Body!.ContentType.Boundary!;
        Assert.Equal(Boundary(Sample.Source), Boundary(Sample.Source with { Content = "other" }));
        Assert.NotEqual(Boundary(Sample.Source), Boundary(Sample.Source with { Broadcast = Sample.Source.Broadcast with { Id = "43" } }));
    }

    [Theory]
    [InlineData("{{ visitor.email }}", "ann@example.org")]
    [InlineData("{{ visitor.last_name }}", "Bee")]
    [InlineData("{{ visitor.uuid }}", "fedcba9876543210fedcba9876543210")]
    [InlineData("{{ visitor.plan }}/{{ visitor.fields.plan }}/{{ visitor.custom_fields.plan }}", "pro/pro/pro")]
    [InlineData("{{ visitor.age | plus: 1 }}", "42")]
    [InlineData("{{ visitor.items | join: '+' }}", "x+y")]
    [InlineData("{{ visitor.tags | join: ', ' }}", "lead, mql")]
    [InlineData("{% if visitor.tags contains 'lead' %}yes{% endif %}", "yes")]
    [InlineData("{{ visitor.nothing }}{{ visitor.nothing | default: 'friend' }}", "friend")]
    [InlineData("{{ broadcast.name }} {{ broadcast.created_at | date: '%Y' }} {{ broadcast.subject }}", "Spring 2026 Hello Ann")]
    [InlineData("{{ site.name }}", "Shop news")]
    [InlineData("{{ browser_url }}", "https://mail.shop.example/w/tok")]
    [InlineData("{% if env.production? %}live{% endif %}", "live")]
    [InlineData("{{ 'now' | date: '%H:%M' }}", "03:06")]
    [InlineData("{% greeting %}", "Hi Ann,")]
    public void Variables_have_their_values(string template, string value)
    {
        var source = Sample.HtmlSource($"<p>{template}</p>");
        Assert.Contains($"<p>{value}</p>", Sample.Html(source), StringComparison.Ordinal);
        Assert.StartsWith(value + "\n", Sample.Text(source), StringComparison.Ordinal);
    }

    [Fact]
    public void Custom_field_can_not_take_the_place_of_a_fact()
    {
        var fields = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>("""{"email":"evil","unsubscribe_url":"https://evil.example/","first_name":"given"}""")!;
        var html = Sample.Html(Sample.HtmlSource("<p>{{ visitor.email }} {{ visitor.first_name }}</p>"), Sample.Ann with { Fields = fields, FirstName = null });
        Assert.Contains("<p>ann@example.org given</p>", html, StringComparison.Ordinal);
        Assert.Contains("https://mail.shop.example/u/tok", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Personalizations_are_top_level_variables()
    {
        var person = Sample.Ann with { Personalizations = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>("""{"code":"A<1","n":2}""")! };
        Assert.Contains("<p>A&lt;1 3</p>", Sample.Html(Sample.HtmlSource("<p>{{ code }} {{ n | plus: 1 }}</p>"), person), StringComparison.Ordinal);
    }

    [Fact]
    public void Html_style_is_the_authors_html_untouched()
    {
        const string html = "<!DOCTYPE html>\n<html><body bgcolor=red><p>A  &copy; b</p><a href=\"{{ visitor.unsubscribe_url }}\">out</a></body></html>\n";
        Assert.Equal(html.Replace("{{ visitor.unsubscribe_url }}", "https://mail.shop.example/u/tok?x=1&amp;y=2", StringComparison.Ordinal),
            Sample.Html(Sample.Source with { Style = MessageStyle.Html, Content = html }));
    }

    [Fact]
    public void Values_are_escaped_and_raw_ones_are_not()
    {
        var html = Sample.Html(Sample.HtmlSource("<p title=\"{{ visitor.html }}\">{{ visitor.html }}|{{ visitor.html | raw }}|{{ visitor.html | escape }}</p>"));
        Assert.Contains("<p title=\"&lt;b&gt;bold&lt;/b&gt;\">&lt;b&gt;bold&lt;/b&gt;|<b>bold</b>|&lt;b&gt;bold&lt;/b&gt;</p>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Url_encoded_value_is_not_encoded_twice() =>
        Assert.Contains("href=\"https://x.example/?q=a+b%2Fc%3Fd%3D1&r=a%20b%2Fc%3Fd%3D1\"",
            Sample.Html(Sample.HtmlSource("<a href=\"https://x.example/?q={{ visitor.path | url_encode }}&r={{ visitor.path }}\">x</a>")), StringComparison.Ordinal);

    [Fact]
    public void Plain_style_is_a_page_of_its_own()
    {
        var document = new HtmlParser().ParseDocument(Sample.Html(Sample.Source));
        Assert.Equal("Hi Ann", document.QuerySelector("td.ekiben-text p")!.TextContent);
        Assert.Equal("light dark", document.QuerySelector("meta[name=color-scheme]")!.GetAttribute("content"));
        Assert.Equal("https://mail.shop.example/u/tok?x=1&y=2", document.QuerySelector("td.ekiben-small a")!.GetAttribute("href"));
        Assert.All(document.QuerySelectorAll("table"), table => Assert.Equal("presentation", table.GetAttribute("role")));
        Assert.Empty(document.QuerySelectorAll("link, script, img"));
    }

    [Fact]
    public void Plain_text_content_becomes_paragraphs()
    {
        var document = new HtmlParser().ParseDocument(Sample.Html(Sample.Source with { Content = "Hi {{ visitor.first_name }},\n\nA & B < C\nD\n\n\nBye" }));
        Assert.Equal(["Hi Ann,", "A & B < C\nD", "Bye"], document.QuerySelectorAll("td.ekiben-text p").Select(p => p.TextContent));
        Assert.Single(document.QuerySelectorAll("td.ekiben-text br"));
    }

    [Fact]
    public void Markdown_keeps_liquid_where_it_was()
    {
        const string content = """
            # Hi {{ visitor.first_name | default: "a_b_c" }}

            Some **bold {{ visitor.plan }}** and [a link]({{ visitor.unsubscribe_url }} "{{ visitor.plan }}").

            {% for item in visitor.items %}
            - {{ item }}
            {% endfor %}

            {% if visitor.plan == "pro" %}
            Pro only
            {% else %}
            Others
            {% endif %}

            | a | b |
            |---|---|
            | {{ visitor.age }} | ~~2~~ |
            """;
        var source = Sample.Source with { Style = MessageStyle.Markdown, Content = content };
        var document = new HtmlParser().ParseDocument(Sample.Html(source));
        var text = document.QuerySelector("td.ekiben-text")!;
        Assert.Equal("Hi Ann", text.QuerySelector("h1")!.TextContent);
        Assert.Equal("bold pro", text.QuerySelector("strong")!.TextContent);
        Assert.Equal("https://mail.shop.example/u/tok?x=1&y=2", text.QuerySelector("a")!.GetAttribute("href"));
        Assert.Equal(["x", "y"], text.QuerySelectorAll("li").Select(item => item.TextContent.Trim()));
        Assert.Contains("Pro only", text.TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain("Others", text.TextContent, StringComparison.Ordinal);
        Assert.Equal(["41", "2"], text.QuerySelectorAll("tbody td").Select(cell => cell.TextContent));
        Assert.DoesNotContain("ekq", Sample.Html(source), StringComparison.Ordinal);
        // The link is in the text: no footer.
        Assert.Null(document.QuerySelector("td.ekiben-small"));
    }

    [Fact]
    public void Layout_takes_the_content_at_its_slot()
    {
        var source = Sample.Source with { Layout = "<html><body><div id=l>{{ site.name }}: {{content}}</div></body></html>", Content = "<p>{{ visitor.first_name }}</p>" };
        var html = Sample.Html(source);
        Assert.Contains("<div id=l>Shop news: <p>Ann</p></div>", html, StringComparison.Ordinal);
        Assert.EndsWith("Unsubscribe</a>\n</div>\n</body></html>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Footer_stands_below_plain_mail_and_brings_the_link_if_it_has_none()
    {
        var html = Sample.Html(Sample.Source with { FooterHtml = "<p>{{ site.name }}, 1 Road</p>" });
        Assert.Contains("<p>Shop news, 1 Road</p>", html, StringComparison.Ordinal);
        Assert.Single(new HtmlParser().ParseDocument(html).QuerySelectorAll("a[href*='/u/tok']"));

        html = Sample.Html(Sample.Source with { FooterHtml = "<a href='{{ visitor.unsubscribe_url }}'>leave</a>" });
        Assert.Equal("leave", Assert.Single(new HtmlParser().ParseDocument(html).QuerySelectorAll("a")).TextContent);
    }

    [Theory]
    [InlineData("<p>x</p>", 1)]
    [InlineData("<p>{{ visitor.unsubscribe_url }}</p>", 0)]
    [InlineData("<a href=\"{{ visitor.unsubscribe_url }}\">x</a>", 0)]
    [InlineData("{% link {{ visitor.unsubscribe_url }} :: Leave %}", 0)]
    [InlineData("{% if visitor.plan == 'pro' %}<a href=\"{{ visitor.unsubscribe_url }}\">x</a>{% endif %}", 0)]
    [InlineData("{% if visitor.plan == 'free' %}<a href=\"{{ visitor.unsubscribe_url }}\">x</a>{% endif %}", 1)]
    [InlineData("<!-- {{ visitor.unsubscribe_url }} -->", 1)]
    [InlineData("{% assign x = visitor.unsubscribe_url %}<a href='{{ x }}'>x</a>", 0)]
    public void No_message_leaves_without_a_way_out(string content, int added)
    {
        var source = Sample.Source with { Style = MessageStyle.Html, Content = "<body>" + content + "</body>" };
        var html = Sample.Html(source);
        Assert.Equal(added, html.Split(">Unsubscribe</a>").Length - 1);
        Assert.Contains("https://mail.shop.example/u/tok", html, StringComparison.Ordinal);
        Assert.Contains("https://mail.shop.example/u/tok?x=1&y=2", Sample.Text(source), StringComparison.Ordinal);
        Assert.EndsWith("</body>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Preview_text_is_hidden_at_the_top_and_absent_from_the_text_part()
    {
        var source = Sample.Source with { PreviewText = "Sale & more for {{ visitor.html }}" };
        var document = new HtmlParser().ParseDocument(Sample.Html(source));
        var first = document.Body!.FirstElementChild!;
        Assert.Contains("display:none", first.GetAttribute("style"), StringComparison.Ordinal);
        Assert.StartsWith("Sale & more for <b>bold</b>", first.TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain("Sale", Sample.Text(source), StringComparison.Ordinal);
        Assert.Equal("Sale & more for <b>bold</b>", CompiledMessage.Compile(source).Preview(Sample.Ann, Sample.Identity).PreviewText);
    }

    [Fact]
    public void Preview_is_what_is_sent()
    {
        var source = Sample.Source with { Content = "<p>Grüße {{ visitor.first_name }} — {% for i in visitor.items %}{{ i }} {% endfor %}</p><p>" + new string('x', 500) + "</p>" };
        var message = Sample.Message(source);
        var preview = CompiledMessage.Compile(source).Preview(Sample.Ann, Sample.Identity);
        Assert.Equal(message.Subject, preview.Subject);
        Assert.Equal(message.HtmlBody!.ReplaceLineEndings("\n"), preview.Html);
        Assert.Equal(message.TextBody!.ReplaceLineEndings("\n"), preview.Text);
    }

    [Theory]
    [InlineData("subject", "Hi {{ x", 1, 4)]
    [InlineData("subject", "Hi\r\nBcc: x", 1, 3)]
    [InlineData("subject", " ", 0, 0)]
    [InlineData("content", "<p>\n  {% if x %}", 2, 3)]
    [InlineData("content", "a\n\0", 2, 1)]
    [InlineData("layout", "{{ content }}\n{% nonsense %}", 2, 1)]
    [InlineData("content", "<p>a</p>\n<!-- b", 2, 7)]
    [InlineData("content", "<a href=\"x>y</a>", 1, 17)]
    [InlineData("footer", "<style>p{}", 1, 11)]
    [InlineData("layout", "{{ content }}<!--", 1, 18)]
    [InlineData("layout", "no slot", 0, 0)]
    [InlineData("preview_text", "{{ x | nonsense }}", 1, 8)]
    [InlineData("footer", "{% endif %}", 1, 1)]
    [InlineData("from", "nobody", 0, 0)]
    [InlineData("site", "not hex!", 0, 0)]
    public void Faulty_field_is_named_with_its_place(string field, string text, int line, int column)
    {
        var source = field switch
        {
            "subject" => Sample.Source with { Subject = text },
            "content" => Sample.Source with { Content = text },
            "layout" => Sample.Source with { Layout = text },
            "preview_text" => Sample.Source with { PreviewText = text },
            "footer" => Sample.Source with { FooterHtml = text },
            "from" => Sample.Source with { FromEmail = text },
            _ => Sample.Source with { SiteId = text },
        };
        var error = Assert.Throws<CompileException>(() => CompiledMessage.Compile(source));
        Assert.Equal((field, line, column), (error.Field, error.Line, error.Column));
        Assert.NotEmpty(error.Message);
    }

    [Theory]
    [InlineData("From\r\nBcc: x")]
    [InlineData("From\0")]
    public void Sender_with_a_control_character_is_refused(string name)
    {
        Assert.Equal("from", Assert.Throws<CompileException>(() => CompiledMessage.Compile(Sample.Source with { FromName = name })).Field);
        Assert.Equal("site", Assert.Throws<CompileException>(() => CompiledMessage.Compile(Sample.Source with { SiteName = name })).Field);
    }

    [Fact]
    public void Long_subject_fails_the_message_with_its_reason()
    {
        var compiled = CompiledMessage.Compile(Sample.Source with { Subject = "{{ visitor.first_name }}" });
        var buffer = new MessageBuffer();
        compiled.Compose(Sample.Ann with { FirstName = string.Concat(Enumerable.Repeat("👍", 255)) }, Sample.Identity, buffer);
        Sample.Read(buffer.Bytes.ToArray());
        Assert.Equal("The subject is longer than 255 characters.",
            Assert.Throws<RenderException>(() => compiled.Compose(Sample.Ann with { FirstName = new string('a', 256) }, Sample.Identity, buffer)).Message);
        Assert.Equal("The subject is empty after rendering.",
            Assert.Throws<RenderException>(() => compiled.Compose(Sample.Ann with { FirstName = " " }, Sample.Identity, buffer)).Message);
        // A failure leaves a buffer that works.
        compiled.Compose(Sample.Ann, Sample.Identity, buffer);
        Assert.Equal(Sample.Compose(Sample.Source with { Subject = "{{ visitor.first_name }}" }), buffer.Bytes.ToArray());
    }

    [Fact]
    public void Template_over_its_budget_fails_the_message()
    {
        var compiled = CompiledMessage.Compile(Sample.Source with { Content = "{% for i in (1..9999) %}{% for j in (1..9999) %}x{% endfor %}{% endfor %}" });
        Assert.StartsWith("The content can't be rendered", Assert.Throws<RenderException>(() => compiled.Compose(Sample.Ann, Sample.Identity, new MessageBuffer())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Static_text_in_a_loop_counts_against_the_size()
    {
        var compiled = CompiledMessage.Compile(Sample.Source with { Content = "{% for i in (1..9999) %}" + new string('x', 1000) + "{% endfor %}" });
        Assert.Equal("A part of the message is longer than 1 MiB.", Assert.Throws<RenderException>(() => compiled.Compose(Sample.Ann, Sample.Identity, new MessageBuffer())).Message);
    }

    [Theory]
    [InlineData("http://mail.shop.example/u")]
    [InlineData("mailto:x@example.org")]
    public void Unsubscribe_url_must_be_https(string url) =>
        Assert.Throws<RenderException>(() => Sample.Compose(Sample.Source, identity: Sample.Identity with { UnsubscribeUrl = url }));

    [Fact]
    public void Unsubscribe_url_on_loopback_may_be_plain() =>
        Assert.Equal("<http://localhost:8080/u/t>", Sample.Message(Sample.Source, identity: Sample.Identity with { UnsubscribeUrl = "http://localhost:8080/u/t" }).Headers["List-Unsubscribe"]);

    [Fact]
    public void Unsubscribe_url_is_at_most_900_octets()
    {
        var url = "https://mail.shop.example/u/";
        Assert.NotNull(Sample.Message(Sample.Source, identity: Sample.Identity with { UnsubscribeUrl = url + new string('a', 900 - url.Length) }));
        Assert.Throws<RenderException>(() => Sample.Compose(Sample.Source, identity: Sample.Identity with { UnsubscribeUrl = url + new string('a', 901 - url.Length) }));
    }

    [Theory]
    [InlineData("a@b\r\nBcc: x@y.z")]
    [InlineData("a@b> <c")]
    [InlineData("no id")]
    [InlineData("noid")]
    public void Message_id_must_be_one(string id) =>
        Assert.Throws<RenderException>(() => Sample.Compose(Sample.Source, identity: Sample.Identity with { MessageId = id }));

    [Fact]
    public void Non_ascii_mailbox_asks_for_smtputf8_and_no_other_message_does()
    {
        var buffer = new MessageBuffer();
        CompiledMessage.Compile(Sample.Source).Compose(Sample.Ann with { Address = Sample.Address("éva@bücher.example") }, Sample.Identity, buffer);
        Assert.True(buffer.NeedsSmtpUtf8);
        Assert.True(buffer.Is8Bit);
        Assert.Contains("<éva@xn--bcher-kva.example>", Encoding.UTF8.GetString(buffer.Bytes.Span), StringComparison.Ordinal);
    }

    [Fact]
    public void Name_that_looks_like_an_address_is_left_out() =>
        Assert.Equal("ann@example.org", Sample.Message(Sample.Source, Sample.Ann with { FirstName = "ceo@bank.example" }).To.ToString());
}
