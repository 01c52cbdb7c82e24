using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ekiben.Segments;

/// <summary>How the conditions of a group go together.</summary>
internal enum GroupKind
{
    All,
    Any,
    None,
}

/// <summary>A part of a rule while somebody builds it: it may be unfinished, which a <see cref="SegmentRule"/> never is.</summary>
internal abstract class RuleDraft
{
    /// <summary>For the page, so that a line keeps its input while others come and go.</summary>
    public Guid Key { get; } = Guid.NewGuid();

    /// <summary>The JSON of <see cref="SegmentRule"/>; null where something is not filled in yet.</summary>
    public abstract JsonObject? ToJson();

    public static RuleGroupDraft Of(SegmentRule rule) => rule switch
    {
        SegmentRule.All all => new RuleGroupDraft(GroupKind.All, all.Rules.Select(Part)),
        SegmentRule.Any any => new RuleGroupDraft(GroupKind.Any, any.Rules.Select(Part)),
        SegmentRule.Not { Rule: SegmentRule.Any any } => new RuleGroupDraft(GroupKind.None, any.Rules.Select(Part)),
        SegmentRule.Not not => new RuleGroupDraft(GroupKind.None, [Part(not.Rule)]),
        _ => new RuleGroupDraft(GroupKind.All, [Part(rule)]),
    };

    private static RuleDraft Part(SegmentRule rule) => rule switch
    {
        SegmentRule.HasTag tag => new RuleLineDraft { IsTag = true, Name = tag.Name },
        SegmentRule.FieldIs field => new RuleLineDraft
        {
            Name = field.Name,
            Test = field.Test,
            Value = field.Value is bool flag ? (flag ? "true" : "false") : Convert.ToString(field.Value, CultureInfo.InvariantCulture) ?? "",
            IsText = field.Value is null or string,
        },
        _ => Of(rule),
    };
}

/// <summary>Conditions that go together.</summary>
internal sealed class RuleGroupDraft(GroupKind kind, IEnumerable<RuleDraft> parts) : RuleDraft
{
    public GroupKind Kind { get; set; } = kind;

    public List<RuleDraft> Parts { get; } = [.. parts];

    public override JsonObject? ToJson()
    {
        var parts = Parts.Select(part => part.ToJson()).ToArray();
        if (parts.Length == 0 || parts.Contains(null))
        {
            return null;
        }

        return Kind switch
        {
            GroupKind.All => new JsonObject { ["and"] = new JsonArray([.. parts]) },
            GroupKind.Any => new JsonObject { ["or"] = new JsonArray([.. parts]) },
            _ => new JsonObject { ["not"] = new JsonObject { ["or"] = new JsonArray([.. parts]) } },
        };
    }

    /// <summary>The finished rule, or null with the reason where there is one to give.</summary>
    public SegmentRule? ToRule(out string? problem)
    {
        problem = null;
        if (ToJson() is not { } json)
        {
            return null;
        }

        using var document = JsonDocument.Parse(json.ToJsonString());
        return SegmentRule.TryParse(document.RootElement, out var rule, out problem) ? rule : null;
    }
}

/// <summary>One condition: a tag, or a field with a test.</summary>
internal sealed class RuleLineDraft : RuleDraft
{
    public bool IsTag { get; set; }

    /// <summary>The tag's name or the field's key.</summary>
    public string Name { get; set; } = "";

    public FieldTest Test { get; set; } = FieldTest.Equal;

    public string Value { get; set; } = "";

    /// <summary>True where "10" means the text and not the number: a rule that came with a text keeps it.</summary>
    public bool IsText { get; set; }

    public bool NeedsValue => !IsTag && Test is not (FieldTest.Exists or FieldTest.Missing);

    public override JsonObject? ToJson()
    {
        if (Name.Trim().Length == 0 || (NeedsValue && Value.Length == 0))
        {
            return null;
        }

        if (IsTag)
        {
            return new JsonObject { ["tag"] = Name.Trim() };
        }

        var leaf = new JsonObject { ["field"] = Name.Trim(), ["op"] = SegmentRule.Word(Test) };
        if (NeedsValue)
        {
            leaf["value"] = TypedValue();
        }

        return leaf;
    }

    /// <summary>Numbers and true or false keep their type, as an import keeps them; tests within a text are of texts.</summary>
    private JsonValue TypedValue() => Value switch
    {
        _ when IsText || Test is FieldTest.Contains or FieldTest.StartsWith or FieldTest.EndsWith => JsonValue.Create(Value),
        "true" => JsonValue.Create(true),
        "false" => JsonValue.Create(false),
        _ when long.TryParse(Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => JsonValue.Create(whole),
        _ when double.TryParse(Value, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var real) => JsonValue.Create(real),
        _ => JsonValue.Create(Value),
    };
}
