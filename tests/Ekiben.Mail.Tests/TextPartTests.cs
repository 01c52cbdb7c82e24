namespace Ekiben.Mail.Tests;

public class TextPartTests
{
    /// <summary>The text part of an HTML content, less the footer of the sample.</summary>
    private static string Text(string html)
    {
        var text = Sample.Text(Sample.Source with { Style = MessageStyle.Html, Content = html });
        return text[..text.IndexOf("\n-- \n", StringComparison.Ordinal)];
    }

    [Theory]
    [InlineData("<p>One</p><p>Two</p>", "One\n\nTwo\n")]
    [InlineData("<p>One\n  <b>two</b>\tthree</p>", "One two three\n")]
    [InlineData("One<br>two<br><br>three", "One\ntwo\n\nthree\n")]
    [InlineData("<div>One</div><div>two</div>", "One\ntwo\n")]
    [InlineData("<h1>Head</h1>Text", "Head\n\nText\n")]
    [InlineData("A &amp; B &lt;c&gt; &copy; &#233;&nbsp;x", "A & B <c> © é x\n")]
    [InlineData("soft&shy;hyphen zero\u200Bwidth", "softhyphen zerowidth\n")]
    [InlineData("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>d", "- a\n- b\n  - c\n\nd\n")]
    [InlineData("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b\n")]
    [InlineData("<blockquote>a<br>b</blockquote>c", "> a\n> b\n\nc\n")]
    [InlineData("<pre>a\n  b</pre>", "a\n  b\n")]
    [InlineData("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n")]
    [InlineData("<img src=x alt=\"A picture\"><img src=y alt=\"\"><img src=z>", "[A picture]\n")]
    [InlineData("<head><title>t</title><style>p{}</style></head><p>x</p><script>y</script>", "x\n")]
    [InlineData("<div style=\"DISPLAY: none\">hidden <div>too</div> here</div><p hidden>x</p>seen", "seen\n")]
    [InlineData("a<!-- b --><!--[if mso]>c<![endif]-->d", "acd\n")]
    [InlineData("a<hr>b", "a\n\n---\n\nb\n")]
    public void Html_reads_as_text(string html, string text) => Assert.Equal(text, Text(html));

    [Theory]
    [InlineData("<a href=\"https://x.example/a?b=1&amp;c=2\">page</a> and <a href='https://y.example/'>other</a>",
        "page [1] and other [2]\n\n[1] https://x.example/a?b=1&c=2\n[2] https://y.example/\n")]
    [InlineData("<a href=\"https://x.example/\">one</a> <a href=\"https://x.example/\">two</a>", "one [1] two [1]\n\n[1] https://x.example/\n")]
    [InlineData("<a href=\"https://x.example/\">https://x.example</a>", "https://x.example\n")]
    [InlineData("<a href=\"mailto:a@x.example\">a@x.example</a>", "a@x.example\n")]
    [InlineData("<a href=\"#top\">top</a>", "top\n")]
    [InlineData("<a name=top>top</a>", "top\n")]
    [InlineData("<a href=\"https://x.example/\"><img src=y></a>", "[1]\n\n[1] https://x.example/\n")]
    [InlineData("<a href=\"https://x.example/\"><img src=y alt=Logo></a>", "[Logo] [1]\n\n[1] https://x.example/\n")]
    [InlineData("<a href=\"https://x.example/{{ visitor.plan }}\">yours</a>", "yours [1]\n\n[1] https://x.example/pro\n")]
    [InlineData("{% if visitor.plan == 'pro' %}<a href=\"https://x.example/\">x</a>{% endif %}", "x (https://x.example/)\n")]
    [InlineData("{% for i in visitor.items %}<a href=\"https://x.example/{{ i }}\">{{ i }}</a> {% endfor %}", "x (https://x.example/x) y (https://x.example/y) \n")]
    [InlineData("{% btn https://x.example/ :: Buy {{ visitor.plan }} :: #fff %}", "Buy pro [1]\n\n[1] https://x.example/\n")]
    [InlineData("{% link https://x.example/{{ visitor.plan }} :: here %}", "here [1]\n\n[1] https://x.example/pro\n")]
    [InlineData("{% img https://x.example/i.png :: c, i, A cat, 10, 20 %}", "[A cat]\n")]
    [InlineData("{% gravatar %}{% promo a :: b %}x", "x\n")]
    public void Links_are_kept(string html, string text) => Assert.Equal(text, Text(html));

    [Theory]
    [InlineData("<ul>{% for i in visitor.items %}<li>{{ i }}</li>{% endfor %}</ul><p>end</p>", "- x\n- y\n\nend\n")]
    [InlineData("<table>{% for i in visitor.items %}<tr><td>{{ i }}</td></tr>{% endfor %}</table>", "x\ny\n")]
    [InlineData("<p>Hi {% if visitor.first_name %}{{ visitor.first_name }}{% else %}you{% endif %}, welcome</p>", "Hi Ann, welcome\n")]
    [InlineData("<p>a</p>{% if visitor.nothing %}<p>b</p>{% endif %}<p>c</p>", "a\n\nc\n")]
    [InlineData("<p {% if visitor.plan %}class=\"a\"{% endif %}>x</p>", "x\n")]
    [InlineData("<p {% if visitor.plan %}class=\"a\">x{% else %}>y{% endif %}</p>", "x\n")]
    [InlineData("<head>{% assign a = 'set' %}<title>{{ a }}</title></head>{{ a }}", "set\n")]
    [InlineData("<p>{{ visitor.html }} &amp;#123;&#123; x }}</p>", "<b>bold</b> &#123;{ x }}\n")]
    [InlineData("{% raw %}{{ x }}{% endraw %} &#123;&#123; y }}", "{{ x }} {{ y }}\n")]
    [InlineData("{% capture c %}<b>&#123;% if %}</b>{% endcapture %}{{ c }}", "{% if %}\n")]
    [InlineData("{% comment %}<p>{% raw %}{% endcomment %}{% endraw %}</p>{% endcomment %}x", "x\n")]
    [InlineData("a\n{%- if true -%}\nb\n{%- endif -%}\nc", "abc\n")]
    public void Liquid_works_in_the_text_as_in_the_html(string html, string text) => Assert.Equal(text, Text(html));
}
