using System.Text.Json;

namespace Ekiben.Liquid.Tests;

/// <summary>
/// The language-neutral conformance suite golden-liquid, whose cases all pass on Shopify/liquid 5.12. It is not part of this
/// repository: EKIBEN_GOLDEN_LIQUID names its file.
/// </summary>
public sealed class GoldenSuite(ITestOutputHelper output)
{
    private const string Variable = "EKIBEN_GOLDEN_LIQUID";

    [Fact]
    public void Cases_without_partials_pass_at_least_98_in_100() => AssertPasses(withPartials: false, least: 98);

    [Fact]
    public void Cases_with_partials_pass_at_least_95_in_100() => AssertPasses(withPartials: true, least: 95);

    private void AssertPasses(bool withPartials, int least)
    {
        var path = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(path), $"{Variable} does not name a golden_liquid.json");
        using var document = JsonDocument.Parse(File.ReadAllBytes(path!));
        var (passed, count) = (0, 0);
        foreach (var test in document.RootElement.GetProperty("tests").EnumerateArray())
        {
            if (test.TryGetProperty("templates", out _) != withPartials)
            {
                continue;
            }

            count++;
            var failure = GoldenCase.Failure(test);
            passed += failure is null ? 1 : 0;
            if (failure is not null)
            {
                output.WriteLine($"{test.GetProperty("name").GetString()}: {failure}");
            }
        }

        // On the console, where ./test shows it.
        Console.Out.WriteLine($"golden-liquid, {(withPartials ? "with" : "without")} partials: {passed} of {count} pass");
        Assert.True(passed * 100 >= count * least, $"{passed} of {count} pass");
    }
}

internal static class GoldenCase
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

    /// <summary>Why the case fails, or null when it passes.</summary>
    public static string? Failure(JsonElement test)
    {
        var isInvalid = test.TryGetProperty("invalid", out var flag) && flag.GetBoolean();
        string rendered;
        try
        {
            rendered = Render(test);
        }
        catch (TemplateException error)
        {
            return isInvalid ? null : $"error {error.Code} at {error.Line}:{error.Column}: {error.Message}";
        }

        if (isInvalid)
        {
            return $"no error but '{rendered}'";
        }

        var expected = test.TryGetProperty("results", out var results)
            ? results.EnumerateArray().Select(result => result.GetString()!).ToArray()
            : [test.GetProperty("result").GetString()!];
        return expected.Contains(rendered) ? null : $"'{rendered}' instead of '{string.Join("' or '", expected)}'";
    }

    private static string Render(JsonElement test)
    {
        var data = test.TryGetProperty("data", out var json)
            ? json.EnumerateObject().ToDictionary(property => property.Name, object? (property) => property.Value)
            : [];
        var partials = test.TryGetProperty("templates", out var templates)
            ? new DictionaryPartials(templates.EnumerateObject().ToDictionary(property => property.Name, property => property.Value.GetString()!))
            : null;
        return Template.Parse(test.GetProperty("template").GetString()!).Render(data, new RenderOptions { Now = Now, Partials = partials });
    }
}

internal sealed class DictionaryPartials(IReadOnlyDictionary<string, string> sources) : ITemplatePartials
{
    public Template? Find(string name) => sources.TryGetValue(name, out var source) ? Template.Parse(source) : null;
}
