using System.Data.Common;
using System.Globalization;
using Ekiben.Broadcasts;

namespace Ekiben.Storage;

/// <summary>Reads what the ledger holds of one address in one broadcast: at most one row of each table's key, so a few small look-ups.</summary>
internal sealed class Traces(Database database)
{
    /// <summary>Attempts that are read; a recipient has fewer as a rule (RetryPolicy ends them).</summary>
    private const int MaxAttempts = 200;

    /// <summary>The row, its attempts and the people with this address that were left out.</summary>
    public async Task<Trace> ReadAsync(BroadcastId broadcast, AddressId address, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        // One instant, also while it is being sent.
        await using var transaction = await database.BeginSnapshotAsync(connection, cancel);
        return new Trace(
            await ReadRowAsync(Command(), cancel),
            await ReadAttemptsAsync(Command(), cancel),
            await ReadReasonsAsync(Command(), cancel));

        DbCommand Command()
        {
            var command = connection.CreateCommand();
            command.Transaction = transaction;
            command.Set("@broadcast", broadcast.Value);
            command.Set("@address", address.Value);
            return command;
        }
    }

    /// <summary>The last answers to messages of the broadcast that were not accepted at the first try, newest first, at most <paramref name="limit"/>.</summary>
    public async Task<IReadOnlyList<LastAnswer>> LastAnswersAsync(BroadcastId broadcast, int limit, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT t.at, COALESCE(a.normalised, ''), t.outcome, p.code, p.enhanced, p.text
            FROM attempts t LEFT JOIN replies p ON p.id = t.reply_id LEFT JOIN addresses a ON a.id = t.address_id
            WHERE t.broadcast_id = @broadcast ORDER BY t.id DESC LIMIT @limit
            """;
        command.Set("@broadcast", broadcast.Value);
        command.Set("@limit", limit);
        var answers = new List<LastAnswer>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            answers.Add(new LastAnswer(Times.FromStored(reader.GetInt64(0)), reader.GetString(1), reader.GetString(2), Reply(reader, 3)?.ToString() ?? ""));
        }

        return answers;
    }

    private static async Task<TracedRow?> ReadRowAsync(DbCommand command, CancellationToken cancel)
    {
        await using var query = command;
        query.CommandText = """
            SELECT r.state, r.attempts, r.resent, r.not_before, r.last_at, p.code, p.enhanced, p.text, r.subscriber_id
            FROM recipients r LEFT JOIN replies p ON p.id = r.reply_id
            WHERE r.broadcast_id = @broadcast AND r.address_id = @address
            """;
        await using var reader = await query.ExecuteReaderAsync(cancel);
        return !await reader.ReadAsync(cancel)
            ? null
            : new TracedRow(
                (RecipientState)Number(reader, 0),
                Number(reader, 1),
                Number(reader, 2) == 1,
                Number(reader, 2) == 0,
                reader.IsDBNull(3) ? null : Times.FromStored(reader.GetInt64(3)),
                reader.IsDBNull(4) ? null : Times.FromStored(reader.GetInt64(4)),
                Reply(reader, 5),
                new SubscriberId(reader.GetInt64(8)));
    }

    private static async Task<IReadOnlyList<TracedAttempt>> ReadAttemptsAsync(DbCommand command, CancellationToken cancel)
    {
        await using var query = command;
        query.CommandText = """
            SELECT t.number, t.at, t.outcome, t.phase, p.code, p.enhanced, p.text
            FROM attempts t LEFT JOIN replies p ON p.id = t.reply_id
            WHERE t.broadcast_id = @broadcast AND t.address_id = @address ORDER BY t.number, t.id LIMIT @limit
            """;
        query.Set("@limit", MaxAttempts);
        var attempts = new List<TracedAttempt>();
        await using var reader = await query.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            attempts.Add(new TracedAttempt(Number(reader, 0), Times.FromStored(reader.GetInt64(1)), reader.GetString(2), reader.GetString(3), Reply(reader, 4)));
        }

        return attempts;
    }

    private static async Task<IReadOnlyList<LeftOutReason>> ReadReasonsAsync(DbCommand command, CancellationToken cancel)
    {
        await using var query = command;
        // By the people of today first; of somebody erased only the row that names their address is left.
        query.CommandText = """
            SELECT l.reason FROM left_out l
            WHERE l.broadcast_id = @broadcast AND l.subscriber_id IN (SELECT s.id FROM subscribers s WHERE s.address_id = @address)
            ORDER BY l.subscriber_id
            """;
        var reasons = new List<LeftOutReason>();
        await using var reader = await query.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            reasons.Add((LeftOutReason)Number(reader, 0));
        }

        return reasons;
    }

    private static int Number(DbDataReader reader, int column) => Convert.ToInt32(reader.GetValue(column), CultureInfo.InvariantCulture);

    /// <summary>A reply without a code is the reason for which a message could not be made.</summary>
    private static TracedReply? Reply(DbDataReader reader, int first) => reader.IsDBNull(first)
        ? null
        : new TracedReply(Number(reader, first) is var code and not 0 ? code : null, $"{reader.GetString(first + 1)} {reader.GetString(first + 2)}".Trim());
}

/// <summary>What the ledger holds of one address in one broadcast.</summary>
/// <param name="Row">Null for somebody who is no recipient.</param>
/// <param name="Attempts">Those that were not accepted at once, in their order; an accepted first attempt leaves none.</param>
/// <param name="LeftOut">Why matched people with this address are no recipients.</param>
internal sealed record Trace(TracedRow? Row, IReadOnlyList<TracedAttempt> Attempts, IReadOnlyList<LeftOutReason> LeftOut);

/// <summary>The row of a recipient.</summary>
/// <param name="State">Where it stands.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="WasResent">Whether an uncertain message was sent a second time.</param>
/// <param name="IsSecondTryOpen">Whether an uncertain message may still be sent a second time.</param>
/// <param name="NotBefore">When a deferred one is tried again.</param>
/// <param name="LastAt">When it last changed; null = never.</param>
/// <param name="Reply">What was last said of it.</param>
/// <param name="Subscriber">Whose data the message is made from.</param>
internal sealed record TracedRow(
    RecipientState State, int Attempts, bool WasResent, bool IsSecondTryOpen, DateTimeOffset? NotBefore, DateTimeOffset? LastAt, TracedReply? Reply, SubscriberId Subscriber);

/// <summary>One attempt. <paramref name="Outcome"/> and <paramref name="Phase"/> are the words of the ledger.</summary>
internal sealed record TracedAttempt(int Number, DateTimeOffset At, string Outcome, string Phase, TracedReply? Reply);

/// <summary>An answer among the last. <paramref name="Email"/> is empty when the person was deleted, <paramref name="Reply"/> when nothing was said.</summary>
public sealed record LastAnswer(DateTimeOffset At, string Email, string Outcome, string Reply);

/// <summary>A reply's code, null for a sentence of our own, and its text with the enhanced code before it.</summary>
internal sealed record TracedReply(int? Code, string Text)
{
    public override string ToString() => Code is { } code ? $"{code} {Text}".Trim() : Text;
}
