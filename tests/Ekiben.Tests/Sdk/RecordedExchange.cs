using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Ekiben.Tests.Sdk;

/// <summary>
/// One request as a client sends it, and what it reads of the answer. In a file, <c>&gt;</c> begins a line of the request (method and path, then
/// headers, then the body) and <c>&lt;</c> one of the answer: first the status, then <c>path = JSON</c> or <c>path kind</c>, where a kind is string,
/// number, bool, list, object, null, empty or present. <c>{site}</c>, <c>{segment}</c>, <c>{sequence}</c>, <c>{number}</c> (the sequence's), <c>{step}</c> (its first),
/// <c>{layout}</c>, <c>{key}</c> (a client's user and password in base 64) and names given by <c>-&gt; name</c> stand for what the server made.
/// <c>[100 * {…}]</c> in a body is a list of a hundred, each with its own number from 1 for <c>{n}</c>. A blank line ends it, <c>#</c> begins a comment.
/// </summary>
internal sealed partial record RecordedExchange(
    string Client, string Method, string Path, IReadOnlyList<(string Name, string Value)> Headers, string? Body, int Status, IReadOnlyList<string> Expected)
{
    public static readonly string Folder = System.IO.Path.Combine(AppContext.BaseDirectory, "Sdk", "Exchanges");

    /// <summary>Those who have a file.</summary>
    public static IEnumerable<string> Clients => Directory.GetFiles(Folder, "*.txt").Select(file => System.IO.Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal);

    /// <summary>Method and path without the root of Bento's API, the query and a slash at the end: <c>GET fetch/tags</c>.</summary>
    public string Endpoint => $"{Method} {Path.Split('?')[0].Replace("/api/v1/", "", StringComparison.Ordinal).Trim('/')}";

    /// <summary>Whether this is what <paramref name="endpoint"/> names, where <c>:id</c> stands for any one part of a path.</summary>
    public bool IsOf(string endpoint)
    {
        var (there, asked) = (Endpoint.Split(' ', '/'), endpoint.Split(' ', '/'));
        return there.Length == asked.Length && there.Zip(asked).All(pair => pair.First == pair.Second || pair.Second[0] == ':');
    }

    /// <summary>Whether a line of the answer begins so.</summary>
    public bool Reads(string line) => Expected.Any(there => there.StartsWith(line, StringComparison.Ordinal));

    /// <summary>Whether the body has this text.</summary>
    public bool Sends(string text) => Body?.Contains(text, StringComparison.Ordinal) == true;

    public static IReadOnlyList<RecordedExchange> Read(string client)
    {
        var exchanges = new List<RecordedExchange>();
        var (request, answer) = (new List<string>(), new List<string>());
        foreach (var line in File.ReadAllLines(System.IO.Path.Combine(Folder, client + ".txt")).Append(""))
        {
            if (line.StartsWith("> ", StringComparison.Ordinal))
            {
                request.Add(line[2..]);
            }
            else if (line.StartsWith("< ", StringComparison.Ordinal))
            {
                answer.Add(line[2..]);
            }
            else if (line.Length == 0 && request.Count > 0)
            {
                exchanges.Add(Of(client, request, answer));
                (request, answer) = ([], []);
            }
            else
            {
                Assert.True(line.Length == 0 || line[0] == '#', $"{client}: what is “{line}”?");
            }
        }

        return exchanges;
    }

    /// <summary>The body with its repetitions written out; null when there is none.</summary>
    public string? WholeBody() => Body is null ? null : Repetition().Replace(
        Body,
        match => $"[{string.Join(',', Enumerable.Range(1, int.Parse(match.Groups["times"].Value, CultureInfo.InvariantCulture))
            .Select(n => match.Groups["item"].Value.Replace("{n}", n.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)))}]");

    /// <summary>Compares one line of what is expected with the answer. Null when it is so, else what is there.</summary>
    public static string? Differs(string path, string wanted, bool isValue, JsonElement answer)
    {
        var found = answer;
        foreach (var step in path.Split('.'))
        {
            var there = found.ValueKind switch
            {
                JsonValueKind.Object when found.TryGetProperty(step, out var field) => field,
                JsonValueKind.Array when int.TryParse(step, CultureInfo.InvariantCulture, out var index) && index < found.GetArrayLength() => found[index],
                _ => (JsonElement?)null,
            };
            if (there is not { } next)
            {
                return "nothing";
            }

            found = next;
        }

        var holds = isValue ? JsonElement.DeepEquals(found, JsonDocument.Parse(wanted).RootElement) : wanted switch
        {
            "string" => found.ValueKind is JsonValueKind.String,
            "number" => found.ValueKind is JsonValueKind.Number,
            "bool" => found.ValueKind is JsonValueKind.True or JsonValueKind.False,
            "list" => found.ValueKind is JsonValueKind.Array,
            "object" => found.ValueKind is JsonValueKind.Object,
            "null" => found.ValueKind is JsonValueKind.Null,
            "empty" => found.ValueKind is JsonValueKind.Array && found.GetArrayLength() == 0,
            "present" => true,
            _ => throw new InvalidOperationException($"there is no kind {wanted}"),
        };
        return holds ? null : found.GetRawText();
    }

    private static RecordedExchange Of(string client, List<string> request, List<string> answer)
    {
        var first = request[0].Split(' ');
        var headers = request.Skip(1).TakeWhile(line => Header().IsMatch(line)).Select(line => line.Split(": ", 2)).Select(parts => (parts[0], parts[1])).ToList();
        Assert.True(request.Count <= 2 + headers.Count, $"{client}: {request[0]} has a body of more than one line");
        return new RecordedExchange(
            client, first[0], first[1], headers, request.Skip(1 + headers.Count).FirstOrDefault(), int.Parse(answer[0], CultureInfo.InvariantCulture), answer[1..]);
    }

    [GeneratedRegex("^[A-Z][A-Za-z-]*: ")]
    private static partial Regex Header();

    [GeneratedRegex(@"\[(?<times>\d+) \* (?<item>\{[^\]]*\})\]")]
    private static partial Regex Repetition();
}
