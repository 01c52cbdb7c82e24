using Ekiben.Segments;

namespace Ekiben.Broadcasts.Pages;

/// <summary>Says whom a broadcast is for as a sentence, so that a person can check it without reading a rule.</summary>
internal static class RuleInWords
{
    /// <summary>The whole rule; <paramref name="segmentName"/> is null when the broadcast names no segment.</summary>
    public static string Describe(IReadOnlyList<string> inclusive, IReadOnlyList<string> exclusive, string? segmentName, SegmentRule? segment)
    {
        var conditions = new List<string>();
        if (inclusive.Count > 0)
        {
            conditions.Add($"tagged {OneOf(inclusive)}");
        }

        if (segmentName is not null)
        {
            conditions.Add(segment is null ? $"in the segment “{segmentName}”" : $"in the segment “{segmentName}” ({Describe(segment)})");
        }

        var who = conditions.Count == 0 ? "Every subscriber of the site" : "Subscribers " + string.Join(" and ", conditions);
        return exclusive.Count == 0 ? who + "." : $"{who}, except those tagged {OneOf(exclusive)}.";
    }

    /// <summary>A segment's rule as a sentence of its own.</summary>
    public static string Sentence(SegmentRule rule)
    {
        var words = Describe(rule);
        return char.ToUpperInvariant(words[0]) + words[1..] + ".";
    }

    /// <summary>A part of a rule, to stand within a sentence.</summary>
    public static string Describe(SegmentRule rule) => rule switch
    {
        SegmentRule.HasTag tag => $"tagged “{tag.Name}”",
        SegmentRule.FieldIs field => FieldInWords.Describe(field),
        SegmentRule.Not not => Not(not.Rule),
        SegmentRule.All { Rules: [var only] } => Describe(only),
        SegmentRule.Any { Rules: [var only] } => Describe(only),
        SegmentRule.All all when Tags(all.Rules) is { } tags => $"tagged {Listed(tags, "and")}",
        SegmentRule.Any any when Tags(any.Rules) is { } tags => $"tagged {Listed(tags, "or")}",
        SegmentRule.All all => string.Join(" and ", all.Rules.Select(Within)),
        SegmentRule.Any any => string.Join(" or ", any.Rules.Select(Within)),
        _ => throw new InvalidOperationException($"no words for {rule.GetType().Name}"),
    };

    /// <summary>What is not so, without a double negation where there is a word for it.</summary>
    private static string Not(SegmentRule rule) => rule switch
    {
        SegmentRule.Not twice => Describe(twice.Rule),
        SegmentRule.All { Rules: [var only] } => Not(only),
        SegmentRule.Any { Rules: [var only] } => Not(only),
        SegmentRule.HasTag or SegmentRule.Any when Tags(rule is SegmentRule.Any any ? any.Rules : [rule]) is { } tags => $"not tagged {Listed(tags, "or")}",
        SegmentRule.FieldIs { Test: FieldTest.Exists } field => FieldInWords.Describe(field with { Test = FieldTest.Missing }),
        SegmentRule.FieldIs { Test: FieldTest.Missing } field => FieldInWords.Describe(field with { Test = FieldTest.Exists }),
        _ => $"not ({Describe(rule)})",
    };

    private static string Within(SegmentRule rule) =>
        rule is SegmentRule.All { Rules.Count: > 1 } or SegmentRule.Any { Rules.Count: > 1 } && Tags(rule is SegmentRule.All all ? all.Rules : ((SegmentRule.Any)rule).Rules) is null
            ? $"({Describe(rule)})"
            : Describe(rule);

    /// <summary>The names when all are tags; else null.</summary>
    private static IReadOnlyList<string>? Tags(IReadOnlyList<SegmentRule> rules) =>
        rules.All(rule => rule is SegmentRule.HasTag) ? [.. rules.Cast<SegmentRule.HasTag>().Select(tag => tag.Name)] : null;

    private static string OneOf(IReadOnlyList<string> names) => Listed(names, "or");

    private static string Listed(IReadOnlyList<string> names, string word) => names.Count switch
    {
        1 => $"“{names[0]}”",
        _ => string.Join(", ", names.Take(names.Count - 1).Select(n => $"“{n}”")) + $" {word} “{names[^1]}”",
    };
}
