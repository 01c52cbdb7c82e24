using System.Data.Common;
using System.Globalization;
using System.Text;
using Ekiben.Segments;

namespace Ekiben.Storage;

/// <summary>
/// The two expressions of a rule over <c>subscribers s</c>: who matches, and the first reason that leaves a matched person out (0 = none). Nothing
/// that a client wrote is ever part of the text: it is a parameter. How a tag's name or a field is asked for is each database's own.
/// </summary>
internal abstract class AudienceSql
{
    private readonly DbCommand _command;
    private readonly AudienceReach _reach;

    /// <param name="command">Gets the parameters.</param>
    /// <param name="rule">Whom.</param>
    /// <param name="reach">How many people the statement looks at.</param>
    protected AudienceSql(DbCommand command, AudienceRule rule, AudienceReach reach)
    {
        (_command, _reach) = (command, reach);
        command.Set("@audience_site", rule.Site.Value);

        var matched = new StringBuilder(reach is AudienceReach.Range ? "s.site_id = @audience_site AND s.id > @from AND s.id <= @to" : "s.site_id = @audience_site");
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

    /// <summary>True when a template finds nothing there, or blanks only.</summary>
    public abstract string IsBlank(SubscriberField field);

    /// <summary>A test of <c>t.name</c>: it is one of these, without regard to the case of A to Z.</summary>
    protected abstract string IsNamed(IReadOnlyList<string> names);

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

    /// <summary>
    /// True when the person carries any of the tags; a name that is no tag matches nobody. The tags are looked up once a statement. Who carries them is
    /// listed once for a walk, and asked for each person where there are few: a list of a million for the sake of one would take a second.
    /// </summary>
    private string HasAny(IReadOnlyList<string> names)
    {
        var tags = $"SELECT t.id FROM tags t WHERE t.site_id = @audience_site AND t.discarded_at IS NULL AND {IsNamed(names)}";
        return _reach is AudienceReach.Few
            ? $"EXISTS (SELECT 1 FROM subscriber_tags st WHERE st.subscriber_id = s.id AND st.tag_id IN ({tags}))"
            : $"s.id IN (SELECT st.subscriber_id FROM subscriber_tags st WHERE {(_reach is AudienceReach.Range ? "st.subscriber_id > @from AND st.subscriber_id <= @to AND " : "")}st.tag_id IN ({tags}))";
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

/// <summary>How many people a statement over a rule looks at.</summary>
internal enum AudienceReach
{
    /// <summary>All of the site.</summary>
    Everybody,

    /// <summary>Ids above <c>@from</c> up to <c>@to</c>, which the statement sets.</summary>
    Range,

    /// <summary>One person, or those who share an address.</summary>
    Few,
}
