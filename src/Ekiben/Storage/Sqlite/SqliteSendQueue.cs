using System.Globalization;

namespace Ekiben.Storage.Sqlite;

/// <summary>The ledger on SQLite.</summary>
internal sealed class SqliteSendQueue(SqliteDatabase database, TimeProvider clock, ILogger<SqliteSendQueue> logger)
    : SqlSendQueue<SqliteLedger>(database, new SqliteGroupWriter(database, clock, logger), clock)
{
    protected override string JoinedTagNames => "group_concat(t.name, char(31))";

    protected override string Greatest => "MAX";

    protected override long FreezeRange(SqliteLedger ledger, BroadcastId broadcast, AudienceRule rule, long from, long to)
    {
        ledger.Prepared("CREATE TEMP TABLE IF NOT EXISTS freezing (subscriber_id INTEGER PRIMARY KEY, address_id INTEGER NOT NULL, reason INTEGER NOT NULL)")
            .ExecuteNonQuery();
        ledger.Prepared("DELETE FROM freezing").ExecuteNonQuery();
        var matched = Select(ledger, rule, from, to);

        var recipients = ledger.Prepared("""
            INSERT INTO recipients (broadcast_id, address_id, subscriber_id)
            SELECT @broadcast, address_id, subscriber_id FROM freezing WHERE reason = 0 ORDER BY address_id, subscriber_id
            ON CONFLICT (broadcast_id, address_id) DO NOTHING
            """);
        recipients.Set("@broadcast", broadcast.Value);
        recipients.ExecuteNonQuery();

        var leftOut = ledger.Prepared("""
            INSERT INTO left_out (broadcast_id, subscriber_id, address_id, reason)
            SELECT @broadcast, f.subscriber_id, f.address_id, CASE WHEN f.reason = 0 THEN 4 ELSE f.reason END FROM freezing f
            WHERE f.reason > 0 OR NOT EXISTS (
                SELECT 1 FROM recipients r WHERE r.broadcast_id = @broadcast AND r.address_id = f.address_id AND r.subscriber_id = f.subscriber_id)
            ORDER BY f.subscriber_id
            """);
        leftOut.Set("@broadcast", broadcast.Value);
        leftOut.ExecuteNonQuery();
        return matched;
    }

    /// <summary>Everybody of the range whom the rule matches, with the first reason that leaves them out.</summary>
    private static long Select(SqliteLedger ledger, AudienceRule rule, long from, long to)
    {
        using var select = ledger.Fresh();
        select.Set("@from", from);
        select.Set("@to", to);
        var where = new SqliteAudienceSql(select, rule, AudienceReach.Range);
        select.CommandText = string.Create(CultureInfo.InvariantCulture, $"""
            INSERT INTO freezing (subscriber_id, address_id, reason)
            SELECT s.id, s.address_id, {where.Reason} FROM subscribers s WHERE {where.Matched}
            """);
        return select.ExecuteNonQuery();
    }
}
