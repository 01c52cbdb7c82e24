using System.Text.Json;
using Ekiben.Fields;

namespace Ekiben.Segments;

/// <summary>
/// The rule of a segment as a tree. JSON: a leaf is <c>{"field":"plan","op":"eq","value":"pro"}</c> or <c>{"tag":"lead"}</c>;
/// branches are <c>{"and":[…]}</c>, <c>{"or":[…]}</c> and <c>{"not":…}</c>. It is data, never SQL: <see cref="Storage.Audiences"/> turns it into parameters.
/// </summary>
internal abstract record SegmentRule
{
    /// <summary>A rule deeper than this is refused: the SQL made from it must stay small.</summary>
    public const int MaxDepth = 10;

    /// <summary>At most this many leaves, for the same reason.</summary>
    public const int MaxLeaves = 100;

    private static readonly Dictionary<string, FieldTest> Tests = new(StringComparer.Ordinal)
    {
        ["eq"] = FieldTest.Equal,
        ["ne"] = FieldTest.NotEqual,
        ["gt"] = FieldTest.Greater,
        ["gte"] = FieldTest.GreaterOrEqual,
        ["lt"] = FieldTest.Less,
        ["lte"] = FieldTest.LessOrEqual,
        ["contains"] = FieldTest.Contains,
        ["starts_with"] = FieldTest.StartsWith,
        ["ends_with"] = FieldTest.EndsWith,
        ["exists"] = FieldTest.Exists,
        ["missing"] = FieldTest.Missing,
    };

    private SegmentRule()
    {
    }

    /// <summary>A test as it stands in the JSON.</summary>
    public static string Word(FieldTest test) => Tests.First(known => known.Value == test).Key;

    /// <summary>True when a custom or built-in field passes the test. Built in: email, first_name, last_name, created_at, updated_at, unsubscribed_at, last_event_at.</summary>
    public sealed record FieldIs(string Name, FieldTest Test, object? Value) : SegmentRule;

    public sealed record HasTag(string Name) : SegmentRule;

    public sealed record All(IReadOnlyList<SegmentRule> Rules) : SegmentRule;

    public sealed record Any(IReadOnlyList<SegmentRule> Rules) : SegmentRule;

    public sealed record Not(SegmentRule Rule) : SegmentRule;

    /// <summary>Reads a rule from its JSON text.</summary>
    /// <exception cref="JsonException">The stored text is not JSON.</exception>
    public static SegmentRule Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        return TryParse(document.RootElement, out var rule, out var error) ? rule! : throw new JsonException(error);
    }

    /// <summary>Reads a rule; when it is wrong, <paramref name="error"/> is one sentence that says where and how to mend it.</summary>
    public static bool TryParse(JsonElement json, out SegmentRule? rule, out string? error)
    {
        var leaves = 0;
        return TryParse(json, 1, ref leaves, out rule, out error);
    }

    private static bool TryParse(JsonElement json, int depth, ref int leaves, out SegmentRule? rule, out string? error)
    {
        (rule, error) = (null, null);
        if (depth > MaxDepth)
        {
            error = $"rule is nested deeper than {MaxDepth} levels";
            return false;
        }

        if (json.ValueKind != JsonValueKind.Object)
        {
            error = "rule must be an object such as {\"field\":\"plan\",\"op\":\"eq\",\"value\":\"pro\"}";
            return false;
        }

        if (json.TryGetProperty("and", out var all))
        {
            if (!TryParseList(all, "and", depth, ref leaves, out var rules, out error))
            {
                return false;
            }

            rule = new All(rules!);
            return true;
        }

        if (json.TryGetProperty("or", out var any))
        {
            if (!TryParseList(any, "or", depth, ref leaves, out var rules, out error))
            {
                return false;
            }

            rule = new Any(rules!);
            return true;
        }

        if (json.TryGetProperty("not", out var not))
        {
            if (!TryParse(not, depth + 1, ref leaves, out var inner, out error))
            {
                return false;
            }

            rule = new Not(inner!);
            return true;
        }

        if (++leaves > MaxLeaves)
        {
            error = $"rule has more than {MaxLeaves} conditions";
            return false;
        }

        return TryParseLeaf(json, out rule, out error);
    }

    private static bool TryParseList(JsonElement json, string word, int depth, ref int leaves, out List<SegmentRule>? rules, out string? error)
    {
        rules = [];
        error = null;
        if (json.ValueKind != JsonValueKind.Array || json.GetArrayLength() == 0)
        {
            error = $"\"{word}\" must be a list of at least one rule";
            return false;
        }

        foreach (var item in json.EnumerateArray())
        {
            if (!TryParse(item, depth + 1, ref leaves, out var rule, out error))
            {
                return false;
            }

            rules.Add(rule!);
        }

        return true;
    }

    private static bool TryParseLeaf(JsonElement json, out SegmentRule? rule, out string? error)
    {
        (rule, error) = (null, null);
        if (FieldValue.HasNul(json))
        {
            // PostgreSQL takes none in a parameter.
            error = "rule must not contain NUL";
            return false;
        }

        if (json.TryGetProperty("tag", out var tag))
        {
            if (tag.ValueKind != JsonValueKind.String || string.IsNullOrWhiteSpace(tag.GetString()))
            {
                error = "\"tag\" must be a tag's name";
                return false;
            }

            rule = new HasTag(tag.GetString()!.Trim());
            return true;
        }

        if (!json.TryGetProperty("field", out var field) || field.ValueKind != JsonValueKind.String || string.IsNullOrWhiteSpace(field.GetString()))
        {
            error = "rule needs one of \"field\", \"tag\", \"and\", \"or\", \"not\"";
            return false;
        }

        var op = json.TryGetProperty("op", out var given) ? given.ToString() : "eq";
        if (!Tests.TryGetValue(op, out var test))
        {
            error = $"\"op\" must be one of {string.Join(", ", Tests.Keys)}";
            return false;
        }

        object? value = null;
        if (test is not (FieldTest.Exists or FieldTest.Missing) && !TryReadValue(json, out value))
        {
            error = "\"value\" must be a text, a number, true or false";
            return false;
        }

        rule = new FieldIs(field.GetString()!.Trim(), test, value);
        return true;
    }

    private static bool TryReadValue(JsonElement json, out object? value)
    {
        value = null;
        if (!json.TryGetProperty("value", out var given))
        {
            return false;
        }

        value = given.ValueKind switch
        {
            JsonValueKind.String => given.GetString(),
            JsonValueKind.Number => given.TryGetInt64(out var whole) ? whole : given.GetDouble(),
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => null,
        };
        return value is not null;
    }
}

internal enum FieldTest
{
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Contains,
    StartsWith,
    EndsWith,
    Exists,
    Missing,
}
