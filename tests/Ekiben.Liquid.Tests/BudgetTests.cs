using System.Text;

namespace Ekiben.Liquid.Tests;

/// <summary>
/// Templates made to hurt. Each must end in a typed error, and must not have allocated 64 MiB until then; the step budget, not
/// a clock, ends them, so they take the same time on any machine.
/// </summary>
public sealed class BudgetTests
{
    private const long MostBytes = 64 * 1024 * 1024;

    private static readonly Dictionary<string, object?> Data = new()
    {
        ["big"] = new string('x', 1_000_000),
        ["list"] = Enumerable.Range(0, 10_000).Cast<object?>().ToList(),
        ["cycle"] = Cycle(),
        ["map"] = Enumerable.Range(0, 5_000).ToDictionary(number => $"k{number}", object? (number) => number),
        ["json"] = System.Text.Json.JsonSerializer.SerializeToElement(Enumerable.Range(0, 10_000).Select(number => new[] { number })),
        ["text"] = System.Text.Json.JsonSerializer.SerializeToElement(new string('x', 200_000)),
        ["row"] = System.Text.Json.JsonSerializer.SerializeToElement(new { text = new string('x', 250) }),
        ["digits"] = new string('9', 500_000),
    };

    public static TheoryData<string, string> Bombs => new()
    {
        { "nested ifs", string.Concat(Enumerable.Repeat("{% if a %}", 20_000)) },
        { "nested ifs that are closed", Repeat("{% if a %}", 10_000) + Repeat("{% endif %}", 10_000) },
        { "nested fors", string.Concat(Enumerable.Repeat("{%for a in b%}", 15_000)) },
        { "nested captures", string.Concat(Enumerable.Repeat("{%capture a%}", 15_000)) },
        { "nested case", string.Concat(Enumerable.Repeat("{%case a%}{%when a%}", 10_000)) },
        { "nested ifs in a liquid tag", "{% liquid\n" + Repeat("if a\n", 20_000) + "%}" },
        { "chained filters", "{{ 'a'" + Repeat(" | upcase", 20_000) + " }}" },
        { "chained filters in assign", "{% assign a = 'a'" + Repeat(" | upcase", 20_000) + " %}" },
        { "brackets", "{{ a" + Repeat("[a", 20_000) + Repeat("]", 20_000) + " }}" },
        { "few brackets", "{{ a" + Repeat("[a", 400) + " }}" },
        { "nested ranges", "{{ " + Repeat("(", 900) + " }}" },
        { "nested comments left open", Repeat("{% comment %}", 18_000) },
        { "long condition", "{% if a" + Repeat(" and a", 30_000) + " %}{% endif %}" },
        { "source over its limit", new string('a', (256 * 1024) + 1) },
        { "range to two thousand million", "{% for i in (1..2000000000) %}{{ i }}{% endfor %}" },
        { "joined range to two thousand million", "{{ (1..2000000000) | join: ',' }}" },
        { "whole range of numbers", "{% for i in (-9223372036854775807..9223372036854775807) %}{% endfor %}" },
        { "sorted range", "{{ (1..2000000000) | sort | size }}" },
        { "concatenated ranges", "{% assign a = (1..9000) | concat: (1..9000) %}" },
        { "doubling by append", "{% assign a = 'xxxxxxxxxx' %}{% for i in (1..100) %}{% assign a = a | append: a %}{% endfor %}{{ a }}" },
        { "doubling by capture", "{% assign a = 'xxxxxxxxxx' %}{% for i in (1..100) %}{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}" },
        { "doubling by replace", "{% assign a = 'xx' %}{% for i in (1..60) %}{% assign a = a | replace: 'x', a %}{% endfor %}" },
        { "doubling by join", "{% assign a = 'xx' %}{% for i in (1..60) %}{% assign a = a | split: '' | join: a %}{% endfor %}" },
        { "join with a large glue", "{{ list | join: big }}" },
        { "replace of nothing by much", "{{ big | replace: '', big }}" },
        { "split into characters", "{{ big | split: '' | size }}" },
        { "url_encode over and over", "{% for i in (1..100) %}{% assign big = big | url_encode | url_encode %}{% endfor %}" },
        { "strftime widths", "{% for i in list %}{{ 'now' | date: '" + Repeat("%99Y", 200) + "' }}{% endfor %}" },
        { "three nested loops", "{% for a in list %}{% for b in list %}{% for c in list %}{% endfor %}x{% endfor %}{% endfor %}" },
        { "three nested loops of little", "{% for a in (1..100) %}{% for b in (1..100) %}{% for c in (1..100) %}x{% endfor %}{% endfor %}{% endfor %}" },
        { "blank nested loops", "{% for a in list %}{% for b in list %} {% endfor %}{% endfor %}" },
        { "much output", "{% for i in list %}{{ big }}{% endfor %}" },
        { "much literal output", "{% for i in list %}" + new string('x', 10_000) + "{% endfor %}" },
        { "search in a large text", "{% for i in list %}{% if big contains 'y' %}{% endif %}{% endfor %}" },
        { "comparison of large lists", "{% for i in list %}{% if list == list %}{% endif %}{% endfor %}" },
        { "uniq in a loop", "{% for i in list %}{% assign u = list | uniq %}{% endfor %}" },
        { "sort in a loop", "{% for i in list %}{% assign u = list | sort %}{% endfor %}" },
        { "tablerow", "{% tablerow a in list %}{% tablerow b in list %}{% endtablerow %}{% endtablerow %}" },
        { "a list that holds itself, printed", "{{ cycle }}" },
        { "a list that holds itself, joined", "{{ cycle | join }}" },
        { "a list that holds itself, as a string", "{{ cycle | append: '' }}" },
        { "a list that holds itself, summed", "{{ cycle | sum }}" },
        { "a partial that includes itself", "{% include 'self' %}" },
        { "a partial that renders itself", "{% render 'self' %}" },
        { "partials that double", "{% include 'double' %}" },
        { "strip_html of unclosed tags", "{% for i in list %}{{ '" + Repeat("<script", 100) + "' | strip_html }}{% endfor %}" },
        { "buttons in buttons", Repeat("{% btn ", 20_000) },
        { "cycle groups", "{% for i in list %}{% capture g %}{{ i }}{{ big }}{% endcapture %}{% cycle g: 1, 2 %}{% endfor %}" },
        { "search for much in much", "{% assign p = big | append: 'y' | append: big %}{% for i in list %}{% if big contains p %}{% endif %}{% assign q = big | append: big | replace: p, '' %}{% endfor %}" },
        { "split at much", "{% for i in list %}{{ big | append: big | split: big | size }}{% endfor %}" },
        { "first of a large map", "{% for i in list %}{% for j in list %}{{ map.first[0] }}{% endfor %}{% endfor %}" },
        { "a large JSON list looked at over and over", "{% for i in list %}{{ json[9999] }}{% endfor %}" },
        { "a large JSON text looked at over and over", "{% for i in list %}{% if text %}{% endif %}{% endfor %}" },
        { "digits without end", "{% for i in list %}{% for j in list %}{% assign x = digits | plus: 1 %}{% endfor %}{% endfor %}" },
        { "zero-width pluralize", "{% for i in list %}{{ i | pluralize: big }}{% endfor %}" },
    };

