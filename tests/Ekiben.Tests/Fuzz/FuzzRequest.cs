using System.Text;
using System.Text.Json.Nodes;

namespace Ekiben.Tests.Fuzz;

/// <summary>A request that will be sent as it is, however odd; what a client's own library refuses to write is left out.</summary>
internal sealed class FuzzRequest(string method, string path, string? contentType, byte[]? body)
{
    private readonly List<(string Name, string Value)> _headers = [];

    public string Method { get; private set; } = method;

    public string Path { get; private set; } = path;

    public bool IsKeyed => _headers.Any(header => header.Name == "Idempotency-Key");

    private string? ContentType { get; set; } = contentType;

    private byte[]? Body { get; set; } = body;

    private bool IsChunked { get; set; }

    /// <summary>One to four things go wrong.</summary>
    public void Mutate(Random random)
    {
        for (var times = random.Next(1, 5); times > 0; times--)
        {
            switch (random.Next(10))
            {
                case 0:
                    MutatePath(random);
                    break;
                case 1 or 2:
                    MutateQuery(random);
                    break;
                case 3:
                    MutateHeaders(random);
                    break;
                case 4:
                    MutateBytes(random);
                    break;
                default:
                    TryMutateJson(random);
                    break;
            }
        }
    }

    /// <summary>Null when the library will not write it.</summary>
    public HttpRequestMessage? ToMessage(Uri address)
    {
        if (!Uri.TryCreate(address.GetLeftPart(UriPartial.Authority) + Path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }, out var uri))
        {
            return null;
        }

        var message = new HttpRequestMessage(new HttpMethod(Method), uri);
        if (Body is not null)
        {
            message.Content = new ByteArrayContent(Body);
            message.Content.Headers.TryAddWithoutValidation("Content-Type", ContentType);
        }

