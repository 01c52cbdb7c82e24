using System.Globalization;
using Ekiben.Segments;

namespace Ekiben.Broadcasts.Pages;

/// <summary>One condition on a field in words: what people call the built-in fields, and times as before and after.</summary>
internal static class FieldInWords
{
    public static string Describe(SegmentRule.FieldIs field) => field.Name switch
    {
        "created_at" => Time(field, "added", "added"),
        "updated_at" => Time(field, "changed", "changed"),
        "unsubscribed_at" => Time(field, "unsubscribed", "unsubscribed"),
        "last_event_at" => Time(field, "last event", "any event"),
        "email" => Value(field, "e-mail address"),
        "first_name" => Value(field, "first name"),
        "last_name" => Value(field, "last name"),
        _ => Value(field, field.Name),
    };

    private static string Value(SegmentRule.FieldIs field, string name) => field.Test switch
    {
        FieldTest.Equal => $"{name} is {Shown(field.Value)}",
        FieldTest.NotEqual => $"{name} is not {Shown(field.Value)}",
        FieldTest.Greater => $"{name} is above {Shown(field.Value)}",
        FieldTest.GreaterOrEqual => $"{name} is at least {Shown(field.Value)}",
        FieldTest.Less => $"{name} is below {Shown(field.Value)}",
        FieldTest.LessOrEqual => $"{name} is at most {Shown(field.Value)}",
        FieldTest.Contains => $"{name} contains {Shown(field.Value)}",
        FieldTest.StartsWith => $"{name} starts with {Shown(field.Value)}",
        FieldTest.EndsWith => $"{name} ends with {Shown(field.Value)}",
        FieldTest.Exists => $"{name} is filled in",
        FieldTest.Missing => $"{name} is empty",
        _ => throw new InvalidOperationException($"no words for {field.Test}"),
    };

    /// <summary>A time is given as the rule has it: days without a zone begin in UTC.</summary>
    private static string Time(SegmentRule.FieldIs field, string happened, string ever)
    {
        var at = Convert.ToString(field.Value, CultureInfo.InvariantCulture);
        return field.Test switch
        {
            FieldTest.Equal => $"{happened} at {at}",
            FieldTest.NotEqual => $"not {happened} at {at}",
            FieldTest.Greater => $"{happened} after {at}",
            FieldTest.GreaterOrEqual => $"{happened} on or after {at}",
            FieldTest.Less => $"{happened} before {at}",
            FieldTest.LessOrEqual => $"{happened} on or before {at}",
            FieldTest.Exists => ever == happened ? $"ever {happened}" : $"with {ever}",
            FieldTest.Missing => ever == happened ? $"never {happened}" : $"without {ever}",
            _ => Value(field, field.Name),
        };
    }

    private static string Shown(object? value) => value switch
    {
        string text => $"“{text}”",
        bool flag => flag ? "true" : "false",
        var other => Convert.ToString(other, CultureInfo.InvariantCulture) ?? "",
    };
}
