using System.Data.Common;
using Ekiben.Segments;
using Npgsql;

namespace Ekiben.Storage.Postgres;

/// <summary>Audience rules as SQL with parameters; nothing a client wrote is ever part of the text.</summary>
internal sealed class PostgresAudiences(PostgresDatabase database) : Audiences
{
    protected override Database Database => database;

    protected override string JoinedTagNames => "string_agg(t.name, chr(31))";

    protected override AudienceSql Where(DbCommand command, AudienceRule rule, AudienceReach reach = AudienceReach.Everybody) => new PostgresAudienceSql(command, rule, reach);

    public override Task<IReadOnlyList<long>> CountBlankAsync(AudienceRule rule, IReadOnlyList<SubscriberField> fields, CancellationToken cancel) => database.ReadLongAsync<IReadOnlyList<long>>(async connection =>
    {
        await using var command = connection.CreateCommand();
        var where = new PostgresAudienceSql(command, rule);
        var blanks = fields.Select((field, index) => $"{where.IsBlank(field)} AS blank{index}");
        var sums = fields.Select((_, index) => $"COUNT(*) FILTER (WHERE blank{index})");
        // Of people who share an address the one with the lowest id is a recipient.
        command.CommandText = $"""
            SELECT {string.Join(", ", sums)} FROM (
                SELECT DISTINCT ON (s.address_id) {string.Join(", ", blanks)} FROM subscribers s
                WHERE {where.Matched} AND {where.Reason} = 0
                ORDER BY s.address_id, s.id) AS people
            """;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return [.. Enumerable.Range(0, fields.Count).Select(reader.GetInt64)];
    }, cancel);

    public override async Task<IReadOnlyList<string>> UnknownTagsAsync(SiteId site, IReadOnlyList<string> names, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = (NpgsqlCommand)connection.CreateCommand();
        command.CommandText = "SELECT 1 FROM tags WHERE site_id = @site AND lower(name) = @name AND discarded_at IS NULL LIMIT 1";
        command.Parameters.AddWithValue("@site", site.Value);
        var name = command.Parameters.AddWithValue("@name", "");
        var unknown = new List<string>();
        foreach (var tag in names)
        {
            name.Value = Words.AsciiLower(tag);
            if (await command.ExecuteScalarAsync(cancel) is null)
            {
                unknown.Add(tag);
            }
        }

        return unknown;
    }
}

/// <summary>What a rule's parts are in this database's words.</summary>
internal sealed class PostgresAudienceSql(DbCommand command, AudienceRule rule, AudienceReach reach = AudienceReach.Everybody) : AudienceSql(command, rule, reach)
{
    private const string LastEventAt = "(SELECT MAX(e.at) FROM events e WHERE e.subscriber_id = s.id)";

    /// <summary>True when a template finds nothing there, or blanks only.</summary>
    public override string IsBlank(SubscriberField field)
    {
        var custom = TextOf(Json(field.Name));
        var value = (field.IsCustom, field.Name) switch
        {
            (true, _) => custom,
            (false, "first_name") => $"COALESCE(s.first_name, {custom})",
            (false, "last_name") => $"COALESCE(s.last_name, {custom})",
            _ => throw new InvalidOperationException($"no column for {field.Name}"),
        };
        return $"(btrim(COALESCE({value}, ''), {Parameter(" \t\r\n")}) = '')";
    }

    protected override string IsNamed(IReadOnlyList<string> names) => $"lower(t.name) = ANY({Parameter(names.Select(Words.AsciiLower).ToArray())})";

    /// <summary>
    /// The comparisons are SQLite's, so that a rule means the same on each database: texts without regard to the case of A to Z, a text never
    /// equal to a number but above every number, true and false as 1 and 0.
    /// </summary>
    protected override string Field(SegmentRule.FieldIs field)
    {
        // A built-in text has no number in it: what is compared with it is compared as text.
        var (text, number, isText) = field.Name switch
        {
            "email" => ("(SELECT a.normalised FROM addresses a WHERE a.id = s.address_id)", null, ""),
            "first_name" => ("s.first_name", null, ""),
            "last_name" => ("s.last_name", null, ""),
            "created_at" => ("CAST(s.created_at AS text)", "s.created_at", "FALSE"),
            "updated_at" => ("CAST(s.updated_at AS text)", "s.updated_at", "FALSE"),
            "unsubscribed_at" => ("CAST(s.unsubscribed_at AS text)", "s.unsubscribed_at", "FALSE"),
            "last_event_at" => ($"CAST({LastEventAt} AS text)", LastEventAt, "FALSE"),
            _ => OfJson(Json(field.Name.Replace("\"", "", StringComparison.Ordinal))),
        };
        if (field.Test is FieldTest.Exists or FieldTest.Missing)
        {
            return $"COALESCE({text}, '') {(field.Test is FieldTest.Exists ? "<>" : "=")} ''";
        }

        var value = field.Name is "created_at" or "updated_at" or "unsubscribed_at" or "last_event_at" ? TimeValue(field.Value) : Value(field.Value);
        if (field.Test is FieldTest.Contains or FieldTest.StartsWith or FieldTest.EndsWith)
        {
            var part = $"lower({Parameter(Text(value))} COLLATE \"C\")";
            return field.Test switch
            {
                FieldTest.Contains => $"position({part} IN lower({text} COLLATE \"C\")) > 0",
                FieldTest.StartsWith => $"starts_with(lower({text} COLLATE \"C\"), {part})",
                _ => $"right(lower({text} COLLATE \"C\"), length({part})) = {part}",
            };
        }

        if (value is string || number is null)
        {
            var (left, right) = field.Value is string
                ? ($"lower({text} COLLATE \"C\")", $"lower({Parameter(Text(value))} COLLATE \"C\")")
                : ($"({text} COLLATE \"C\")", $"({Parameter(Text(value))} COLLATE \"C\")");
            return Compare(field.Test, left, right, text, "");
        }

        // The parameter's own type decides otherwise whether a comparison is one of integers.
        return Compare(field.Test, number, $"CAST({Parameter(value)} AS numeric)", text, isText);
    }

    private static string Compare(FieldTest test, string left, string right, string any, string isText) => test switch
    {
        FieldTest.Equal => $"{left} = {right}",
        FieldTest.NotEqual => $"{any} IS NULL OR {left} IS DISTINCT FROM {right}",
        FieldTest.Greater => $"{left} > {right}{Or(isText)}",
        FieldTest.GreaterOrEqual => $"{left} >= {right}{Or(isText)}",
        FieldTest.Less => $"{left} < {right}",
        FieldTest.LessOrEqual => $"{left} <= {right}",
        _ => throw new InvalidOperationException($"no SQL for {test}"),
    };

    private static string Or(string condition) => condition.Length > 0 ? $" OR {condition}" : "";

    /// <summary>One value of the custom fields; NULL when there is none.</summary>
    private string Json(string key) => $"(CAST(s.fields AS json) -> {Parameter(key)})";

    private static string TextOf(string json) =>
        $"(CASE json_typeof({json}) WHEN 'boolean' THEN (CASE CAST({json} AS text) WHEN 'true' THEN '1' ELSE '0' END) ELSE {json} #>> '{{}}' END)";

    private static (string Text, string? Number, string IsText) OfJson(string json) => (
        TextOf(json),
        $"(CASE json_typeof({json}) WHEN 'number' THEN CAST({json} #>> '{{}}' AS numeric) WHEN 'boolean' THEN (CASE CAST({json} AS text) WHEN 'true' THEN 1 ELSE 0 END) END)",
        $"json_typeof({json}) IN ('string', 'array', 'object')");
}
