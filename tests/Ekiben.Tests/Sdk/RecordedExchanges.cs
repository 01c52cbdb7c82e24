using System.Text.Json;

namespace Ekiben.Tests.Sdk;

/// <summary>
/// One request as an SDK sends it, and what it reads of the answer. In a file, <c>&gt;</c> begins a line of the request (method and path, then
/// headers, then the body) and <c>&lt;</c> one of the answer: first the status, then <c>path = JSON</c> or <c>path kind</c>, where a kind is string,
/// number, bool, list, object, null, empty or present. <c>{site}</c>, <c>{segment}</c>, <c>{sequence}</c> and names given by <c>-&gt; name</c>
/// stand for what the server made. A blank line ends it, <c>#</c> begins a comment.
/// </summary>
internal sealed record RecordedExchange(string Method, string Path, IReadOnlyList<(string Name, string Value)> Headers, string? Body, int Status, IReadOnlyList<string> Expected)
{
    public static readonly string Folder = System.IO.Path.Combine(AppContext.BaseDirectory, "Sdk", "Exchanges");

    public static IReadOnlyList<RecordedExchange> Read(string name)
    {
        var exchanges = new List<RecordedExchange>();
        var (request, answer) = (new List<string>(), new List<string>());
        foreach (var line in File.ReadAllLines(System.IO.Path.Combine(Folder, name + ".txt")).Append(""))
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
                exchanges.Add(Of(request, answer));
                (request, answer) = ([], []);
            }
            else
            {
                Assert.True(line.Length == 0 || line[0] == '#', $"{name}: what is “{line}”?");
            }
        }

        return exchanges;
    }

    /// <summary>Compares one line of what is expected with the answer. Null when it is so, else what is there.</summary>
    public static string? Differs(string path, string wanted, bool isValue, JsonElement answer)
    {
        var found = answer;
        foreach (var step in path.Split('.'))
        {
            var there = found.ValueKind switch
            {
                JsonValueKind.Object when found.TryGetProperty(step, out var field) => field,
                JsonValueKind.Array when int.TryParse(step, System.Globalization.CultureInfo.InvariantCulture, out var index) && index < found.GetArrayLength() => found[index],
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

    private static RecordedExchange Of(List<string> request, List<string> answer)
    {
        var first = request[0].Split(' ');
        var headers = request.Skip(1).TakeWhile(line => line[0] is not ('{' or '[')).Select(line => line.Split(": ", 2)).Select(parts => (parts[0], parts[1])).ToList();
        return new RecordedExchange(
            first[0], first[1], headers, request.Skip(1 + headers.Count).FirstOrDefault(), int.Parse(answer[0], System.Globalization.CultureInfo.InvariantCulture), answer[1..]);
    }
}
