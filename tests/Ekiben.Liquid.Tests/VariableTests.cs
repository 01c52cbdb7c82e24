namespace Ekiben.Liquid.Tests;

public sealed class VariableTests
{
    [Theory]
    [InlineData("{{ visitor.first_name }}", "visitor.first_name@1:4")]
    [InlineData("a\n  {{ visitor.first_name }}", "visitor.first_name@2:6")]
    [InlineData("{{ a | append: b }}", "a@1:4 b@1:16")]
    [InlineData("{{ a | default: 'x' }}", "a@1:4?")]
    [InlineData("{{ a | upcase | default: 'x' }}", "a@1:4?")]
    [InlineData("{{ a | default: b }}", "a@1:4? b@1:17")]
    [InlineData("{{ a | default: b | default: 'x' }}", "a@1:4? b@1:17?")]
    [InlineData("{{ a | append: b | default: 'x' }}", "a@1:4? b@1:16?")]
    [InlineData("{{ a['b'].c[0][d] }}", "d@1:16 a.b.c.[].[]@1:4")]
    [InlineData("{{ ['a'] }}", "a@1:4")]
    [InlineData("{% if a %}{{ a }}{% endif %}{{ a }}", "a@1:7? a@1:14? a@1:32")]
    [InlineData("{% if a.b %}{{ a.b.c }}{{ a.d }}{% endif %}", "a.b@1:7? a.b.c@1:16? a.d@1:27")]
    [InlineData("{% if a and b %}{{ b }}{% endif %}", "a@1:7? b@1:13? b@1:20?")]
    [InlineData("{% unless a == blank %}{{ a }}{% endunless %}", "a@1:11? a@1:27?")]
    [InlineData("{% case a %}{% when 'x' %}{{ a }}{% endcase %}", "a@1:9? a@1:30?")]
    [InlineData("{% for i in list %}{{ i.x }}{{ forloop.index }}{% endfor %}{{ i }}", "list@1:13 i.x@1:23! forloop.index@1:32! i@1:63")]
    [InlineData("{% for i in list %}{{ i }}{% else %}{{ i }}{% endfor %}", "list@1:13 i@1:23! i@1:40")]
    [InlineData("{{ x }}{% assign x = y %}{{ x }}", "x@1:4 y@1:22 x@1:29!")]
    [InlineData("{% capture x %}{{ y }}{% endcapture %}{{ x }}", "y@1:19 x@1:42!")]
    [InlineData("{% increment c %}{{ c }}", "c@1:21!")]
    [InlineData("{% btn {{ visitor.unsubscribe_url }} :: Go %}", "visitor.unsubscribe_url@1:11")]
    [InlineData("{% greeting %}", "visitor.first_name@1:1?")]
    [InlineData("{% comment %}{{ a }}{% endcomment %}{% raw %}{{ b }}{% endraw %}", "")]
    [InlineData("{{ 'a' }}{{ 1 }}{{ true }}{{ nil }}{{ (1..2) }}", "")]
    [InlineData("{% for i in (1..n) limit: m offset: o %}{% endfor %}", "n@1:17 m@1:27 o@1:37")]
    [InlineData("{% liquid\n  echo a\n%}", "a@2:8")]
    public void Look_ups_are_listed_with_position_and_guard(string source, string expected)
    {
        var described = Template.Parse(source).Variables.Select(
            use => $"{use.Name}@{use.Line}:{use.Column}{(use.IsLocal ? "!" : "")}{(use.IsGuarded ? "?" : "")}");
        Assert.Equal(expected, string.Join(' ', described));
    }

    [Fact]
    public void Tags_that_render_nothing_are_listed()
    {
        var template = Template.Parse("a\n {% fetch https://x :: fetch_json %}{% render_cart %}");
        Assert.Equal([new UnsupportedTag("fetch", 2, 2), new UnsupportedTag("render_cart", 2, 37)], template.UnsupportedTags);
    }
}
