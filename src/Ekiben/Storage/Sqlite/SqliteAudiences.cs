using System.Data.Common;
using System.Globalization;
using System.Text;
using Ekiben.Segments;
using Microsoft.Data.Sqlite;

namespace Ekiben.Storage.Sqlite;

/// <summary>Audience rules as SQL with parameters; nothing a client wrote is ever part of the text.</summary>
internal sealed class SqliteAudiences(SqliteDatabase database) : Audiences
{
    protected override Database Database => database;

    protected override string JoinedTagNames => "group_concat(t.name, char(31))";

    protected override AudienceSql Where(DbCommand command, AudienceRule rule, bool ranged = false) => new SqliteAudienceSql((SqliteCommand)command, rule, ranged);

    public override async Task<AudienceCount> CountAsync(AudienceRule rule, CancellationToken cancel)
    {
        await using var connection = database.Connect();
        await using var command = connection.CreateCommand();
        var where = new SqliteAudienceSql(command, rule);
        // The duplicates: people with reason 0 whose address another such person with a lower id has.
        command.CommandText = $"""
            WITH audience AS (SELECT s.id, s.address_id, {where.Reason} AS reason FROM subscribers s WHERE {where.Matched})
            SELECT COUNT(*),
                   COALESCE(SUM(reason = 1), 0), COALESCE(SUM(reason = 2), 0), COALESCE(SUM(reason = 3), 0),
                   (SELECT COUNT(*) - COUNT(DISTINCT address_id) FROM audience WHERE reason = 0)
            FROM audience
            """;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return new AudienceCount(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4));
    }

    public override async Task<IReadOnlyList<SubscriberId>> SampleAsync(AudienceRule rule, SubscriberId after, int limit, CancellationToken cancel)
    {
        await using var connection = database.Connect();
        await using var command = connection.CreateCommand();
        var where = new SqliteAudienceSql(command, rule);
        command.CommandText = $"""
            SELECT s.id FROM subscribers s
            WHERE s.id > @after AND {where.Matched} AND {where.Reason} = 0
            ORDER BY s.id LIMIT @limit
            """;
        command.Parameters.AddWithValue("@after", after.Value);
        command.Parameters.AddWithValue("@limit", limit);
        var ids = new List<SubscriberId>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            ids.Add(new SubscriberId(reader.GetInt64(0)));
        }

        return ids;
    }

    public override async Task<IReadOnlyList<SubscriberId>> MatchedAsync(AudienceRule rule, int skip, int limit, CancellationToken cancel)
    {
        await using var connection = database.Connect();
        await using var command = connection.CreateCommand();
        var where = new SqliteAudienceSql(command, rule);
        command.CommandText = $"SELECT s.id FROM subscribers s WHERE {where.Matched} ORDER BY s.id LIMIT @limit OFFSET @skip";
        command.Parameters.AddWithValue("@limit", limit);
        command.Parameters.AddWithValue("@skip", skip);
        var ids = new List<SubscriberId>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            ids.Add(new SubscriberId(reader.GetInt64(0)));
        }

        return ids;
    }

    public override async Task<IReadOnlyList<long>> CountBlankAsync(AudienceRule rule, IReadOnlyList<SubscriberField> fields, CancellationToken cancel)
    {
        await using var connection = database.Connect();
        await using var command = connection.CreateCommand();
        var where = new SqliteAudienceSql(command, rule);
        var blanks = fields.Select((field, index) => $"{where.IsBlank(field)} AS blank{index}");
        var sums = fields.Select((_, index) => $"COALESCE(SUM(blank{index}), 0)");
        // MIN with bare columns takes them from the row with the lowest id (SQLite's lang_select, "bare columns"): of people who share an
        // address the one who is a recipient.
        command.CommandText = $"""
            SELECT {string.Join(", ", sums)} FROM (
                SELECT MIN(s.id), {string.Join(", ", blanks)} FROM subscribers s
                WHERE {where.Matched} AND {where.Reason} = 0
                GROUP BY s.address_id)
            """;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return [.. Enumerable.Range(0, fields.Count).Select(reader.GetInt64)];
    }

    public override async Task<IReadOnlyList<string>> UnknownTagsAsync(SiteId site, IReadOnlyList<string> names, CancellationToken cancel)
    {
        await using var connection = database.Connect();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT 1 FROM tags WHERE site_id = @site AND name = @name COLLATE NOCASE AND discarded_at IS NULL LIMIT 1";
        command.Parameters.AddWithValue("@site", site.Value);
        var name = command.Parameters.AddWithValue("@name", "");
        var unknown = new List<string>();
        foreach (var tag in names)
        {
            name.Value = tag;
            if (await command.ExecuteScalarAsync(cancel) is null)
            {
                unknown.Add(tag);
            }
        }

        return unknown;
    }
}

/// <summary>The two expressions of a rule over <c>subscribers s</c>: who matches, and the first reason that leaves a matched person out (0 = none).</summary>
internal sealed class SqliteAudienceSql : AudienceSql
{
    private readonly SqliteCommand _command;
    private readonly string _range;

