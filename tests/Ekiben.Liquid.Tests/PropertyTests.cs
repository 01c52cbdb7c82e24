using System.Globalization;
using System.Text;
using CsCheck;

namespace Ekiben.Liquid.Tests;

/// <summary>What holds for every template, tried on random and mutated ones.</summary>
public sealed class PropertyTests
{
    private const long Templates = 200_000;

    private static readonly string[] Pieces =
    [
        "{{", "}}", "{%", "%}", "{%-", "-%}", "{{-", "-}}", " ", "\n", "\r\n", "|", ":", ",", ".", "..", "[", "]", "(", ")", "'", "\"", "::",
        "if", "elsif", "else", "endif", "unless", "endunless", "case", "when", "endcase", "for", "in", "endfor", "reversed", "limit:", "offset:",
        "continue", "break", "tablerow", "endtablerow", "cols:", "assign", "=", "capture", "endcapture", "raw", "endraw", "comment", "endcomment",
        "doc", "enddoc", "liquid", "echo", "cycle", "increment", "decrement", "ifchanged", "endifchanged", "render", "include", "with", "as", "#",
        "link", "btn", "img", "audio", "greeting", "formatted_name", "gravatar", "promo", "fetch", "and", "or", "contains", "==", "!=", "<", ">",
        "blank", "empty", "nil", "true", "a", "b.c", "list", "forloop.index", "1", "-2", "3.5", "(1..3)", "date", "'%Y'", "default", "split", "join",
        "sort", "replace", "append", "truncate", "slice", "times", "divided_by", "where", "map", "escape", "lottery", "text", "é", "😀", "\ud800", "\0",
    ];

    private static readonly string[] Seeds =
    [
        "{% if a == 'b' and list contains 1 %}{{ a | upcase | default: 'x' }}{% elsif b.c %}y{% else %}z{% endif %}",
        "{% for i in list limit:2 offset:1 %}{{ forloop.index }}{{ i | plus: 1 | times: 2.5 }}{% unless forloop.last %},{% endunless %}{% else %}none{% endfor %}",
        "{%- assign x = 'a,b,c' | split: ',' | sort | reverse -%} {{ x | join: '-' | truncate: 4, '…' }} {{ x[0] }}{{ x.last }}",
        "{% case a %}{% when 1, 2 %}one{% when 'b' or blank %}two{% else %}{% capture y %}{{ a }}{% endcapture %}{{ y | size }}{% endcase %}",
        "{% liquid\n  assign n = 3\n  for i in (1..n)\n    echo i\n  endfor\n  # comment\n%}{% comment %} {% raw %} {% endraw %} {% endcomment %}{% raw %}{{ x }}{% endraw %}",
        "{% btn {{ b.c }} :: Don't miss {{ a }} :: #fff %}{% link https://x/?a=1&b=2 :: {% if a %}y{% endif %} %}{% img u :: c, i, alt, 1, 2 %}",
        "{{ '2026-03-14 10:20' | date: '%-d %b %Y %3N %z' }}{{ 12.345 | round: 2 | money }}{{ list | where: 'n', 1 | map: 'n' | sum }}",
        "{% tablerow i in (1..4) cols:2 %}{% cycle 'a', 'b' %}{% increment c %}{% ifchanged %}{{ i }}{% endifchanged %}{% endtablerow %}",
    ];

    private static readonly Dictionary<string, object?> Data = new()
    {
        ["a"] = "b",
        ["b"] = new Dictionary<string, object?> { ["c"] = "d<&>" },
        ["list"] = new List<object?> { 1, 2.5, "x", null, new Dictionary<string, object?> { ["n"] = 1 } },
    };

    private static readonly TemplateLimits Tight = new() { Steps = 5_000, OutputBytes = 20_000, StringBytes = 100_000, Items = 1_000 };

    private static readonly Gen<string> Pieced = Gen.OneOf(Pieces).Array[0, 40].Select(string.Concat);

    private static readonly Gen<string> Noise = Gen.String[0, 200];

    private static readonly Gen<string> Mutated = Gen.Select(
        Gen.OneOf(Seeds), Gen.Select(Gen.Int[0, 200], Gen.Int[0, 12], Gen.OneOf(Pieces)).Array[1, 6], static (seed, edits) =>
        {
            foreach (var (at, cut, piece) in edits)
            {
                var start = Math.Min(at, seed.Length);
                seed = string.Concat(seed.AsSpan(0, start), piece, seed.AsSpan(Math.Min(seed.Length, start + cut)));
            }

            return seed;
        });

    [Fact]
    public void Parsing_ends_in_a_template_or_a_typed_error_and_rendering_stays_in_budget() =>
        Gen.Frequency((3, Mutated), (2, Pieced), (1, Noise)).Sample(CheckTemplate, iter: Templates, threads: 1);

    [Fact]
    public void Any_bytes_are_text_or_an_error() =>
        Gen.Byte.Array[0, 300].Sample(bytes => CheckTemplate(Encoding.UTF8.GetString(bytes)), iter: 20_000, threads: 1);

