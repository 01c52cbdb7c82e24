using System.Text.Json;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Commands;

public sealed class RenderTests : IDisposable
{
    private static readonly Dictionary<string, string?> NoVariables = [];

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    private static Task<CommandRun> RenderAsync(string? input, params string[] arguments) =>
        EkibenProcess.RunAsync(NoVariables, input, Cancel, ["render", .. arguments]);

    private async Task<string> FileAsync(string name, string text)
    {
        await File.WriteAllTextAsync(_folder.File(name), text, Cancel);
        return _folder.File(name);
    }

    [Fact]
    public async Task A_template_is_printed_with_its_data_and_nothing_else()
    {
        var data = await FileAsync("data.json", """{"visitor":{"first_name":"Zoë"},"items":[1,2]}""");
        var template = await FileAsync("mail.liquid", "Hi {{ visitor.first_name }}!{% for i in items %} {{ i }}{% endfor %}");

        Assert.Equal("Hi Zoë! 1 2", (await RenderAsync(null, template, "--data", data)).Succeeded());
        Assert.Equal("Zoë", (await RenderAsync("{{ visitor.first_name }}", "-", "--data", data)).Succeeded());
        Assert.Equal("Hi !", (await RenderAsync(null, template)).Succeeded());
        Assert.False(File.Exists(_folder.File("ekiben.db")));
    }

    [Fact]
    public async Task An_error_is_told_with_line_column_and_excerpt()
    {
        var template = await FileAsync("mail.liquid", "first\n  {{ x | nosuch }}\n");
        var sentence = (await RenderAsync(null, template)).FailedWith(1);
        Assert.Contains("line 2, column ", sentence, StringComparison.Ordinal);
        Assert.Contains("nosuch", sentence, StringComparison.Ordinal);
        Assert.EndsWith("{{ x | nosuch }}", sentence, StringComparison.Ordinal);

        Assert.Contains("line 1, column ", (await RenderAsync("{% for i in (1..9999999) %}{% endfor %}", "-")).FailedWith(1), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_read_is_one_sentence()
    {
        var template = await FileAsync("mail.liquid", "x");
        Assert.Contains("cannot read", (await RenderAsync(null, _folder.File("none.liquid"))).FailedWith(1), StringComparison.Ordinal);
        Assert.Contains("cannot read", (await RenderAsync(null, template, "--data", _folder.File("none.json"))).FailedWith(1), StringComparison.Ordinal);
        Assert.Contains("cannot read", (await RenderAsync(null, _folder.Path)).FailedWith(1), StringComparison.Ordinal);
        Assert.Contains("is not valid JSON (line 2, ", (await RenderAsync(null, template, "--data", await FileAsync("bad.json", "{\n nonsense"))).FailedWith(1), StringComparison.Ordinal);
        Assert.Contains("must be a JSON object", (await RenderAsync(null, template, "--data", await FileAsync("list.json", "[1]"))).FailedWith(1), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Both_ways_at_once_or_neither_is_wrong_usage()
    {
        Assert.Contains("TEMPLATE", (await RenderAsync(null)).FailedWith(2), StringComparison.Ordinal);
        Assert.Contains("--lines takes everything from stdin", (await RenderAsync("", "mail.liquid", "--lines")).FailedWith(2), StringComparison.Ordinal);
        Assert.Contains("not both", (await RenderAsync("", "-", "--data", "-")).FailedWith(2), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_line_has_its_answer_and_a_bad_one_does_not_end_the_run()
    {
        var output = (await RenderAsync(
            """
            {"template":"Hi {{ name }}","data":{"name":"Ann"}}
            nonsense

            {"template":"a\n {{ x | nosuch }}"}
            {"template":"{% render 'p', x: 1 %}","data":{},"partials":{"p":"<{{ x }}>"}}
            {"data":{}}
            {"template":"last"}
            """,
            "--lines")).Succeeded();
        var answers = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();

        Assert.Equal(7, answers.Count);
        Assert.Equal("Hi Ann", answers[0].GetProperty("output").GetString());
        Assert.Equal("input", Error(1).GetProperty("code").GetString());
        Assert.Equal("input", Error(2).GetProperty("code").GetString());
        Assert.Equal((2, "unknown_filter"), (Error(3).GetProperty("line").GetInt32(), Error(3).GetProperty("code").GetString()));
        Assert.True(Error(3).GetProperty("column").GetInt32() > 1);
        Assert.Equal("<1>", answers[4].GetProperty("output").GetString());
        Assert.Equal("input", Error(5).GetProperty("code").GetString());
        Assert.Equal("last", answers[6].GetProperty("output").GetString());

        JsonElement Error(int index) => answers[index].GetProperty("error");
    }

    [Fact]
    public async Task No_lines_are_no_answers() => Assert.Equal("", (await RenderAsync("", "--lines")).Succeeded());
}
