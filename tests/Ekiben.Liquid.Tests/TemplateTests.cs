using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Ekiben.Liquid.Tests;

public sealed class TemplateTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("{{ x | nosuch }}", TemplateErrors.UnknownFilter, 1, 8, "{{ x | nosuch }}")]
    [InlineData("Dear you,\n\n  {% if %}\n", TemplateErrors.Syntax, 3, 9, "{% if %}")]
    [InlineData("{% if a %}\n{% for b in c %}", TemplateErrors.UnclosedBlock, 2, 1, "{% for b in c %}")]
    public void Error_tells_line_column_and_excerpt(string source, string code, int line, int column, string excerpt)
    {
        Assert.False(Template.TryParse(source, null, out var template, out var error));
        Assert.Null(template);
        Assert.Equal((code, line, column, excerpt), (error.Code, error.Line, error.Column, error.Excerpt));
    }

    [Fact]
    public void Render_error_tells_the_filter_that_failed()
    {
        var error = Assert.Throws<TemplateException>(() => Template.Parse("a\n{{ 1 | plus: 2 | divided_by: 0 }}").Render(Empty));
        Assert.Equal((TemplateErrors.DivisionByZero, 2, 18), (error.Code, error.Line, error.Column));
    }

    [Fact]
    public void Error_in_a_partial_names_it()
    {
        var partials = new DictionaryPartials(new Dictionary<string, string> { ["p"] = "\n{{ 1 | modulo: 0 }}", ["q"] = "\n{% if %}" });
        var error = Assert.Throws<TemplateException>(() => Template.Parse("{% include 'p' %}").Render(Empty, new RenderOptions { Partials = partials }));
        Assert.Equal(("p", 2, 8), (error.Partial, error.Line, error.Column));
        error = Assert.Throws<TemplateException>(() => Template.Parse("{% include 'q' %}").Render(Empty, new RenderOptions { Partials = partials }));
        Assert.Equal(("q", 2), (error.Partial, error.Line));
    }

    [Fact]
    public void Host_values_of_every_plain_type_are_read()
    {
        using var json = JsonDocument.Parse("{\"a\":[1,2.5,\"x\",true,null,{\"b\":1e2}],\"big\":12345678901234567890}");
        var data = new Dictionary<string, object?>
        {
            ["int"] = 1,
            ["byte"] = (byte)2,
            ["ulong"] = ulong.MaxValue,
            ["float"] = 1.5f,
            ["decimal"] = 12.50m,
            ["time"] = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.FromHours(2)),
            ["utc"] = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc),
            ["day"] = new DateOnly(2026, 1, 2),
            ["array"] = new[] { "a", "b" },
            ["ints"] = new[] { 1, 2 },
            ["strings"] = new Dictionary<string, string> { ["k"] = "v" },
            ["json"] = json.RootElement,
            ["object"] = new Drop(),
        };
        var source = "{{ int }} {{ byte }} {{ ulong }} {{ float }} {{ decimal }} {{ time }} {{ utc }} {{ day }} {{ array }} {{ ints }} "
            + "{{ strings.k }} {{ json.a | join: ',' }} {{ json.big }} {{ object.name }}{{ object.missing }}{{ object }}";
        Assert.Equal(
            "1 2 18446744073709551615 1.5 12.50 2026-01-02 03:04:05 +0200 2026-01-02 03:04:05 UTC 2026-01-02 ab 12 v 1,2.5,x,true,,{\"b\"=>100.0} 12345678901234567890 drop",
            Template.Parse(source).Render(data));
    }

    [Fact]
    public void Root_may_be_an_object() => Assert.Equal("drop", Template.Parse("{{ name }}").Render(new Drop()));

    [Fact]
    public void Dates_of_the_host_are_compared_and_formatted()
    {
        var data = new Dictionary<string, object?> { ["a"] = new DateOnly(2026, 1, 2), ["b"] = new DateTimeOffset(2026, 1, 2, 3, 0, 0, TimeSpan.Zero) };
        Assert.Equal("yes 02.01.2026", Template.Parse("{% if a < b %}yes{% endif %} {{ a | date: '%d.%m.%Y' }}").Render(data));
    }

    [Fact]
    public void Time_zone_of_the_rendering_is_used()
    {
        var options = new RenderOptions { Now = Now, TimeZone = TimeZoneInfo.FindSystemTimeZoneById("America/New_York") };
        Assert.Equal("07:00 -0500 20:00", Template.Parse("{{ 'now' | date: '%H:%M %z' }} {{ '2026-11-24T01:00:00Z' | in_time_zone: 'America/New_York' | date: '%H:%M' }}").Render(Empty, options));
        Assert.Equal("00:00 -0500", Template.Parse("{{ '2026-11-24' | date: '%H:%M %z' }}").Render(Empty, options));
    }

    [Fact]
    public void Lottery_is_decided_by_the_seed()
    {
        var data = new Dictionary<string, object?> { ["prizes"] = Enumerable.Range(0, 10).Select(number => $"p{number}").ToArray() };
        var template = Template.Parse("{{ prizes | lottery }}");
        string Draw(ulong seed) => template.Render(data, new RenderOptions { Seed = seed });
        Assert.Equal(Draw(7), Draw(7));
        Assert.Equal(10, Enumerable.Range(0, 1_000).Select(seed => Draw((ulong)seed)).Distinct().Count());
    }

    [Fact]
    public void Two_draws_of_one_rendering_are_independent()
    {
        var data = new Dictionary<string, object?> { ["prizes"] = new[] { "a", "b" } };
        var template = Template.Parse("{{ prizes | lottery }}{{ prizes | lottery }}");
        Assert.Equal(4, Enumerable.Range(0, 100).Select(seed => template.Render(data, new RenderOptions { Seed = (ulong)seed })).Distinct().Count());
    }

    [Fact]
    public void One_template_serves_many_threads()
    {
        var template = Template.Parse("{% assign x = n | times: 2 %}{% for i in (1..5) %}{% increment c %}{{ x }}{% cycle 'a', 'b' %}{% endfor %}");
        Parallel.For(0, 2_000, number =>
        {
            var x = number * 2;
            Assert.Equal($"0{x}a1{x}b2{x}a3{x}b4{x}a", template.Render(new Dictionary<string, object?> { ["n"] = number }));
        });
    }

    [Fact]
    public void Host_object_may_render_while_it_is_read()
    {
        var inner = Template.Parse("{% assign a = 2 %}{{ a }}");
        var data = new Nested(inner);
        Assert.Equal("1 2 1", Template.Parse("{% assign a = 1 %}{{ a }} {{ inner }} {{ a }}").Render(data));
    }

    [Fact]
    public void Straight_path_allocates_nothing()
    {
        var data = new Dictionary<string, object?>
        {
            ["visitor"] = new Dictionary<string, object?> { ["first_name"] = "Ada", ["plan"] = "pro", ["count"] = 3, ["score"] = 1.5 },
            ["items"] = new List<object?> { "a", "b", "c" },
        };
        var template = Template.Parse(
            "Dear {{ visitor.first_name | default: 'friend' }}, {% if visitor.plan == 'pro' and visitor.count > 2 %}thanks{% else %}hi{% endif %} "
            + "{% for item in items %}{{ forloop.index }}{{ item }}{% unless forloop.last %}, {% endunless %}{% endfor %}"
            + "{{ visitor.first_name | capitalize }}{{ visitor.count }}{{ visitor.score }}{{ items | size }}{% assign x = visitor.count %}{{ x }}"
            + "{% for i in (1..3) %}{{ i }}{% endfor %}{% case visitor.plan %}{% when 'pro' %}P{% endcase %}");
        var output = new ArrayBufferWriter<byte>(4096);
        long allocated = 0;
        for (var round = 0; round < 3; round++)
        {
            output.ResetWrittenCount();
            var before = GC.GetAllocatedBytesForCurrentThread();
            template.Render(data, output, default);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal("Dear Ada, thanks 1a, 2b, 3cAda31.533123P", Encoding.UTF8.GetString(output.WrittenSpan));
        Assert.Equal(0, allocated);
    }

    [Theory]
    [InlineData("{\"template\":\"Hi {{ n }}\",\"data\":{\"n\":\"A\"}}", "{\"output\":\"Hi A\"}")]
    [InlineData("{\"template\":\"{% render 'p' %}\",\"partials\":{\"p\":\"P\"}}", "{\"output\":\"P\"}")]
    [InlineData("{\"template\":\"{{ x | no }}\"}", "{\"error\":{\"line\":1,\"column\":8,\"code\":\"unknown_filter\",\"message\":\"There is no filter 'no'\",\"excerpt\":\"{{ x | no }}\"}}")]
    [InlineData("{\"data\":{}}", "{\"error\":{\"line\":0,\"column\":0,\"code\":\"input\",\"message\":\"The line needs a string \\\"template\\\"\",\"excerpt\":\"\"}}")]
    public void Line_of_json_is_rendered(string line, string expected) => Assert.Equal(expected, TemplateLine.Render(line, default));

    [Fact]
    public void Half_a_surrogate_pair_in_json_is_replaced() => Assert.Equal(
        "{\"output\":\"\uFFFDa\\n\uFFFD1\"}",
        TemplateLine.Render("{\"template\":\"\\ud800{{ m.t }}{{ m.k }}\",\"data\":{\"m\":{\"\\udc00\":0,\"t\":\"a\\n\\udfff\",\"k\":1}}}", default));

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("[]")]
    public void Line_that_is_no_json_object_is_an_answer_too(string line)
    {
        using var answer = JsonDocument.Parse(TemplateLine.Render(line, default));
        Assert.True(answer.RootElement.TryGetProperty("error", out _));
    }

    private static readonly Dictionary<string, object?> Empty = [];

    private sealed class Drop : ITemplateObject
    {
        public bool TryGet(string name, out object? value)
        {
            value = name == "name" ? "drop" : null;
            return name == "name";
        }
    }

    private sealed class Nested(Template inner) : ITemplateObject
    {
        public bool TryGet(string name, out object? value)
        {
            value = name == "inner" ? inner.Render(Empty) : null;
            return name == "inner";
        }
    }
}
