using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Ekiben.Liquid.Tests;

/// <summary>
/// Our own cases, one a line in Cases/*.txt: <c>template => output</c> or <c>template =! code line:column</c>, where \n, \r and
/// \t stand for themselves. <c>data:</c> and <c>partial:</c> lines hold for what follows.
/// </summary>
public sealed class CaseTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

    private static readonly List<LanguageCase> Cases = Read();

    public static TheoryData<string, int> Lines => [.. Cases.Select(item => new TheoryDataRow<string, int>(item.File, item.Line) { TestDisplayName = $"{item.File}:{item.Line} {item.Template}" })];

    [Fact]
    public void There_are_at_least_600_cases() => Assert.True(Cases.Count >= 600, $"{Cases.Count} cases");

    [Theory]
    [MemberData(nameof(Lines))]
    public void Case_renders_as_written(string file, int line)
    {
        var item = Cases.Single(other => other.File == file && other.Line == line);
        Assert.Equal(item.Expected, item.Error ? Fail(item) : Render(item));
    }

    private static string Render(LanguageCase item)
    {
        using var document = JsonDocument.Parse(item.Data);
        var data = document.RootElement.EnumerateObject().ToDictionary(property => property.Name, object? (property) => property.Value);
        return Template.Parse(item.Template).Render(data, new RenderOptions { Now = Now, Partials = new DictionaryPartials(item.Partials) });
    }

    private static string Fail(LanguageCase item)
    {
        var error = Assert.Throws<TemplateException>(() => Render(item));
        var position = string.Create(CultureInfo.InvariantCulture, $"{error.Code} {error.Line}:{error.Column}");
        return item.Expected.Contains(':', StringComparison.Ordinal) ? position : error.Code;
    }

    private static List<LanguageCase> Read()
    {
        var cases = new List<LanguageCase>();
        foreach (var path in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Cases"), "*.txt").Order(StringComparer.Ordinal))
        {
            var (data, partials, number) = ("{}", new Dictionary<string, string>(), 0);
            foreach (var line in File.ReadLines(path))
            {
                number++;
                if (line.StartsWith("data: ", StringComparison.Ordinal))
                {
                    data = line["data: ".Length..];
                }
                else if (line.StartsWith("partial: ", StringComparison.Ordinal))
                {
                    var at = line.IndexOf(" = ", StringComparison.Ordinal);
                    partials[line["partial: ".Length..at]] = line[(at + 3)..];
                }
                else if (line.Length > 0)
                {
                    cases.Add(Parse(Path.GetFileName(path), number, line, data, partials));
                }
            }
        }

        return cases;
    }

    private static LanguageCase Parse(string file, int number, string line, string data, Dictionary<string, string> partials)
    {
        var fails = line.LastIndexOf(" =! ", StringComparison.Ordinal);
        var arrow = fails >= 0 ? fails : line.LastIndexOf(" =>", StringComparison.Ordinal);
        var expected = fails >= 0 ? line[(fails + 4)..] : line[Math.Min(line.Length, arrow + 4)..];
        return new LanguageCase(file, number, Unescape(line[..arrow]), Unescape(expected), fails >= 0, data, partials);
    }

    private static string Unescape(string text) => new StringBuilder(text).Replace("\\n", "\n").Replace("\\r", "\r").Replace("\\t", "\t").ToString();

    private sealed record LanguageCase(string File, int Line, string Template, string Expected, bool Error, string Data, Dictionary<string, string> Partials);
}
