using System.Text;
using System.Text.Json;
using Ekiben.Liquid;
using Ekiben.Mail.Markup;

namespace Ekiben.Mail.Tests;

/// <summary>Cutting a template into pieces and putting markers for its literals must not change what it renders.</summary>
public class LiteralPoolTests
{
    private const string Long = "a literal that is long enough to become a marker\n and goes on ";

    public static TheoryData<string> Templates =>
    [
        Long,
        Long + "{{ a }}" + Long,
        Long + "{{- a -}}" + Long,
        "x {%- if true -%} " + Long + " {%- endif -%} y",
        "{% for i in list %}" + Long + "{{ i }}{% else %}none{% endfor %}",
        "{% capture c %}" + Long + "{% endcapture %}{{ c | upcase }}{{ c | size }}",
        "{% capture c %}{% raw %}{{ not liquid }}{% endraw %}{% endcapture %}{{ c }}",
        "{% case a %}" + Long + "{% when 1 %}" + Long + "{% else %}other{% endcase %}",
        "{% raw %}{{ " + Long + " }}{% if %}{% endraw %}",
        "{%- raw -%} {{ x }} {%- endraw -%} y",
        "{{ '{' }}{% raw %}{{% endraw %}{{ a }}",
        "{% comment %}" + Long + "{% comment %}{% endcomment %}{% endcomment %}" + Long,
        "{% comment %}{% raw %}{% endcomment %}{% endraw %}{% endcomment %}x",
        "{% doc %}" + Long + "{% enddoc %}x{% # a comment %}y",
        "{% if a %} {% endif %}|{% if a %} {% assign z = 1 %} {% endif %}|",
        "{% liquid\nassign x = 'y'\necho x\n%}" + Long,
        "{% cycle 'a', 'b' %}{% cycle 'a', 'b' %}{% increment n %}{% increment n %}" + Long,
        "{% tablerow i in list cols: 2 %}" + Long + "{{ i }}{% endtablerow %}",
        "{% ifchanged %}" + Long + "{% endifchanged %}{% ifchanged %}" + Long + "{% endifchanged %}",
        "{{ a }}\uE000\u4E00 private and CJK stay 漢字 " + Long,
        "{ {{ a }} } {",
    ];

    private static (string Direct, string Pooled) Both(string source, string data)
    {
        var person = Sample.Ann with { Personalizations = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(data)! };
        var buffer = new MessageBuffer();
        buffer.Data.Point(Sample.Source, person, Sample.Identity);
        var options = new RenderOptions { Now = Sample.Start };
        var part = PartTemplate.Text(Piece.Split(source));
        part.Render(buffer.Data, options, buffer.Text);
        var encoded = new ByteWriter(1 << 24, "too long");
        part.Encode(buffer.Text.Written, [], encoded);
        using var decoded = new MimeKit.MimePart("text", "plain") { Content = new MimeKit.MimeContent(new MemoryStream(encoded.Written.ToArray()), MimeKit.ContentEncoding.QuotedPrintable) }.Content!.Open();
        using var reader = new StreamReader(decoded, Encoding.UTF8);
        var pooled = part.Expand(buffer.Text.Written);
        Assert.Equal(Lines(pooled), Lines(reader.ReadToEnd()));
        return (Template.Parse(source).Render(buffer.Data, options), pooled);
    }

    private static string Lines(string text) => text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');

    [Theory]
    [MemberData(nameof(Templates))]
    public void Pieces_render_what_the_source_renders(string source)
    {
        var (direct, pooled) = Both(source, """{"a":1,"list":["x","y","z"]}""");
        Assert.Equal(direct, pooled);
    }

    [Fact]
    public void Marker_in_a_value_names_no_literal()
    {
        // The one thing that can't be sent is the noncharacter itself; it means nothing in any text.
        var (_, pooled) = Both("{{ x | raw }}b", """{"x":"a\ufdd0\u5e00\ufdd0"}""");
        Assert.Equal("a\u5e00b", pooled);
        Assert.Equal("ab", Sample.Text(Sample.HtmlSource("{{ visitor.x }}b "), Sample.Ann with { Fields = new Dictionary<string, JsonElement> { ["x"] = JsonSerializer.SerializeToElement("a\uFDD0\uFDD1\uFDD2") } })[..2]);
    }

    /// <summary>The golden suite, where the environment names it.</summary>
    [Fact]
    public void Golden_templates_render_the_same_in_pieces()
    {
        var path = Environment.GetEnvironmentVariable("EKIBEN_GOLDEN_LIQUID");
        if (string.IsNullOrEmpty(path)) return;
        var compared = 0;
        foreach (var test in JsonDocument.Parse(File.ReadAllText(path)).RootElement.GetProperty("tests").EnumerateArray())
        {
            if (test.TryGetProperty("templates", out _)) continue;
            var data = test.TryGetProperty("data", out var given) ? given.GetRawText() : "{}";
            try
            {
                var (direct, pooled) = Both(test.GetProperty("template").GetString()!, data);
                Assert.True(direct == pooled, test.GetProperty("name").GetString());
                compared++;
            }
            catch (TemplateException)
            {
                // The suite has its invalid templates too.
            }
        }
        Assert.True(compared > 500);
    }
}
