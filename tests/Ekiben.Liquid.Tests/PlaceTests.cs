using System.Buffers;
using System.Text;

namespace Ekiben.Liquid.Tests;

/// <summary>Values are escaped for the place they stand in; literal text never is.</summary>
public sealed class PlaceTests
{
    private static readonly Dictionary<string, object?> Data = new()
    {
        ["v"] = "<a & \"b\">",
        ["n"] = 5,
        ["list"] = new[] { "<", ">" },
        ["lines"] = "a<\nb",
        ["url"] = "https://x/?a=1&b=<2>",
    };

    [Theory]
    [InlineData("{{ v }}", "&lt;a &amp; &quot;b&quot;&gt;")]
    [InlineData("<b>{{ v }}</b>", "<b>&lt;a &amp; &quot;b&quot;&gt;</b>")]
    [InlineData("{% if n %}<i>{{ v }}</i>{% endif %}", "<i>&lt;a &amp; &quot;b&quot;&gt;</i>")]
    [InlineData("{% for i in list %}<i>{{ i }}</i>{% endfor %}", "<i>&lt;</i><i>&gt;</i>")]
    [InlineData("{{ list }}", "&lt;&gt;")]
    [InlineData("{{ v | raw }}", "<a & \"b\">")]
    [InlineData("{{ v | escape }}", "&lt;a &amp; &quot;b&quot;&gt;")]
    [InlineData("{{ v | escape_once }}", "&lt;a &amp; &quot;b&quot;&gt;")]
    [InlineData("{{ '&lt;' | escape_once }}", "&lt;")]
    [InlineData("{{ v | escape | append: '<' }}", "&amp;lt;a &amp;amp; &amp;quot;b&amp;quot;&amp;gt;&lt;")]
    [InlineData("{{ lines | newline_to_br }}", "a&lt;<br />\nb")]
    [InlineData("{{ lines | raw | newline_to_br }}", "a<<br />\nb")]
    [InlineData("{{ lines | escape | newline_to_br }}", "a&lt;<br />\nb")]
    [InlineData("{{ v | strip_html }}", "")]
    [InlineData("{% capture x %}<b>{{ v }}</b>{% endcapture %}{{ x }}", "<b>&lt;a &amp; &quot;b&quot;&gt;</b>")]
    [InlineData("{% assign x = v %}{{ x }}", "&lt;a &amp; &quot;b&quot;&gt;")]
    [InlineData("{% assign x = v | raw %}{{ x }}", "<a & \"b\">")]
    [InlineData("{% echo v %}", "&lt;a &amp; &quot;b&quot;&gt;")]
    [InlineData("{% cycle v %}", "&lt;a &amp; &quot;b&quot;&gt;")]
    [InlineData("{% ifchanged %}<b>{{ v }}</b>{% endifchanged %}", "<b>&lt;a &amp; &quot;b&quot;&gt;</b>")]
    [InlineData("{% raw %}<{{ v }}>{% endraw %}", "<{{ v }}>")]
    [InlineData("{{ '<' }}", "&lt;")]
    [InlineData("{{ n }}", "5")]
    [InlineData("<a href=\"{{ url }}\">", "<a href=\"https%3A%2F%2Fx%2F%3Fa%3D1%26b%3D%3C2%3E\">")]
    [InlineData("<a href=\"{{ url }}\">{{ url }}</a>", "<a href=\"https%3A%2F%2Fx%2F%3Fa%3D1%26b%3D%3C2%3E\">https://x/?a=1&amp;b=&lt;2&gt;</a>")]
    [InlineData("<a href=\"{{ url | escape }}\">", "<a href=\"https%3A%2F%2Fx%2F%3Fa%3D1%26amp%3Bb%3D%26lt%3B2%26gt%3B\">")]
    [InlineData("<a href=\"{% if n %}{{ v }}{% else %}{{ v }}{% endif %}\">", "<a href=\"%3Ca%20%26%20%22b%22%3E\">")]
    [InlineData("{% link {{ url }} :: {{ v }} %}", "<a href=\"https%3A%2F%2Fx%2F%3Fa%3D1%26b%3D%3C2%3E\">&lt;a &amp; &quot;b&quot;&gt;</a>")]
    public void Value_is_escaped_for_its_place(string source, string expected)
    {
        var template = Template.Parse(source, new TemplateOptions { Places = new QuoteTracker() });
        Assert.Equal(expected, template.Render(Data, new RenderOptions { Escape = new Escaper() }));
    }

    [Theory]
    [InlineData("a{{ v }}b{% if v %}c{% endif %}{% raw %}d{% endraw %}{% comment %}x{% endcomment %} {%- if v %}e{% endif %}", "a|b|c|d|e|")]
    [InlineData("{% link https://x/?a&b :: y %}", "<a href=\"|https://x/?a&amp;b|\">|y|</a>|")]
    public void Tracker_sees_every_literal_in_order(string source, string expected)
    {
        var tracker = new QuoteTracker();
        Template.Parse(source, new TemplateOptions { Places = tracker });
        Assert.Equal(expected, tracker.Seen.ToString());
    }

    [Fact]
    public void Escaper_cannot_write_past_the_output_budget()
    {
        var template = Template.Parse("{{ v }}{{ v }}");
        var options = new RenderOptions { Escape = new Escaper(), Limits = new TemplateLimits { OutputBytes = 40 } };
        var error = Assert.Throws<TemplateException>(() => template.Render(Data, options));
        Assert.Equal("OutputBytes", error.Budget);
    }

    /// <summary>Place 1 is inside double quotes, place 0 outside.</summary>
    private sealed class QuoteTracker : PlaceTracker
    {
        public StringBuilder Seen { get; } = new();

        private int _place;

        public override int Place => _place;

        public override void Text(ReadOnlySpan<char> literal)
        {
            Seen.Append(literal).Append('|');
            _place ^= literal.Count('"') & 1;
        }
    }

    private sealed class Escaper : IValueEscaper
    {
        public bool IsHtml(int place) => place == 0;

        public void Write(int place, ReadOnlySpan<char> value, IBufferWriter<byte> output)
        {
            var text = place == 1 ? Uri.EscapeDataString(value) : System.Net.WebUtility.HtmlEncode(value.ToString());
            output.Write(Encoding.UTF8.GetBytes(text));
        }
    }
}
