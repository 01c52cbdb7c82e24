using System.Data.Common;
using System.Globalization;
using System.Text;
using Ekiben.Segments;

namespace Ekiben.Storage;

/// <summary>
/// The two expressions of a rule over <c>subscribers s</c>: who matches, and the first reason that leaves a matched person out (0 = none). Nothing
/// that a client wrote is ever part of the text: it is a parameter. How a tag or a field is asked for is each database's own.
/// </summary>
internal abstract class AudienceSql
{
    private readonly DbCommand _command;

    /// <param name="command">Gets the parameters.</param>
    /// <param name="rule">Whom.</param>
    /// <param name="ranged">True for the freeze, which walks subscriber ids: the statement sets @from (exclusive) and @to, and the tag look-ups keep to them.</param>
    protected AudienceSql(DbCommand command, AudienceRule rule, bool ranged)
    {
        _command = command;
        Range = ranged ? "st.subscriber_id > @from AND st.subscriber_id <= @to AND " : "";
        command.Set("@audience_site", rule.Site.Value);

        var matched = new StringBuilder(ranged ? "s.site_id = @audience_site AND s.id > @from AND s.id <= @to" : "s.site_id = @audience_site");
        if (rule.InclusiveTags.Count > 0)
        {
            matched.Append(" AND ").Append(HasAny(rule.InclusiveTags));
        }

        if (rule.Segment is { } segment)
        {
            matched.Append(" AND ").Append(Condition(segment));
        }

        Matched = matched.ToString();
        var excluded = rule.ExclusiveTags.Count > 0 ? $"WHEN {HasAny(rule.ExclusiveTags)} THEN 1 " : "";
        Reason = $"""
            CASE {excluded}WHEN s.unsubscribed_at IS NOT NULL THEN 2
                 WHEN EXISTS (SELECT 1 FROM suppressions p WHERE p.site_id = s.site_id AND p.address_id = s.address_id) THEN 3
                 ELSE 0 END
            """;
    }

    public string Matched { get; }

    public string Reason { get; }

    /// <summary>A condition on <c>st.subscriber_id</c> with its AND, empty where there is no range.</summary>
    protected string Range { get; }

    /// <summary>True when a template finds nothing there, or blanks only.</summary>
    public abstract string IsBlank(SubscriberField field);

    /// <summary>True when the person carries any of the tags; a name that is no tag matches nobody.</summary>
    protected abstract string HasAny(IReadOnlyList<string> names);

    protected abstract string Field(SegmentRule.FieldIs field);

    protected static object Value(object? value) => value switch
    {
        bool flag => flag ? 1L : 0L,
        null => "",
        _ => value,
    };

    /// <summary>A time may be given as ISO 8601 or as stored milliseconds; an unreadable one compares as text, so it matches nobody.</summary>
    protected static object TimeValue(object? value) =>
        value is string text && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            ? at.ToStored()
            : Value(value);

    protected static string Text(object value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    protected string Parameter(object value)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"@audience_{_command.Parameters.Count}");
        _command.Set(name, value);
        return name;
    }

    private string Condition(SegmentRule rule) => rule switch
    {
        SegmentRule.All all => "(" + string.Join(" AND ", all.Rules.Select(Condition)) + ")",
        SegmentRule.Any any => "(" + string.Join(" OR ", any.Rules.Select(Condition)) + ")",
        // IS NOT TRUE: a missing field makes a test NULL, and "not" of that is true.
        SegmentRule.Not not => $"({Condition(not.Rule)} IS NOT TRUE)",
        SegmentRule.HasTag tag => $"({HasAny([tag.Name])})",
        SegmentRule.FieldIs field => $"({Field(field)})",
        _ => throw new InvalidOperationException($"no SQL for {rule.GetType().Name}"),
    };
}
