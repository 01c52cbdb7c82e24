using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Ekiben.Liquid;

namespace Ekiben.Benchmarks.Liquid;

/// <summary>
/// Throws mutated templates at the engine for a while. Anything but a rendering or a <see cref="TemplateException"/> is a find,
/// and so is a template that takes more than a second of processor time. Templates that parse join the corpus and are mutated further.
/// </summary>
internal static class LiquidFuzz
{
    private const int CorpusLimit = 20_000;
    private const int LengthLimit = 3_000;
    private static readonly TimeSpan Slow = TimeSpan.FromSeconds(1);

    private static readonly string[] Tokens =
    [
        "{{", "}}", "{%", "%}", "-%}", "{%-", "{{-", "|", ":", ",", "::", ".", "..", "[", "]", "(", ")", "'", "\"", "#", "\n", " ", "=", "==", "<", ">=",
        " if ", " endif ", " for x in y ", " endfor ", "{% if a %}", "{% endif %}", "{% else %}", "{% elsif b %}", "{% for i in list %}", "{% endfor %}",
        "{% break %}", "{% continue %}", "{% raw %}", "{% endraw %}", "{% comment %}", "{% endcomment %}", "{% liquid\n", "{% case a %}", "{% when 1, 2 %}",
        "{% endcase %}", "{% capture c %}", "{% endcapture %}", "{% tablerow i in list cols:2 %}", "{% endtablerow %}", "{% cycle 1, 'a' %}", "{% increment n %}",
        "{% render 'p' %}", "{% include 'p' with list %}", "{% render 'p' for list as x %}", "{% btn {{ a }} :: b %}", "{% link a :: b %}", "{% img a :: b, c %}",
        "(1..5)", "(1..99999)", "limit:1", "offset:continue", "reversed", "1", "-1", "0", "1.5", "9223372036854775807", "nil", "blank", "empty", "true", "a", "list",
        "hash", "text", "forloop", "forloop.parentloop", "'now'", "%Y-%m-%dT%H:%M:%S%z", "%100000Y", "\0", "\ud800", "é", "😀",
    ];

    private static readonly string[] Filters =
    [
        "append: a", "prepend: 1", "capitalize", "downcase", "upcase", "strip", "lstrip", "rstrip", "strip_newlines", "squish", "split: ''", "split: ' '", "split: a",
        "replace: 'a', 'bb'", "replace: '', text", "replace_first: '', 'x'", "replace_last: 'a', 'x'", "remove: 'a'", "truncate: 3", "truncate: -5, '…'", "truncatewords: 2",
        "slice: 1, 2", "slice: -2", "escape", "escape_once", "newline_to_br", "strip_html", "url_encode", "url_decode", "base64_encode", "base64_decode",
        "base64_url_safe_decode", "abs", "ceil", "floor", "round: 2", "round: -30", "plus: 1.5", "minus: text", "times: 9223372036854775807", "divided_by: 3",
        "divided_by: 0.1", "modulo: -7", "at_least: 5", "at_most: '3'", "size", "first", "last", "join: a", "reverse", "concat: list", "map: 'n'", "map: 0", "compact: 'n'",
        "uniq", "uniq: 'n'", "sort", "sort: 'n'", "sort_natural", "where: 'n', 1", "reject: 'n'", "find: 'n', 1", "find_index: a", "has: 'n'", "sum: 'n'", "sum",
        "default: a", "default: 1, allow_false: true", "date: '%c %s %N %U %W %V %G'", "date: text", "raw", "pluralize: 'box'", "money", "money: '€', 12", "md5", "sha1",
        "lottery", "to_i", "in_time_zone: 'America/New_York'", "end_of_year", "days_until", "months_since", "years_until", "time_ago_in_words",
    ];

    public static int Run(TimeSpan duration)
    {
        var seed = (int)(Stopwatch.GetTimestamp() & int.MaxValue);
        var random = new Random(seed);
        var corpus = Corpus();
        var seen = corpus.ToHashSet(StringComparer.Ordinal);
        var (tried, parsed, rendered, overBudget) = (0L, 0L, 0L, 0L);
        var longest = TimeSpan.Zero;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {seed}, {corpus.Count} templates to start from"));
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < duration)
        {
            var source = Mutate(random, corpus);
            tried++;
            var began = Environment.CpuUsage.TotalTime;
            try
            {
                if (!Template.TryParse(source, null, out var template, out _))
                {
                    continue;
                }

                parsed++;
                _ = template.Variables.Count;
                if (corpus.Count < CorpusLimit && seen.Add(source))
                {
                    corpus.Add(source);
                }

                template.Render(Data, new RenderOptions { Partials = new Self(template), Seed = (ulong)tried, Now = DateTimeOffset.UnixEpoch });
                rendered++;
            }
            catch (TemplateException error)
            {
                overBudget += error.Code == TemplateErrors.OverBudget ? 1 : 0;
            }
            catch (Exception error)
            {
                Console.WriteLine($"FOUND {error.GetType().Name}: {error.Message}\n{error.StackTrace}\n{JsonSerializer.Serialize(source)}");
                return 1;
            }

            var took = Environment.CpuUsage.TotalTime - began;
            longest = took > longest ? took : longest;
            if (took > Slow)
            {
                Console.WriteLine($"FOUND slow, {took}: {JsonSerializer.Serialize(source)}");
                return 1;
            }
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{tried} tried, {parsed} parsed, {rendered} rendered, {overBudget} over budget, {corpus.Count} in the corpus, longest {longest.TotalMilliseconds:0} ms, nothing found"));
        return 0;
    }

