using System.Data.Common;
using System.Text.Json.Serialization;
using Ekiben.Broadcasts;

namespace Ekiben.Storage;

/// <summary>
/// Reads a site's mails with their states in the ledger. SQL that both databases read. A page costs what it shows, however many mails there are:
/// it begins after the row before, a state is looked for in the shards that count one, an origin has an index, and an address its mails.
/// </summary>
internal static class MailList
{
    public const int MaxPage = 200;

    /// <summary>A search that finds more addresses than this reads mails instead, the newest first: it finds them there soon.</summary>
    private const int FewAddresses = 200;

    /// <summary>The newest first.</summary>
    /// <param name="database">Where.</param>
    /// <param name="site">Whose.</param>
    /// <param name="filter">Which.</param>
    /// <param name="before">Only with lower ids.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancel">Ends the query.</param>
    public static async Task<IReadOnlyList<MailLine>> ReadAsync(Database database, SiteId site, MailFilter filter, long before, int limit, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        if (await FindStreamAsync(connection, site, cancel) is not { } stream)
        {
            return [];
        }

        var addresses = await FindAddressesAsync(connection, site, filter, cancel);
        var lines = new List<MailLine>();
        if (addresses is { Count: 0 })
        {
            return lines;
        }

        if (filter.State is not { } state || addresses is not null)
        {
            await AddAsync(lines, connection, site, stream, filter, addresses, 0, before - 1, limit, cancel);
            return lines;
        }

        foreach (var (first, last) in await FindShardsAsync(connection, stream, state, before, cancel))
        {
            await AddAsync(lines, connection, site, stream, filter, null, first, Math.Min(last, before - 1), limit - lines.Count, cancel);
            if (lines.Count >= limit)
            {
                break;
            }
        }

        return lines;
    }