    [Theory]
    [MemberData(nameof(Bombs))]
    public void Bomb_ends_in_a_typed_error_within_its_memory(string name, string source)
    {
        Assert.NotEmpty(name);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<TemplateException>(
            () => Template.Parse(source).Render(Data, new RenderOptions { Partials = Partials }));
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Contains(error.Code, (string[])[TemplateErrors.OverBudget, TemplateErrors.UnclosedBlock, TemplateErrors.Syntax, TemplateErrors.Argument]);
        Assert.True(error.Line >= 1 && error.Column >= 1);
        Assert.True(allocated < MostBytes, $"{allocated} bytes were allocated");
    }

    [Theory]
    [InlineData("Steps", "{% for i in (1..100) %}{% for j in (1..100) %}{% for k in (1..100) %}x{% endfor %}{% endfor %}{% endfor %}")]
    [InlineData("Items", "x\n{% for i in (1..10001) %}{% endfor %}")]
    [InlineData("StringLength", "{% assign a = 'xxxxxxxx' %}{% for i in (1..40) %}{% assign a = a | append: a %}{% endfor %}")]
    [InlineData("StringLength", "{% assign a = 'xxxxxxxx' %}{% for i in (1..40) %}{% assign a = a | replace: 'x', 'xx' %}{% endfor %}")]
    [InlineData("StringLength", "{% capture a %}{% for i in (1..9000) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}{% endcapture %}")]
    [InlineData("StringBytes", "{% capture a %}{% for i in (1..5000) %}xxxxxxxxxx{% endfor %}{% endcapture %}{% for i in (1..50) %}{% assign b = a | append: 'x' %}{% endfor %}")]
    [InlineData("StringBytes", "{% for i in (1..200) %}{% assign a = list | sort %}{% endfor %}")]
    [InlineData("StringBytes", "{% for i in (1..200) %}{% for j in json limit: 1 %}{% endfor %}{% endfor %}")]
    [InlineData("StringBytes", "{% for i in list %}{% if row.text %}{% endif %}{% endfor %}{% for i in list %}{% if row.text %}{% endif %}{% endfor %}")]
    [InlineData("OutputBytes", "{% for i in (1..10000) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}")]
    [InlineData("PartialDepth", "{% include 'self' %}")]
    public void Error_names_the_budget(string budget, string source)
    {
        var error = Assert.Throws<TemplateException>(() => Template.Parse(source).Render(Data, new RenderOptions { Partials = Partials }));
        Assert.Equal((TemplateErrors.OverBudget, budget), (error.Code, error.Budget));
    }

