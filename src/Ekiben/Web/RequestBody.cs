using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace Ekiben.Web;

/// <summary>The body of a request as bytes and as JSON. An empty one is no error here: many clients send a content type without content.</summary>
internal sealed class RequestBody
{
    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = RequestLimits.MaxDepth };

    private RequestBody(ReadOnlyMemory<byte> bytes, JsonElement? json, string? error)
    {
        (Bytes, Json, Error) = (bytes, json, error);
    }

    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Null when there is no body, or none that is JSON.</summary>
    public JsonElement? Json { get; }

    /// <summary>One sentence when there is a body that is not JSON.</summary>
    public string? Error { get; }

    /// <summary>A field of the body's object; undefined when it is not there.</summary>
    public JsonElement Field(string name) =>
        Json is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty(name, out var value) ? value : default;

    /// <summary>A text of the body's object; null when it is absent or no text.</summary>
    public string? Text(string name) => Field(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    /// <summary>One sentence when the text is not as it should be, null when it is.</summary>
    public string? TextFault(string name, bool required, int max)
    {
        var value = Field(name);
        if (value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return required ? $"{name} is required." : null;
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            return $"{name} must be a text.";
        }

        var text = value.GetString()!;
        if (string.IsNullOrWhiteSpace(text))
        {
            return $"{name} must not be blank.";
        }

        if (text.Length > max)
        {
            return $"{name} has {text.Length} characters; at most {max} are allowed.";
        }

        return text.Contains('\0', StringComparison.Ordinal) ? $"{name} must not contain NUL." : null;
    }

    /// <exception cref="BadHttpRequestException">The body is larger than <see cref="RequestLimits.MaxBodyBytes"/> (413), or the client gave up.</exception>
    public static async Task<RequestBody> ReadAsync(HttpRequest request, CancellationToken cancel)
    {
        if (request.ContentLength is 0 || (HttpMethods.IsGet(request.Method) && request.ContentLength is null))
        {
            return new RequestBody(default, null, null);
        }

        // A client that is still sending when the connection closes never sees the refusal: somewhat too much is read to its end and dropped.
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = RequestLimits.MaxDroppedBytes;
        }

        using var buffer = new MemoryStream((int)Math.Clamp(request.ContentLength ?? 0, 0, RequestLimits.MaxBodyBytes));
        var piece = ArrayPool<byte>.Shared.Rent(64 << 10);
        try
        {
            long total = 0;
            for (int read; (read = await request.Body.ReadAsync(piece, cancel)) > 0;)
            {
                total += read;
                if (total <= RequestLimits.MaxBodyBytes)
                {
                    buffer.Write(piece, 0, read);
                }
            }

            return total <= RequestLimits.MaxBodyBytes
                ? IsForm(request) ? FormBody(buffer.ToArray()) : Parse(buffer.ToArray())
                : throw new BadHttpRequestException("too large", StatusCodes.Status413PayloadTooLarge);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    /// <summary>Only Bento's routes take forms, since its documents show one.</summary>
    private static bool IsForm(HttpRequest request) =>
        request.ContentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) == true
        && ApiStyles.Of(request.Path) == ApiStyle.Bento;

    /// <summary><c>a[b]=c</c> reads as <c>{"a":{"b":"c"}}</c>, to one level.</summary>
    private static RequestBody FormBody(byte[] bytes)
    {
        var root = new JsonObject();
        foreach (var pair in new QueryStringEnumerable(System.Text.Encoding.UTF8.GetString(bytes)))
        {
            var (name, value) = (pair.DecodeName().ToString(), pair.DecodeValue().ToString());
            if (name.IndexOf('[', StringComparison.Ordinal) is > 0 and var bracket && name.EndsWith(']'))
            {
                var outer = name[..bracket];
                root[outer] = root[outer] as JsonObject ?? [];
                root[outer]![name[(bracket + 1)..^1]] = value;
            }
            else
            {
                root[name] = value;
            }
        }

        return new RequestBody(bytes, ApiJson.Element(root.ToJsonString()), null);
    }

    private static RequestBody Parse(byte[] bytes)
    {
        if (bytes.AsSpan().Trim(" \t\r\n"u8).IsEmpty)
        {
            return new RequestBody(bytes, null, null);
        }

        if (!Utf8.IsValid(bytes))
        {
            // The parser takes it, and whatever reads the text would throw.
            return new RequestBody(bytes, null, "The body is not valid JSON: it is not UTF-8.");
        }

        try
        {
            using var document = JsonDocument.Parse(bytes, Reading);
            var root = document.RootElement.Clone();
            if (bytes.AsSpan().IndexOf("\\ud"u8) >= 0 || bytes.AsSpan().IndexOf("\\uD"u8) >= 0)
            {
                ReadEveryText(root);
            }

            return new RequestBody(bytes, root, null);
        }
        catch (JsonException) when (IsTooDeep(bytes))
        {
            return new RequestBody(bytes, null, $"The body is nested deeper than {RequestLimits.MaxDepth} levels.");
        }
        catch (JsonException wrong)
        {
            return new RequestBody(bytes, null, string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"The body is not valid JSON (line {(wrong.LineNumber ?? 0) + 1}, byte {(wrong.BytePositionInLine ?? 0) + 1})."));
        }
        catch (InvalidOperationException)
        {
            return new RequestBody(bytes, null, "The body is not valid JSON: a \\u escape is half of a surrogate pair.");
        }
    }

    /// <summary>The parser's sentence names its depth for a body that ends too early too, so the brackets before the fault are counted.</summary>
    private static bool IsTooDeep(byte[] bytes)
    {
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = int.MaxValue });
        try
        {
            while (reader.Read())
            {
                if (reader.CurrentDepth >= RequestLimits.MaxDepth && reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
                {
                    return true;
                }
            }
        }
        catch (JsonException)
        {
            // Wrong before it is deep.
        }

        return false;
    }

    /// <summary>Half a surrogate pair passes the parser and would throw wherever the text is read: find it now.</summary>
    private static void ReadEveryText(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    ReadEveryText(item);
                }

                break;
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    _ = property.Name;
                    ReadEveryText(property.Value);
                }

                break;
        }
    }
}
