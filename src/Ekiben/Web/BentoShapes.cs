using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ekiben.Web;

/// <summary>One record as Bento writes it: ids are texts, also where they count.</summary>
internal sealed record BentoRecord(string Id, string Type, object Attributes);

/// <summary>Many records.</summary>
internal sealed record BentoList(IReadOnlyList<BentoRecord> Data);

/// <summary>One record, or none. Clients of some ages read <c>data</c>, others the same at the top.</summary>
internal sealed record BentoOne(BentoRecord? Data)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Id => Data?.Id;

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Type => Data?.Type;

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public object? Attributes => Data?.Attributes;
}

/// <summary>Why one item of a batch was not taken. <c>index</c> counts from 0.</summary>
internal sealed record BentoFailure(int Index, string? Name, string Error);

/// <summary>What came of a batch; <c>results</c> and <c>result</c> are one number under the names that clients of different ages read.</summary>
internal sealed record BentoCounts(int Results, int Result, int Failed, IReadOnlyList<BentoFailure> Failures);

/// <summary>Reads the loose values that Bento's clients send.</summary>
internal static class BentoValues
{
    /// <summary>The list under <paramref name="wrapper"/>; one plain object counts as a list of one, <c>{"0":{…},"1":{…}}</c> as a list.</summary>
    public static bool TryReadBatch(ApiRequest request, string wrapper, int max, out List<JsonElement> items, out Answer? refusal)
    {
        (items, refusal) = ([], null);
        var value = request.Field(wrapper);
        switch (value.ValueKind)
        {
            case JsonValueKind.Object when IsNumbered(value) && value.EnumerateObject().Count() > max:
                refusal = request.BadRequest($"\"{wrapper}\" has {value.EnumerateObject().Count()} entries; send at most {max} in one request.");
                return false;
            case JsonValueKind.Object when IsNumbered(value):
                items.AddRange(value.EnumerateObject().Select(entry => entry.Value));
                return true;
            case JsonValueKind.Object:
                items.Add(value);
                return true;
            case JsonValueKind.Array when value.GetArrayLength() == 0:
                refusal = request.BadRequest($"\"{wrapper}\" is empty; send 1 to {max}.");
                return false;
            case JsonValueKind.Array when value.GetArrayLength() > max:
                refusal = request.BadRequest($"\"{wrapper}\" has {value.GetArrayLength()} entries; send at most {max} in one request.");
                return false;
            case JsonValueKind.Array:
                items.AddRange(value.EnumerateArray());
                return true;
            case JsonValueKind.Undefined:
                refusal = request.BadRequest($"The body must be a JSON object with \"{wrapper}\": a list of 1 to {max}.");
                return false;
            default:
                refusal = request.BadRequest($"\"{wrapper}\" must be a list of objects.");
                return false;
        }
    }

    /// <summary>The object under <paramref name="wrapper"/>.</summary>
    public static bool TryReadOne(ApiRequest request, string wrapper, out JsonElement item, out Answer? refusal)
    {
        item = request.Field(wrapper);
        refusal = item.ValueKind == JsonValueKind.Object ? null : request.BadRequest($"The body must be a JSON object with \"{wrapper}\": an object.");
        return refusal is null;
    }

    /// <summary>One client encodes twice: what has no @ but an encoded one is decoded once more.</summary>
    public static string DecodeAgain(string email) =>
        !email.Contains('@', StringComparison.Ordinal) && email.Contains("%40", StringComparison.Ordinal) ? Uri.UnescapeDataString(email) : email;

    /// <summary>A text; null when absent, null or no text.</summary>
    public static string? Text(JsonElement item, string name) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>A list, or a text with commas between; blanks left out. False when it is neither.</summary>
    public static bool TryReadTags(JsonElement item, string name, out List<string> tags)
    {
        tags = [];
        if (!item.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return true;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            Add(tags, value.GetString()!);
            return true;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            return false;
        }

        foreach (var entry in value.EnumerateArray())
        {
            if (entry.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
            {
                return false;
            }

            Add(tags, entry.ToString());
        }

        return true;
    }

    /// <summary>Some languages write a list as an object with the indices for names.</summary>
    public static bool IsNumbered(JsonElement value) =>
        value.EnumerateObject().Any()
        && value.EnumerateObject().All(entry => entry.Value.ValueKind == JsonValueKind.Object && entry.Name.All(char.IsAsciiDigit));

    private static void Add(List<string> tags, string text)
    {
        foreach (var name in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!tags.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                tags.Add(name);
            }
        }
    }
}