    [Fact]
    public void Text_without_delimiters_renders_as_itself() => Gen.String[0, 100].Where(text => !text.Contains('{')).Sample(
        text => Template.Parse(text).Render(Data) == Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)), iter: 20_000, threads: 1);

    [Fact]
    public void Whitespace_is_trimmed_only_where_a_hyphen_asks()
    {
        var space = Gen.OneOf(' ', '\t', '\n', '\r').Array[0, 5].Select(characters => new string(characters));
        Gen.Select(space, space, Gen.Bool, Gen.Bool).Sample(
            (left, right, trimsLeft, trimsRight) =>
            {
                var (open, close) = (trimsLeft ? "-" : "", trimsRight ? "-" : "");
                var expected = $"a{(trimsLeft ? "" : left)}x{(trimsRight ? "" : right)}b";
                Assert.Equal(expected, Template.Parse($"a{left}{{{{{open} 'x' {close}}}}}{right}b").Render(Data));
                Assert.Equal(expected, Template.Parse($"a{left}{{%{open} echo 'x' {close}%}}{right}b").Render(Data));
            },
            iter: 5_000,
            threads: 1);
    }

    [Fact]
    public void Floats_print_so_that_they_read_back() => Gen.Double.Where(double.IsFinite).Sample(
        number =>
        {
            var printed = Template.Parse("{{ n }}").Render(new Dictionary<string, object?> { ["n"] = number });
            Assert.Equal(number, double.Parse(printed, NumberStyles.Float, CultureInfo.InvariantCulture));
            Assert.Contains('.', printed);
            var magnitude = Math.Abs(number);
            Assert.Equal(magnitude != 0 && magnitude is < 1e-4 or >= 1e16, printed.Contains('e', StringComparison.Ordinal));
        },
        iter: 50_000,
        threads: 1);

    [Fact]
    public void Integers_divide_downwards_and_leave_their_remainder() => Gen.Select(Gen.Long, Gen.Long.Where(divisor => divisor != 0)).Sample(
        (number, divisor) =>
        {
            var data = new Dictionary<string, object?> { ["n"] = number, ["d"] = divisor };
            var quotient = decimal.Floor((decimal)number / divisor);
            var remainder = (Int128)number - ((Int128)FloorDivide(number, divisor) * divisor);
            Assert.Equal(FloorDivide(number, divisor).ToString(CultureInfo.InvariantCulture), Template.Parse("{{ n | divided_by: d }}").Render(data));
            Assert.Equal(remainder.ToString(CultureInfo.InvariantCulture), Template.Parse("{{ n | modulo: d }}").Render(data));
            Assert.True(Math.Abs(quotient - (decimal)FloorDivide(number, divisor)) <= 1);
        },
        iter: 20_000,
        threads: 1);

    [Fact]
    public void Sort_is_stable_and_complete() => Gen.Int[0, 9].Array[0, 50].Sample(
        numbers =>
        {
            var items = numbers.Select((number, index) => (object?)new Dictionary<string, object?> { ["k"] = number, ["at"] = index }).ToList();
            var sorted = Template.Parse("{{ items | sort: 'k' | map: 'at' | join: ',' }}").Render(new Dictionary<string, object?> { ["items"] = items });
            Assert.Equal(string.Join(',', numbers.Select((number, index) => (number, index)).OrderBy(pair => pair.number).Select(pair => pair.index)), sorted);
        },
        iter: 5_000,
        threads: 1);

    [Fact]
    public void Truncation_is_never_longer_than_asked_and_keeps_characters_whole() => Gen.Select(Gen.String[0, 40], Gen.Int[3, 30]).Sample(
        (text, length) =>
        {
            var data = new Dictionary<string, object?> { ["t"] = text, ["n"] = length };
            var rendered = Template.Parse("{{ t | truncate: n }}").Render(data);
            Assert.True(rendered.EnumerateRunes().Count() <= Math.Max(length, 3));
        },
        iter: 20_000,
        threads: 1);

    [Fact]
    public void Url_encoding_reads_back() => Gen.String[0, 60].Sample(
        text =>
        {
            var whole = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            Assert.Equal(whole, Template.Parse("{{ t | url_encode | url_decode }}").Render(new Dictionary<string, object?> { ["t"] = whole }));
            Assert.Equal(whole, Template.Parse("{{ t | base64_encode | base64_decode }}").Render(new Dictionary<string, object?> { ["t"] = whole }));
        },
        iter: 20_000,
        threads: 1);

    private static Int128 FloorDivide(long number, long divisor)
    {
        var quotient = (Int128)number / divisor;
        var isBelow = (Int128)number % divisor != 0 && (number < 0) != (divisor < 0);
        return isBelow ? quotient - 1 : quotient;
    }

    private static void CheckTemplate(string source)
    {
        if (!Template.TryParse(source, null, out var template, out var error))
        {
            Assert.True(error.Line >= 1 && error.Column >= 1 && error.Code.Length > 0 && error.Message.Length > 0);
            return;
        }

        Assert.All(template.Variables, use => Assert.True(use.Line >= 1 && use.Column >= 1 && use.Path.Count > 0));
        try
        {
            var rendered = template.Render(Data, new RenderOptions { Limits = Tight });
            Assert.True(Encoding.UTF8.GetByteCount(rendered) <= Tight.OutputBytes);
        }
        catch (TemplateException failure)
        {
            Assert.True(failure.Line >= 1 && failure.Column >= 1);
        }
    }
}