    /// <param name="command">Gets the parameters.</param>
    /// <param name="rule">Whom.</param>
    /// <param name="ranged">True for the freeze, which walks subscriber ids: the statement sets @from (exclusive) and @to, and the tag look-ups keep to them.</param>
    public SqliteAudienceSql(SqliteCommand command, AudienceRule rule, bool ranged = false)
    {
        _command = command;
        _range = ranged ? "st.subscriber_id > @from AND st.subscriber_id <= @to AND " : "";
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

    /// <summary>1 when a template finds nothing there, or blanks only.</summary>
    public override string IsBlank(SubscriberField field)
    {
        var custom = Custom(field.Name);
        var value = (field.IsCustom, field.Name) switch
        {
            (true, _) => custom,
            (false, "first_name") => $"COALESCE(s.first_name, {custom})",
            (false, "last_name") => $"COALESCE(s.last_name, {custom})",
            _ => throw new InvalidOperationException($"no column for {field.Name}"),
        };
        return $"(TRIM(COALESCE({value}, ''), {Parameter(" \t\r\n")}) = '')";
    }

    /// <summary>True when the person carries any of the tags; a name that is no tag matches nobody. The tags are looked up once a statement.</summary>
    private string HasAny(IReadOnlyList<string> names)
    {
        var parameters = string.Join(", ", names.Select(name => Parameter(name)));
        return $"""
            s.id IN (SELECT st.subscriber_id FROM subscriber_tags st WHERE {_range}st.tag_id IN (
                SELECT t.id FROM tags t WHERE t.site_id = @audience_site AND t.discarded_at IS NULL AND t.name COLLATE NOCASE IN ({parameters})))
            """;
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

    /// <summary>A custom field. A quote or backslash cannot be part of a JSON path's label; such keys are compared as they are.</summary>
    private string Custom(string key) => key.AsSpan().IndexOfAny('"', '\\') < 0
        ? $"json_extract(s.fields, {Parameter($"$.\"{key}\"")})"
        : $"(SELECT e.value FROM json_each(s.fields) e WHERE e.key = {Parameter(key)})";

    private string Field(SegmentRule.FieldIs field)
    {
        var column = field.Name switch
        {
            "email" => "(SELECT a.normalised FROM addresses a WHERE a.id = s.address_id)",
            "first_name" => "s.first_name",
            "last_name" => "s.last_name",
            "created_at" => "s.created_at",
            "updated_at" => "s.updated_at",
            "unsubscribed_at" => "s.unsubscribed_at",
            "last_event_at" => "(SELECT MAX(e.at) FROM events e WHERE e.subscriber_id = s.id)",
            _ => Custom(field.Name),
        };
        if (field.Test is FieldTest.Exists)
        {
            return $"COALESCE({column}, '') <> ''";
        }

        if (field.Test is FieldTest.Missing)
        {
            return $"COALESCE({column}, '') = ''";
        }

        var value = field.Name is "created_at" or "updated_at" or "unsubscribed_at" or "last_event_at" ? TimeValue(field.Value) : Value(field.Value);
        // Texts are compared without regard to case; a text never equals a number, so "10" given as a text is compared as a text.
        var text = field.Value is string && value is string ? " COLLATE NOCASE" : "";
        var typed = text.Length > 0 ? $"CAST({column} AS TEXT)" : column;
        return field.Test switch
        {
            FieldTest.Equal => $"{typed} = {Parameter(value)}{text}",
            FieldTest.NotEqual => $"{column} IS NULL OR {typed} <> {Parameter(value)}{text}",
            FieldTest.Greater => $"{typed} > {Parameter(value)}{text}",
            FieldTest.GreaterOrEqual => $"{typed} >= {Parameter(value)}{text}",
            FieldTest.Less => $"{typed} < {Parameter(value)}{text}",
            FieldTest.LessOrEqual => $"{typed} <= {Parameter(value)}{text}",
            FieldTest.Contains => $"instr(lower(CAST({column} AS TEXT)), lower({Parameter(Text(value))})) > 0",
            FieldTest.StartsWith => $"instr(lower(CAST({column} AS TEXT)), lower({Parameter(Text(value))})) = 1",
            FieldTest.EndsWith =>
                $"lower(substr(CAST({column} AS TEXT), -length({Parameter(Text(value))}))) = lower({Parameter(Text(value))})",
            _ => throw new InvalidOperationException($"no SQL for {field.Test}"),
        };
    }

    private static object Value(object? value) => value switch
    {
        bool flag => flag ? 1L : 0L,
        null => "",
        _ => value,
    };

    /// <summary>A time may be given as ISO 8601 or as stored milliseconds; an unreadable one compares as text, so it matches nobody.</summary>
    private static object TimeValue(object? value) =>
        value is string text && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            ? at.ToStored()
            : Value(value);

    private static string Text(object value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    private string Parameter(object value)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"@audience_{_command.Parameters.Count}");
        _command.Parameters.AddWithValue(name, value);
        return name;
    }
}
