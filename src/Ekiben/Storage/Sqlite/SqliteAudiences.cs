using System.Data.Common;
using Ekiben.Segments;

namespace Ekiben.Storage.Sqlite;

/// <summary>Audience rules as SQL with parameters; nothing a client wrote is ever part of the text.</summary>
internal sealed class SqliteAudiences(SqliteDatabase database) : Audiences
{
    protected override Database Database => database;

    protected override string JoinedTagNames => "group_concat(t.name, char(31))";

    protected override AudienceSql Where(DbCommand command, AudienceRule rule, AudienceReach reach = AudienceReach.Everybody) => new SqliteAudienceSql(command, rule, reach);

    public override Task<IReadOnlyList<long>> CountBlankAsync(AudienceRule rule, IReadOnlyList<SubscriberField> fields, CancellationToken cancel) => database.ReadLongAsync<IReadOnlyList<long>>(async connection =>
    {
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
    }, cancel);

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

/// <summary>What a rule's parts are in this database's words.</summary>
internal sealed class SqliteAudienceSql(DbCommand command, AudienceRule rule, AudienceReach reach = AudienceReach.Everybody) : AudienceSql(command, rule, reach)
{
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

    protected override string IsNamed(IReadOnlyList<string> names) => $"t.name COLLATE NOCASE IN ({string.Join(", ", names.Select(name => Parameter(name)))})";

    /// <summary>A custom field. A quote or backslash cannot be part of a JSON path's label; such keys are compared as they are.</summary>
    private string Custom(string key) => key.AsSpan().IndexOfAny('"', '\\') < 0
        ? $"json_extract(s.fields, {Parameter($"$.\"{key}\"")})"
        : $"(SELECT e.value FROM json_each(s.fields) e WHERE e.key = {Parameter(key)})";

    protected override string Field(SegmentRule.FieldIs field)
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
}