        message.Headers.TransferEncodingChunked = IsChunked && Body is not null ? true : null;
        foreach (var (name, value) in _headers)
        {
            if (!message.Headers.TryAddWithoutValidation(name, value))
            {
                message.Content?.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return message;
    }

    public override string ToString()
    {
        var text = Body is null ? "" : Encoding.UTF8.GetString(Body);
        return $"{Method} {Path}\n{string.Join('\n', _headers.Select(header => $"{header.Name}: {header.Value}"))}\nContent-Type: {ContentType}{(IsChunked ? " (chunked)" : "")}\n\n"
            + (text.Length > 3000 ? text[..3000] + $"… ({Body!.Length} bytes)" : text);
    }

    private static string Escaped(Random random, string text) => random.Next(8) == 0 ? text.Replace(" ", "+", StringComparison.Ordinal).Replace("#", "", StringComparison.Ordinal) : Uri.EscapeDataString(text);

    private void MutatePath(Random random)
    {
        var (path, query) = Split();
        var parts = path.Split('/');
        // Beyond the root of an API nothing of it answers.
        var at = random.Next(Math.Min(3, parts.Length - 1), parts.Length);
        parts[at] = Escaped(random, OddValues.Text(random) is { Length: < 1500 } text ? text : "x");
        Path = string.Join('/', parts) + (random.Next(10) == 0 ? ".json" : "") + query;
        if (random.Next(12) == 0)
        {
            Method = ((string[])["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "FOO"])[random.Next(9)];
        }
    }

    private void MutateQuery(Random random)
    {
        var (path, query) = Split();
        var pairs = query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries).ToList();
        string[] names = ["page", "per_page", "status", "site_uuid", "email", "uuid", "id", "limit", "cursor", "state", "segment_id", "report_id", "start_date", "end_date", "dimension", "created_at[gt]", "fields[x]", "tags[]", "tags", "domain", "ip", "[", "]", "a[b][c]", ""];
        switch (random.Next(4))
        {
            case 0 when pairs.Count > 0:
                pairs[random.Next(pairs.Count)] += OddValues.Text(random) is { Length: < 1500 } more ? Escaped(random, more) : "";
                break;
            case 1 when pairs.Count > 0:
                pairs.AddRange(pairs);
                break;
            case 2:
                pairs.Add(Escaped(random, names[random.Next(names.Length)]) + "?" + Escaped(random, "x"));
                break;
            default:
                pairs.Add(Escaped(random, names[random.Next(names.Length)]) + "=" + (OddValues.Text(random) is { Length: < 1500 } value ? Escaped(random, value) : ""));
                break;
        }

        Path = path + "?" + string.Join('&', pairs.Take(40));
        if (Path.Length > 7000)
        {
            Path = Path[..7000];
        }
    }

    private void MutateHeaders(Random random)
    {
        switch (random.Next(7))
        {
            case 0:
                ContentType = ((string?[])["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=utf-16", "application/json; charset=", "", "a/b/c", null])[random.Next(8)];
                break;
            case 1:
                _headers.Add(("Idempotency-Key", ((string[])["", " ", "k1", "k2", new('k', 255), new('k', 256), "ключ", "a,b"])[random.Next(8)]));
                break;
            case 2:
                _headers.Add(("Content-Encoding", ((string[])["gzip", "br", "identity", "x"])[random.Next(4)]));
                break;
            case 3:
                _headers.Add(("User-Agent", ((string[])["", "bento-node-" + new string('0', 32), "bento-dotnet-x", "bento-cli/", new('u', 3000)])[random.Next(5)]));
                break;
            case 4:
                _headers.Add(("X-Forwarded-For", OddValues.Text(random) is { Length: < 200 } from ? from : "1.1.1.1, 2.2.2.2"));
                break;
            case 5:
                _headers.Add(("Accept", "text/html;q=x"));
                break;
            default:
                IsChunked = true;
                break;
        }
    }

    private void MutateBytes(Random random)
    {
        var bytes = Body ?? "{}"u8.ToArray();
        Body = random.Next(9) switch
        {
            0 => bytes[..random.Next(bytes.Length + 1)],
            1 => [],
            2 => [.. bytes, .. "}garbage"u8],
            3 => [0xEF, 0xBB, 0xBF, .. bytes],
            4 => Encoding.Unicode.GetBytes(Encoding.UTF8.GetString(bytes)),
            5 => Noise(random, 1 + random.Next(300)),
            6 => [.. bytes, .. bytes],
            7 => Encoding.UTF8.GetBytes(string.Join('&', Enumerable.Range(0, random.Next(1, 5)).Select(_ => Uri.EscapeDataString(OddValues.Text(random)) + "[" + OddValues.Text(random) + "]=" + OddValues.Text(random)))),
            _ => Flipped(random, bytes),
        };
        ContentType ??= "application/json";
    }

    private static byte[] Noise(Random random, int length)
    {
        var noise = new byte[length];
        random.NextBytes(noise);
        return noise;
    }

    private static byte[] Flipped(Random random, byte[] bytes)
    {
        var flipped = bytes.ToArray();
        for (var times = random.Next(1, 4); times > 0 && flipped.Length > 0; times--)
        {
            flipped[random.Next(flipped.Length)] = (byte)random.Next(256);
        }

        return flipped;
    }

    /// <summary>What an earlier mutation broke (half a surrogate pair, bytes that are no text) stays as it is.</summary>
    private void TryMutateJson(Random random)
    {
        try
        {
            MutateJson(random);
        }
        catch (Exception broken) when (broken is System.Text.Json.JsonException or ArgumentException or InvalidOperationException)
        {
            ContentType ??= "application/json";
        }
    }

    /// <summary>Works on the text between two marks, so that what replaces a value need not be JSON that a library would write.</summary>
    private void MutateJson(Random random)
    {
        var root = JsonNode.Parse(Body ?? "{}"u8.ToArray());
        const string mark = "\u0001mark\u0001";
        var places = new List<Action<JsonNode?>>();
        Collect(root, places);
        string replacement;
        switch (random.Next(8))
        {
            case 0 when root is JsonObject wrapper && wrapper.Select(pair => pair.Value).OfType<JsonArray>().FirstOrDefault() is { Count: > 0 } list:
                // Too many, or very many, of the same.
                var one = list[0]?.ToJsonString() ?? "null";
                list.Clear();
                list.Add(mark);
                replacement = string.Join(',', Enumerable.Repeat(one, random.Next(2) == 0 ? random.Next(2, 30) : random.Next(95, 1005)));
                break;
            case 1 when root is JsonObject parent:
                parent[OddValues.Text(random)] = mark;
                replacement = OddValues.Json(random);
                break;
            default:
                if (places.Count == 0)
                {
                    Body = Encoding.UTF8.GetBytes(OddValues.Json(random));
                    return;
                }

                places[random.Next(places.Count)](JsonValue.Create(mark));
                // A second value under the same name, or another value.
                replacement = random.Next(8) == 0 ? $"1,{OddValues.Quoted(OddValues.Text(random))}:{OddValues.Json(random)}" : OddValues.Json(random);
                break;
        }

        Body = Encoding.UTF8.GetBytes(root!.ToJsonString().Replace(JsonValue.Create(mark)!.ToJsonString(), replacement, StringComparison.Ordinal));
        ContentType ??= "application/json";
    }

    private static void Collect(JsonNode? node, List<Action<JsonNode?>> places)
    {
        switch (node)
        {
            case JsonObject parent:
                foreach (var (name, value) in parent.ToList())
                {
                    places.Add(replaced => parent[name] = replaced);
                    Collect(value, places);
                }

                break;
            case JsonArray list:
                for (var i = 0; i < Math.Min(list.Count, 20); i++)
                {
                    var at = i;
                    places.Add(replaced => list[at] = replaced);
                    Collect(list[i], places);
                }

                break;
        }
    }

    private (string Path, string Query) Split() => Path.IndexOf('?', StringComparison.Ordinal) is >= 0 and var at ? (Path[..at], Path[at..]) : (Path, "");
}
