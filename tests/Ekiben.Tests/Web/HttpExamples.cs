using System.Text.Json;
using System.Text.RegularExpressions;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Web;

/// <summary>One request of <c>docs/api/requests.http</c>; variables are not yet filled in.</summary>
internal sealed record HttpExample(string? Name, string Method, string Path, string? ContentType, string? Body)
{
    /// <summary>The path alone, without what an earlier answer gives: a route's pattern is compared with it.</summary>
    public string Route => Path.Split('?')[0];
}

/// <summary>Reads <c>docs/api/requests.http</c> as editors read it: requests between <c>###</c>, named by <c># @name</c>, headers, a blank line, a body.</summary>
internal static partial class HttpExamples
{
    private const string Host = "{{host}}";

    public static IReadOnlyList<HttpExample> Read() =>
    [
        .. File.ReadAllText(System.IO.Path.Combine(EkibenProcess.Root, "docs", "api", "requests.http"))
            .Split("\n###", StringSplitOptions.None).Skip(1).Select(Parse),
    ];

    /// <summary>The text with the site and the ids of earlier answers in the place of their variables; others, such as a template's own, stay.</summary>
    public static string Fill(string text, string site, IReadOnlyDictionary<string, JsonElement> answers) =>
        Variable().Replace(text.Replace("{{site}}", site, StringComparison.Ordinal), match => answers.TryGetValue(match.Groups["name"].Value, out var answer)
            ? Found(answer, match.Groups["path"].Value).ToString()
            : throw new InvalidOperationException($"no request before is named {match.Groups["name"].Value}"));

    private static HttpExample Parse(string text)
    {
        var lines = text.Split('\n');
        var name = lines.Select(line => line.Trim()).FirstOrDefault(line => line.StartsWith("# @name ", StringComparison.Ordinal))?["# @name ".Length..];
        var first = Array.FindIndex(lines, line => line.Contains(' ' + Host, StringComparison.Ordinal));
        var request = lines[first].Split(' ', 2);
        var blank = Array.FindIndex(lines, first, string.IsNullOrWhiteSpace);
        var type = lines[first..blank].FirstOrDefault(line => line.StartsWith("Content-Type: ", StringComparison.Ordinal))?["Content-Type: ".Length..];
        var body = string.Join('\n', lines[blank..]).Trim();
        return new HttpExample(name, request[0], request[1].Trim()[Host.Length..], type, body.Length == 0 ? null : body);
    }

    private static JsonElement Found(JsonElement value, string path)
    {
        foreach (var step in Step().Matches(path).Select(match => match.Value))
        {
            value = step[0] == '[' ? value[int.Parse(step[1..^1], System.Globalization.CultureInfo.InvariantCulture)] : value.GetProperty(step[1..]);
        }

        return value;
    }

    [GeneratedRegex(@"\{\{(?<name>\w+)\.response\.body\.\$(?<path>[^}]*)\}\}")]
    private static partial Regex Variable();

    [GeneratedRegex(@"\[\d+\]|\.\w+")]
    private static partial Regex Step();
}