    private static string Mutate(Random random, List<string> corpus)
    {
        var builder = new StringBuilder(corpus[random.Next(corpus.Count)]);
        for (var edits = random.Next(1, 6); edits > 0; edits--)
        {
            var at = random.Next(builder.Length + 1);
            switch (random.Next(7))
            {
                case 0:
                    builder.Insert(at, Tokens[random.Next(Tokens.Length)]);
                    break;
                case 1:
                    builder.Insert(at, " | " + Filters[random.Next(Filters.Length)]);
                    break;
                case 2:
                    builder.Insert(at, $"{{{{ {Root(random)} | {Filters[random.Next(Filters.Length)]} | {Filters[random.Next(Filters.Length)]} }}}}");
                    break;
                case 3:
                    builder.Remove(at, Math.Min(random.Next(1, 12), builder.Length - at));
                    break;
                case 4:
                    builder.Insert(at, (char)random.Next(random.Next(2) == 0 ? 128 : 0x10000));
                    break;
                case 5:
                    var other = corpus[random.Next(corpus.Count)];
                    var start = random.Next(other.Length + 1);
                    builder.Insert(at, other.AsSpan(start, random.Next(other.Length - start + 1)));
                    break;
                default:
                    builder.Insert(at, builder.ToString(at, Math.Min(random.Next(1, 30), builder.Length - at)));
                    break;
            }

            if (builder.Length > LengthLimit)
            {
                builder.Length = LengthLimit;
            }
        }

        return builder.ToString();
    }

    private static string Root(Random random) => ((string[])["a", "list", "hash", "text", "1.5", "-3", "'x y'", "(1..9)", "nil", "'2026-01-31 10:00'", "true", "big"])[random.Next(12)];

    private static List<string> Corpus()
    {
        var corpus = new List<string>
        {
            "{{ a }}", "{% if a == 'b' and list contains 1 or hash.k %}x{% elsif b %}y{% else %}z{% endif %}",
            "{% for i in list limit:2 offset:1 %}{{ forloop.index }}{{ i }}{% else %}none{% endfor %}",
            "{% assign x = 'a,b' | split: ',' %}{% capture y %}{{ x | join: '-' }}{% endcapture %}{{ y }}",
            "{% case a %}{% when 1, 2 %}one{% when 'b' or blank %}two{% else %}three{% endcase %}",
            "{% liquid\nfor i in (1..3)\necho i\nendfor\n%}{% raw %}{{ x }}{% endraw %}{% comment %}c{% endcomment %}{% # c %}",
            "{% btn {{ hash.k }} :: Don't {{ a }} :: #fff %}{% greeting %}{% gravatar %}{% promo a :: b %}",
            "{% tablerow i in (1..4) cols:2 %}{% cycle 'a', 'b' %}{% ifchanged %}{{ i }}{% endifchanged %}{% endtablerow %}",
        };
        if (Environment.GetEnvironmentVariable("EKIBEN_GOLDEN_LIQUID") is { Length: > 0 } path)
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            corpus.AddRange(document.RootElement.GetProperty("tests").EnumerateArray().Select(test => test.GetProperty("template").GetString()!));
        }

        return corpus;
    }

    private static readonly Dictionary<string, object?> Data = new()
    {
        ["a"] = "b",
        ["text"] = "One two\r\nthree <b>four</b> & 'five' 😀",
        ["big"] = new string('x', 20_000),
        ["list"] = new List<object?> { 3, 1.5, "x", null, true, new Dictionary<string, object?> { ["n"] = 1 }, new[] { 1, 2 } },
        ["hash"] = new Dictionary<string, object?> { ["k"] = "v", ["n"] = 2, ["list"] = new[] { "p", "q" } },
    };

    private sealed class Self(Template template) : ITemplatePartials
    {
        public Template? Find(string name) => name == "p" ? template : null;
    }
}
