using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Ekiben.Liquid.Tests;

/// <summary>Mail at the upper end of what people send. It must fit the default budgets, with room: a budget is for bombs.</summary>
public sealed class HonestMailTests
{
    /// <summary>100 KB of somebody's text: lines, quotes, an ampersand now and then.</summary>
    private static readonly string Article = string.Concat(
        Enumerable.Range(0, 1_500).Select(line => string.Create(CultureInfo.InvariantCulture, $"Line {line:0000}: \"ten years\" of Smith & Sons, and what they say about us;\r\n        ")))[..100_000];

    private static readonly JsonElement Rows = JsonSerializer.SerializeToElement(Enumerable.Range(0, 500).Select(row => new
    {
        title = string.Create(CultureInfo.InvariantCulture, $"product number {row} with a name of the usual length & more"),
        price = 12.5 + row,
        sku = string.Create(CultureInfo.InvariantCulture, $"SKU-{row:000000}"),
        tags = "new, red, cotton",
        at = "2026-03-14",
        stock = row % 7,
    }));

    private static readonly Dictionary<string, object?> Data = new()
    {
        ["article"] = Article,
        ["rows"] = Rows,
        ["csv"] = string.Join(';', Enumerable.Range(0, 2_000).Select(number => "value " + number.ToString(CultureInfo.InvariantCulture))),
        ["many"] = Enumerable.Range(0, 5_000).Select(number => (object?)(long)((number * 7_919) % 5_003)).ToList(),
    };

    [Theory]
    [InlineData("{{ article | escape }}")]
    [InlineData("{{ article | newline_to_br }}")]
    [InlineData("{{ article | escape | newline_to_br }}")]
    [InlineData("{{ article | truncatewords: 15000 }}")]
    [InlineData("{{ article | strip | strip_html | squish | truncatewords: 15000 | escape }}")]
    [InlineData("{{ article | url_encode }}")]
    [InlineData("{{ article | base64_encode }}")]
    [InlineData("{{ article | replace: 'Line', 'Row' | remove: ';' | upcase }}")]
    [InlineData("{% capture all %}<div>{{ article }}</div>{% endcapture %}{{ all }}")]
    [InlineData("{% assign lines = article | split: 'Line' %}{% for line in lines %}<p>{{ line | strip | escape }}</p>{% endfor %}")]
    public void Text_of_a_hundred_kilobytes_goes_through_filters(string source) =>
        Assert.True(Template.Parse(source).Render(Data).Length > 60_000);

    [Fact]
    public void List_of_five_hundred_rows_with_filters_in_each()
    {
        const string Source = """
            {% assign shown = rows | sort: 'price' | reverse %}<table>{% for row in shown %}<tr class="{% cycle 'odd', 'even' %}">
            <td>{{ row.title | capitalize | truncate: 60 | escape }}</td><td>{{ row.price | times: 1.19 | round: 2 | money: '€' }}</td>
            <td>{{ row.sku | downcase | prepend: 'https://shop.example/p/' }}</td><td>{{ row.at | date: '%-d %B %Y' }}</td>
            <td>{% assign tags = row.tags | split: ', ' %}{% for tag in tags %}<b>{{ tag | upcase }}</b> {% endfor %}</td>
            <td>{% if row.stock > 0 %}{{ row.stock | pluralize: 'piece' }}{% else %}sold out{% endif %}</td></tr>{% endfor %}</table>
            {{ rows | map: 'price' | sum | money }}, {{ rows | where: 'stock', 0 | size }} sold out: {{ rows | map: 'sku' | join: ', ' }}
            """;
        var rendered = Template.Parse(Source).Render(Data);
        Assert.Equal(500, rendered.Split("<tr ").Length - 1);
        Assert.Contains("Product number 499 with a name of the usual length &amp; more", rendered, StringComparison.Ordinal);
        Assert.EndsWith("SKU-000499", rendered, StringComparison.Ordinal);
    }

    [Fact]
    public void Long_lists_are_made_and_looked_through()
    {
        const string Source = "{% assign parts = csv | split: ';' | uniq | sort_natural %}{{ parts | size }}, {{ many | sort | uniq | reverse | first }}, {{ many | concat: many | size }}";
        Assert.Equal("2000, 5002, 10000", Template.Parse(Source).Render(Data));
    }

    [Fact]
    public void Base64_costs_what_it_makes()
    {
        // 100 KB five times, of which each makes 133 KB and as many characters.
        var source = new StringBuilder().Insert(0, "{% assign x = article | base64_encode %}", 5).Append("{{ x | size }}").ToString();
        Assert.Equal("133336", Template.Parse(source).Render(Data));
    }
}
