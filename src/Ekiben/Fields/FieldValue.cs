using System.Globalization;
using System.Text.Json;

namespace Ekiben.Fields;

/// <summary>
/// What a person's field may hold: JSON that both databases can compare. PostgreSQL reads no NUL in any text of a person's fields, and no number
/// beyond what its <c>numeric</c> holds; one such value would stop every segment that asks for a field.
/// </summary>
internal static class FieldValue
{
    /// <summary>Characters of a number; <c>numeric</c> ends at 16,383 digits after the point.</summary>
    private const int MaxNumberLength = 100;

    /// <summary>One sentence, or null when the value is good.</summary>
    public static string? Fault(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Number && !IsOrdinary(value))
        {
            return $"A field's number has at most {MaxNumberLength} characters and an exponent from -300 to 300.";
        }

        // A text is stored without its NULs, as always; what is within a list or an object is stored as it came.
        return value.ValueKind != JsonValueKind.String && HasNul(value) ? "A list or an object in a field has no NUL." : null;
    }

    /// <summary>Whether any text in the value, or any name, has a NUL. The escape is looked for first: nearly no value has one.</summary>
    public static bool HasNul(JsonElement value) => value.GetRawText().Contains("\\u0000", StringComparison.Ordinal) && FindsNul(value);

    private static bool IsOrdinary(JsonElement value)
    {
        var raw = value.GetRawText();
        var exponent = raw.AsSpan().IndexOfAny('e', 'E');
        return raw.Length <= MaxNumberLength
            && (exponent < 0 || (int.TryParse(raw.AsSpan(exponent + 1), CultureInfo.InvariantCulture, out var power) && power is >= -300 and <= 300));
    }

    private static bool FindsNul(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!.Contains('\0', StringComparison.Ordinal),
        JsonValueKind.Array => value.EnumerateArray().Any(FindsNul),
        JsonValueKind.Object => value.EnumerateObject().Any(property => property.Name.Contains('\0', StringComparison.Ordinal) || FindsNul(property.Value)),
        _ => false,
    };
}
