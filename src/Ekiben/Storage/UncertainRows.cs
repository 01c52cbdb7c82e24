using System.Data.Common;
using System.Globalization;
using Ekiben.Broadcasts;
using Microsoft.EntityFrameworkCore.Storage;

namespace Ekiben.Storage;

/// <summary>
/// Uncertain rows as a person decides about them (docs/ledger.md rule 14), inside the transaction that a <see cref="Db"/> has open. Each decision is a line
/// of the audit log whose subject is the broadcast and whose detail is the address id. SQL that both databases read.
/// </summary>
internal static class UncertainRows
{
    public const string SecondTry = "recipient.second_try";
    public const string TreatedAsSent = "recipient.treated_as_sent";

    /// <summary>Of the log's line <c>n</c>: the address that it is about.</summary>
    private const string Noted = $"CASE WHEN n.action = '{TreatedAsSent}' THEN CAST(n.detail AS bigint) END";

    /// <summary>A row <c>r</c> whose second try is closed, was never claimed, and whose person may get mail.</summary>
    private const string MayBeOpened = """
        r.state = 9 AND r.resent = 2
        AND EXISTS (SELECT 1 FROM subscribers s WHERE s.id = r.subscriber_id AND s.unsubscribed_at IS NULL)
        AND NOT EXISTS (SELECT 1 FROM suppressions p JOIN broadcasts b ON b.site_id = p.site_id WHERE b.id = r.broadcast_id AND p.address_id = r.address_id)
        """;

    /// <summary>A row <c>r</c> that nobody tries again by itself, because its second try is closed or was, or the broadcast is over.</summary>
    private const string MayBeNoted = """
        r.state = 9 AND (r.resent <> 0 OR EXISTS (SELECT 1 FROM broadcasts b WHERE b.id = r.broadcast_id AND b.status IN ('sent', 'canceled')))
        """;

    /// <summary>Of a row <c>r</c>, with <c>@subject</c>: somebody noted that it is treated as sent.</summary>
    public static readonly string IsTreatedAsSent = $"EXISTS (SELECT 1 FROM audit_log n WHERE n.subject = @subject AND {Noted} = r.address_id)";

    /// <summary>Opens the second try: of one row, or of all but those that are treated as sent. Returns how many.</summary>
    public static async Task<long> OpenAsync(Db db, BroadcastId broadcast, AddressId? address, string actor, DateTimeOffset now, CancellationToken cancel)
    {
        var which = Which(MayBeOpened, address, exceptNoted: address is null);
        var opened = await NoteAsync(db, broadcast, address, SecondTry, which, actor, now, cancel);
        await using var open = Command(db, broadcast, address, $"UPDATE recipients AS r SET resent = 0 WHERE {which}");
        return await open.ExecuteNonQueryAsync(cancel) == opened ? opened : throw new InvalidOperationException("the rows that were noted are not those that were opened");
    }

    /// <summary>Notes that one row, or all that are not noted yet, are treated as sent. Returns how many.</summary>
    public static Task<long> TreatAsSentAsync(Db db, BroadcastId broadcast, AddressId? address, string actor, DateTimeOffset now, CancellationToken cancel) =>
        NoteAsync(db, broadcast, address, TreatedAsSent, Which(MayBeNoted, address, exceptNoted: true), actor, now, cancel);

    /// <summary>How many could be sent again, and how many could be noted; both without those that are treated as sent.</summary>
    public static Task<(long MayBeSentAgain, long MayBeTreatedAsSent)> CountAsync(Database database, BroadcastId broadcast, CancellationToken cancel) => database.ReadLongAsync(async connection =>
    {
        await using var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT (SELECT COUNT(*) FROM recipients r WHERE {Which(MayBeOpened, null, exceptNoted: true)}), (SELECT COUNT(*) FROM recipients r WHERE {Which(MayBeNoted, null, exceptNoted: true)})
            """;
        command.Set("@broadcast", broadcast.Value);
        command.Set("@subject", SubjectOf(broadcast));
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return (reader.GetInt64(0), reader.GetInt64(1));
    }, cancel);

    /// <summary>How the row stands; null when the address is no recipient.</summary>
    public static async Task<UncertainRow?> FindAsync(Db db, BroadcastId broadcast, AddressId address, CancellationToken cancel)
    {
        await using var command = Command(db, broadcast, address, $"""
            SELECT r.state, r.resent, CASE WHEN {MayBeOpened} THEN 1 ELSE 0 END, CASE WHEN {MayBeNoted} THEN 1 ELSE 0 END, CASE WHEN {IsTreatedAsSent} THEN 1 ELSE 0 END
            FROM recipients r WHERE r.broadcast_id = @broadcast AND r.address_id = @address
            """);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel)
            ? new UncertainRow((RecipientState)reader.GetInt32(0), reader.GetInt32(1), reader.GetInt32(2) == 1, reader.GetInt32(3) == 1, reader.GetInt32(4) == 1)
            : null;
    }

    /// <summary>The rows of a receipt that are uncertain and treated as sent.</summary>
    public static readonly string CountTreatedAsSent = $"""
        SELECT COUNT(DISTINCT r.address_id) FROM audit_log n JOIN recipients r ON r.broadcast_id = @broadcast AND r.address_id = {Noted}
        WHERE n.subject = @subject AND r.state = 9
        """;

    /// <summary>The subject under which the log has what was done to a broadcast and its recipients.</summary>
    public static string SubjectOf(BroadcastId broadcast) => $"broadcast:{broadcast}";

    private static string Which(string may, AddressId? address, bool exceptNoted) =>
        $"r.broadcast_id = @broadcast AND {may}{(address is null ? "" : " AND r.address_id = @address")}{(exceptNoted ? $" AND NOT {IsTreatedAsSent}" : "")}";

    private static async Task<long> NoteAsync(Db db, BroadcastId broadcast, AddressId? address, string action, string which, string actor, DateTimeOffset now, CancellationToken cancel)
    {
        await using var command = Command(db, broadcast, address, $"""
            INSERT INTO audit_log (site_id, actor, action, subject, detail, at)
            SELECT (SELECT b.site_id FROM broadcasts b WHERE b.id = @broadcast), @actor, @action, @subject, CAST(r.address_id AS text), @now FROM recipients r WHERE {which}
            """);
        command.Set("@actor", actor);
        command.Set("@action", action);
        command.Set("@now", now.ToStored());
        return await command.ExecuteNonQueryAsync(cancel);
    }

    private static DbCommand Command(Db db, BroadcastId broadcast, AddressId? address, string sql)
    {
        var transaction = (db.Database.CurrentTransaction ?? throw new InvalidOperationException("a decision about rows needs an open transaction")).GetDbTransaction();
        var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        command.Set("@broadcast", broadcast.Value);
        command.Set("@subject", SubjectOf(broadcast));
        if (address is { } one)
        {
            command.Set("@address", one.Value);
        }

        return command;
    }
}

/// <summary>One recipient's row as a person who decides about it needs to know it.</summary>
/// <param name="State">Where it stands.</param>
/// <param name="Resent">0 the second try is open, 1 it was claimed, 2 there will be none.</param>
/// <param name="MayBeSentAgain">Its second try may be opened.</param>
/// <param name="MayBeTreatedAsSent">Nobody tries it again by itself.</param>
/// <param name="IsTreatedAsSent">Somebody noted that.</param>
internal sealed record UncertainRow(RecipientState State, int Resent, bool MayBeSentAgain, bool MayBeTreatedAsSent, bool IsTreatedAsSent);
