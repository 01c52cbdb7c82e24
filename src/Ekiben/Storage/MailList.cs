using Ekiben.Broadcasts;

namespace Ekiben.Storage;

/// <summary>Reads a site's mails with their states in the ledger. SQL that both databases read.</summary>
internal static class MailList
{
    public const int MaxPage = 200;

    /// <summary>The newest first.</summary>
    /// <param name="database">Where.</param>
    /// <param name="site">Whose.</param>
    /// <param name="state">Only these; null = all.</param>
    /// <param name="hash">Only to this address, by its hash; null = all.</param>
    /// <param name="before">Only with lower ids.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancel">Ends the query.</param>
    public static async Task<IReadOnlyList<MailLine>> ReadAsync(
        Database database, SiteId site, RecipientState? state, byte[]? hash, long before, int limit, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT m.id, COALESCE(NULLIF(a.normalised, ''), '(deleted)'), COALESCE(c.subject, ''), r.state, r.attempts, p.code, p.enhanced, p.text,
                   r.last_at, r.not_before, m.created_at, CASE WHEN m.is_transactional THEN 1 ELSE 0 END, m.created_by
            FROM mails m
            JOIN broadcasts b ON b.site_id = m.site_id AND b.is_stream
            JOIN recipients r ON r.broadcast_id = b.id AND r.address_id = m.id
            JOIN addresses a ON a.id = m.address_id
            LEFT JOIN mail_contents c ON c.id = m.content_id
            LEFT JOIN replies p ON p.id = r.reply_id
            WHERE m.site_id = @site AND m.id < @before {(state is null ? "" : "AND r.state = @state")} {(hash is null ? "" : "AND a.hash = @hash")}
            ORDER BY m.id DESC LIMIT @limit
            """;
        command.Set("@site", site.Value);
        command.Set("@before", before);
        command.Set("@limit", limit);
        if (state is { } one)
        {
            command.Set("@state", (int)one);
        }

        if (hash is not null)
        {
            command.Set("@hash", hash);
        }

        var lines = new List<MailLine>();
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
                reader.GetString(12)));
        }

        return lines;
    }
}

/// <summary>A mail and how it stands. <c>Reply</c> is what the relay said last, or why it could not be made; the subject is before its variables.</summary>
internal sealed record MailLine(
    long Id, string Email, string Subject, string State, int Attempts, int? Code, string? Reply, DateTimeOffset? LastAt, DateTimeOffset? NotBefore, DateTimeOffset CreatedAt,
    bool Transactional, string CreatedBy);
