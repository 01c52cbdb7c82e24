using System.Globalization;
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

    public static string Describe(SegmentRule rule) => rule switch
    {
        SegmentRule.HasTag tag => $"tagged “{tag.Name}”",
        SegmentRule.FieldIs field => Describe(field),
        SegmentRule.Not not => $"not ({Describe(not.Rule)})",
        SegmentRule.All all => string.Join(" and ", all.Rules.Select(Within)),
        SegmentRule.Any any => string.Join(" or ", any.Rules.Select(Within)),
        _ => throw new InvalidOperationException($"no words for {rule.GetType().Name}"),
    };

    private static string Within(SegmentRule rule) => rule is SegmentRule.All or SegmentRule.Any ? $"({Describe(rule)})" : Describe(rule);

    private static string Describe(SegmentRule.FieldIs field)
    {
        var value = field.Value switch
        {
            string text => $"“{text}”",
            bool flag => flag ? "true" : "false",
            var other => Convert.ToString(other, CultureInfo.InvariantCulture),
        };
        return field.Test switch
        {
            FieldTest.Equal => $"{field.Name} is {value}",
            FieldTest.NotEqual => $"{field.Name} is not {value}",
            FieldTest.Greater => $"{field.Name} is above {value}",
            FieldTest.GreaterOrEqual => $"{field.Name} is at least {value}",
            FieldTest.Less => $"{field.Name} is below {value}",
            FieldTest.LessOrEqual => $"{field.Name} is at most {value}",
            FieldTest.Contains => $"{field.Name} contains {value}",
            FieldTest.StartsWith => $"{field.Name} starts with {value}",
            FieldTest.EndsWith => $"{field.Name} ends with {value}",
            FieldTest.Exists => $"{field.Name} is filled in",
            FieldTest.Missing => $"{field.Name} is empty",
            _ => throw new InvalidOperationException($"no words for {field.Test}"),
        };
    }

    private static string OneOf(IReadOnlyList<string> names) => names.Count switch
    {
        1 => $"“{names[0]}”",
        _ => string.Join(", ", names.Take(names.Count - 1).Select(n => $"“{n}”")) + $" or “{names[^1]}”",
    };
}
