using System.Globalization;
using Ekiben.Storage;
using Microsoft.Data.Sqlite;

namespace Ekiben.Mailbox;

/// <summary>
/// The built-in mailbox: what test sites send lands here, in <c>mailbox.db</c> of the data folder, and nowhere else.
/// It keeps the newest 50,000 messages or 2 GiB; older ones go.
/// </summary>
internal sealed class MailboxStore : IAsyncDisposable
{
    public const int MaxMessages = 50_000;
    public const long MaxBytes = 2L << 30;

    /// <summary>Messages a page, at most.</summary>
    public const int MaxPage = 200;

    /// <summary>Old messages are dropped once in so many deliveries.</summary>
    private const int TrimEvery = 500;

    private readonly string _connectionString;
    private readonly TimeProvider _clock;
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _writing = new(1, 1);
    private List<Delivery> _waiting = [];
    private long _delivered;
    private bool _created;

    public MailboxStore(EkibenOptions options)
    {
        _clock = options.Clock;
        _connectionString = new SqliteConnectionStringBuilder { DataSource = options.MailboxFile, DefaultTimeout = 5 }.ToString();
    }

    /// <summary>Stores a message; it is on disk when this completes. Deliveries that wait together share one commit.</summary>
    public async Task DeliverAsync(SiteId site, string mailFrom, string recipient, string subject, string messageId, ReadOnlyMemory<byte> raw)
    {
        var delivery = new Delivery(site, mailFrom, recipient, subject, messageId, raw, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_lock)
        {
            _waiting.Add(delivery);
        }

        await _writing.WaitAsync();
        try
        {
            List<Delivery> group;
            lock (_lock)
            {
                group = _waiting;
                _waiting = [];
            }

            if (group.Count > 0)
            {
                Write(group);
            }
        }
        finally
        {
            _writing.Release();
        }

        await delivery.Done.Task;
    }

    /// <summary>Newest first; <paramref name="before"/> leads on from the last id of a page.</summary>
    public async Task<IReadOnlyList<MailboxEntry>> ListAsync(SiteId site, long? before, int limit, CancellationToken cancel)
    {
        await using var connection = Connect();
        await using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT id, received_at, mail_from, rcpt_to, subject, message_id, size FROM messages
            WHERE site_id = @site AND id < @before ORDER BY id DESC LIMIT @limit
            """;
        command.Parameters.AddWithValue("@site", site.Value);
        command.Parameters.AddWithValue("@before", before ?? long.MaxValue);
        command.Parameters.AddWithValue("@limit", Math.Clamp(limit, 1, MaxPage));
        var entries = new List<MailboxEntry>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            entries.Add(new MailboxEntry(
                reader.GetInt64(0),
                Times.FromStored(reader.GetInt64(1)),
                reader.GetString(2),
                reader.GetString(3),
                reader.GetString(4),
                reader.GetString(5),
                reader.GetInt64(6)));
        }

        return entries;
    }

    public async Task<long> CountAsync(SiteId site, CancellationToken cancel)
    {
        await using var connection = Connect();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT COUNT(*) FROM messages WHERE site_id = @site";
        command.Parameters.AddWithValue("@site", site.Value);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>The message as it was handed over, null when it is not there (any more).</summary>
    public async Task<byte[]?> ReadAsync(SiteId site, long id, CancellationToken cancel)
    {
        await using var connection = Connect();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT raw FROM messages WHERE id = @id AND site_id = @site";
        command.Parameters.AddWithValue("@id", id);
        command.Parameters.AddWithValue("@site", site.Value);
        return await command.ExecuteScalarAsync(cancel) as byte[];
    }

    public ValueTask DisposeAsync()
    {
        _writing.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Write(List<Delivery> group)
    {
        try
        {
            using var connection = Connect();
            using (var transaction = connection.BeginTransaction(deferred: false))
            {
                using var insert = connection.CreateCommand();
                insert.Transaction = transaction;
                insert.CommandText = """
                    INSERT INTO messages (site_id, received_at, mail_from, rcpt_to, subject, message_id, size, raw)
                    VALUES (@site, @at, @from, @to, @subject, @message_id, @size, @raw)
                    """;
                var at = _clock.GetUtcNow().ToStored();
                foreach (var delivery in group)
                {
                    insert.Parameters.Clear();
                    insert.Parameters.AddWithValue("@site", delivery.Site.Value);
                    insert.Parameters.AddWithValue("@at", at);
                    insert.Parameters.AddWithValue("@from", delivery.MailFrom);
                    insert.Parameters.AddWithValue("@to", delivery.Recipient);
                    insert.Parameters.AddWithValue("@subject", delivery.Subject);
                    insert.Parameters.AddWithValue("@message_id", delivery.MessageId);
                    insert.Parameters.AddWithValue("@size", delivery.Raw.Length);
                    insert.Parameters.AddWithValue("@raw", delivery.Raw.ToArray());
                    insert.ExecuteNonQuery();
                }

                if ((_delivered + group.Count) / TrimEvery != _delivered / TrimEvery)
                {
                    Trim(connection, transaction);
                }

                transaction.Commit();
            }

            _delivered += group.Count;
            group.ForEach(delivery => delivery.Done.TrySetResult());
        }
        catch (SqliteException exception)
        {
            group.ForEach(delivery => delivery.Done.TrySetException(exception));
        }
    }

    private static void Trim(SqliteConnection connection, SqliteTransaction transaction)
    {
        using var trim = connection.CreateCommand();
        trim.Transaction = transaction;
        trim.CommandText = string.Create(CultureInfo.InvariantCulture, $"""
            DELETE FROM messages WHERE id <= (SELECT COALESCE(MAX(id), 0) - {MaxMessages} FROM messages);
            DELETE FROM messages WHERE id <= (
                SELECT COALESCE(MAX(id), 0) FROM (SELECT id, SUM(size) OVER (ORDER BY id DESC) AS newer FROM messages) WHERE newer > {MaxBytes});
            """);
        trim.ExecuteNonQuery();
    }

    private SqliteConnection Connect()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        lock (_lock)
        {
            if (!_created)
            {
                using var create = connection.CreateCommand();
                create.CommandText = """
                    PRAGMA journal_mode=WAL;
                    CREATE TABLE IF NOT EXISTS messages (
                        id          INTEGER PRIMARY KEY AUTOINCREMENT,
                        site_id     INTEGER NOT NULL,
                        received_at INTEGER NOT NULL,
                        mail_from   TEXT NOT NULL,
                        rcpt_to     TEXT NOT NULL,
                        subject     TEXT NOT NULL,
                        message_id  TEXT NOT NULL,
                        size        INTEGER NOT NULL,
                        raw         BLOB NOT NULL
                    );
                    CREATE INDEX IF NOT EXISTS ix_messages_site ON messages (site_id, id);
                    """;
                create.ExecuteNonQuery();
                _created = true;
            }
        }

        return connection;
    }

    private sealed record Delivery(
        SiteId Site, string MailFrom, string Recipient, string Subject, string MessageId, ReadOnlyMemory<byte> Raw, TaskCompletionSource Done);
}

/// <summary>A line of the mailbox's list.</summary>
internal sealed record MailboxEntry(long Id, DateTimeOffset ReceivedAt, string MailFrom, string RcptTo, string Subject, string MessageId, long Size);