    [Fact]
    public void Nothing_is_written_when_a_rendering_fails()
    {
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        var template = Template.Parse("Dear {{ 'x' }}, {{ 1 | divided_by: 0 }}");
        Assert.Throws<TemplateException>(() => template.Render(Data, output, default));
        Assert.Equal(0, output.WrittenCount);
    }

    [Fact]
    public void Time_is_a_budget_too()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider { AutoAdvanceAmount = TimeSpan.FromMilliseconds(100) };
        var template = Template.Parse("{% for i in (1..9000) %}{{ i }}{% endfor %}");
        var error = Assert.Throws<TemplateException>(() => template.Render(Data, new RenderOptions { Clock = clock }));
        Assert.Equal("Time", error.Budget);
    }

    [Fact]
    public async Task Cancellation_ends_a_rendering()
    {
        using var cancellation = new CancellationTokenSource();
        await cancellation.CancelAsync();
        var template = Template.Parse("x");
        Assert.Throws<OperationCanceledException>(() => template.Render(Data, new RenderOptions { CancellationToken = cancellation.Token }));
    }

    [Fact]
    public void Nesting_up_to_the_limit_is_fine()
    {
        var source = Repeat("{% if true %}", 64) + "x" + Repeat("{% endif %}", 64);
        Assert.Equal("x", Template.Parse(source).Render(Data));
    }

    [Fact]
    public void Renderer_is_clean_after_an_error()
    {
        Assert.Throws<TemplateException>(() => Template.Parse("{% assign a = 1 %}{% for i in (1..2) %}{% render 'fails' %}{% endfor %}").Render(Data, new RenderOptions { Partials = Partials }));
        Assert.Equal("[]", Template.Parse("[{{ a }}{{ i }}{{ forloop.index }}{{ b }}]").Render(Data));
    }

    private static DictionaryPartials Partials { get; } = new(new Dictionary<string, string>
    {
        ["self"] = "{% if true %}{% include 'self' %}{% endif %}",
        ["double"] = "{% include 'double' %}{% include 'double' %}",
        ["fails"] = "{% assign b = 2 %}{% increment a %}{{ 1 | modulo: 0 }}",
    });

    private static string Repeat(string text, int count) => new StringBuilder(text.Length * count).Insert(0, text, count).ToString();

    private static List<object?> Cycle()
    {
        var list = new List<object?>();
        list.Add(list);
        return list;
    }
}