    private static async Task<long?> FindStreamAsync(DbConnection connection, SiteId site, CancellationToken cancel)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT id FROM broadcasts WHERE site_id = @site AND is_stream";
        command.Set("@site", site.Value);
        return await command.ExecuteScalarAsync(cancel) as long?;
    }

    /// <summary>The ids of the addresses that are looked for; null when mails are to be looked through instead.</summary>
    private static async Task<IReadOnlyList<long>?> FindAddressesAsync(DbConnection connection, SiteId site, MailFilter filter, CancellationToken cancel)
    {
        if (filter.Hash is null && filter.Text is null)
        {
            return null;
        }

        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT id FROM addresses WHERE site_id = @site AND {(filter.Hash is null ? "normalised LIKE @text ESCAPE '!'" : "hash = @hash")} LIMIT {FewAddresses + 1}";
        command.Set("@site", site.Value);
        SetWanted(command, filter);
        var found = new List<long>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            found.Add(reader.GetInt64(0));
        }

        return found.Count > FewAddresses ? null : found;
    }

    /// <summary>Ranges of mails among which somebody is in the state, the newest first: the ledger keeps the counts with the rows (ledger.md rule 17).</summary>
    private static async Task<IReadOnlyList<(long First, long Last)>> FindShardsAsync(DbConnection connection, long stream, RecipientState state, long before, CancellationToken cancel)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT first_address, last_address FROM shards
            WHERE broadcast_id = @stream AND {Words.SnakeCase(state.ToString())} > 0 AND first_address < @before ORDER BY first_address DESC
            """;
        command.Set("@stream", stream);
        command.Set("@before", before);
        var shards = new List<(long, long)>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            shards.Add((reader.GetInt64(0), reader.GetInt64(1)));
        }

        return shards;
    }

    private static async Task AddAsync(
        List<MailLine> lines, DbConnection connection, SiteId site, long stream, MailFilter filter, IReadOnlyList<long>? addresses, long first, long last, int limit, CancellationToken cancel)
    {
        await using var command = connection.CreateCommand();
        // To SQLite CROSS JOIN is the order of reading, mails first, and a plus keeps it from an index: an address has few mails, its site a million.
        command.CommandText = $"""
            SELECT m.id, COALESCE(NULLIF(a.normalised, ''), '(deleted)'), COALESCE(c.subject, ''), r.state, r.attempts, p.code, p.enhanced, p.text,
                   r.last_at, r.not_before, m.created_at, CASE WHEN m.is_transactional THEN 1 ELSE 0 END, m.created_by, m.subscriber_id, q.public_id, q.name, s.position
            FROM mails m CROSS JOIN recipients r CROSS JOIN addresses a
            LEFT JOIN mail_contents c ON c.id = m.content_id
            LEFT JOIN replies p ON p.id = r.reply_id
            LEFT JOIN sequence_steps s ON s.id = m.step_id
            LEFT JOIN sequences q ON q.id = s.sequence_id
            WHERE r.broadcast_id = @stream AND r.address_id = m.id AND a.id = m.address_id AND {(addresses is null ? "m.site_id = @site AND m.id" : "+m.site_id = @site AND +m.id")} BETWEEN @first AND @last
              {(filter.State is null ? "" : "AND r.state = @state")}
              {(filter.Origin switch { MailOrigin.Api => "AND m.step_id IS NULL", MailOrigin.Sequence => "AND m.step_id IS NOT NULL", _ => "" })}
              {(addresses is not null ? $"AND m.address_id IN ({string.Join(", ", addresses)})" : filter.Text is not null ? "AND a.normalised LIKE @text ESCAPE '!'" : "")}
            ORDER BY m.id DESC LIMIT @limit
            """;
        command.Set("@stream", stream);
        command.Set("@site", site.Value);
        command.Set("@first", first);
        command.Set("@last", last);
        command.Set("@limit", limit);
        if (filter.State is { } state)
        {
            command.Set("@state", (int)state);
        }

        if (addresses is null)
        {
            SetWanted(command, filter);
        }

        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            var code = reader.IsDBNull(5) ? 0 : reader.GetInt32(5);
            lines.Add(new MailLine(
                reader.GetInt64(0),
                reader.GetString(1),
                reader.GetString(2),
                Words.SnakeCase(((RecipientState)reader.GetInt32(3)).ToString()),
                reader.GetInt32(4),
                code == 0 ? null : code,
                reader.IsDBNull(7) ? null : $"{reader.GetString(6)} {reader.GetString(7)}".Trim(),
                reader.IsDBNull(8) ? null : Times.FromStored(reader.GetInt64(8)),
                reader.IsDBNull(9) ? null : Times.FromStored(reader.GetInt64(9)),
                Times.FromStored(reader.GetInt64(10)),
                reader.GetInt32(11) == 1,
                reader.GetString(12),
                reader.IsDBNull(14) ? null : new MailStep(reader.GetString(14), reader.GetString(15), reader.GetInt32(16) + 1))
            {
                Person = new SubscriberId(reader.GetInt64(13)),
            });
        }
    }

    private static void SetWanted(DbCommand command, MailFilter filter)
    {
        if (filter.Hash is not null)
        {
            command.Set("@hash", filter.Hash);
        }
        else if (filter.Text is { } text)
        {
            command.Set("@text", $"%{text.Replace("!", "!!", StringComparison.Ordinal).Replace("%", "!%", StringComparison.Ordinal).Replace("_", "!_", StringComparison.Ordinal)}%");
        }
    }
}

/// <summary>Which mails a list shows; everything is optional and goes together.</summary>
/// <param name="State">Only in this state.</param>
/// <param name="Origin">Only what came from there.</param>
/// <param name="Hash">Only to this address, by its hash.</param>
/// <param name="Text">Only to addresses with this part, in lower case; not beside <paramref name="Hash"/>.</param>
internal sealed record MailFilter(RecipientState? State = null, MailOrigin? Origin = null, byte[]? Hash = null, string? Text = null);

/// <summary>What a mail came from.</summary>
internal enum MailOrigin
{
    /// <summary>A program asked for it.</summary>
    Api,

    /// <summary>It is a step of a sequence.</summary>
    Sequence,
}

/// <summary>
/// A mail and how it stands. <c>Reply</c> is what the relay said last, or why it could not be made; the subject is before its variables; <c>Step</c> is
/// the step of a sequence that it is, null when a program asked for it.
/// </summary>
internal sealed record MailLine(
    long Id, string Email, string Subject, string State, int Attempts, int? Code, string? Reply, DateTimeOffset? LastAt, DateTimeOffset? NotBefore, DateTimeOffset CreatedAt,
    bool Transactional, string CreatedBy, MailStep? Step)
{
    /// <summary>Whose; a number that only the platform's addresses carry.</summary>
    [JsonIgnore]
    public SubscriberId Person { get; init; }
}

/// <summary>A step of a sequence, counted from 1.</summary>
internal sealed record MailStep(string SequenceId, string SequenceName, int Number);
