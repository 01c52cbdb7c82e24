using System.Globalization;

namespace Ekiben.Storage.Sqlite;

/// <summary>Freezing an audience range by range (ledger.md rules 8 and 9): each subscriber of the site is read once and lands in exactly one place.</summary>
internal sealed class SqliteFreeze(SqliteDatabase database)
{
    /// <summary>Subscribers a transaction: enough for about 20 ms, so that people's writes never wait long behind it.</summary>
    private const int Range = SendQueue.FreezeRange / 4;

    public FreezeStep NextRange(SqliteLedger ledger, BroadcastId broadcast, AudienceRule rule)
    {
        var read = ledger.Prepared("SELECT freeze_cursor, freeze_top FROM broadcasts WHERE id = @broadcast AND status = 'sending' AND frozen_at IS NULL");
        SqliteLedger.Set(read, "@broadcast", broadcast.Value);
        long from, top;
        using (var reader = read.ExecuteReader())
        {
            if (!reader.Read())
            {
                return FreezeStep.Stopped;
            }

            (from, top) = (reader.GetInt64(0), reader.GetInt64(1));
        }

        if (from >= top)
        {
            return FreezeStep.Done;
        }

        ledger.Around(Failpoint.BeforeFreezeRangeCommit, Failpoint.AfterFreezeRangeCommit);
        var to = Math.Min(from + Range, top);
        ledger.Prepared("CREATE TEMP TABLE IF NOT EXISTS freezing (subscriber_id INTEGER PRIMARY KEY, address_id INTEGER NOT NULL, reason INTEGER NOT NULL)")
            .ExecuteNonQuery();
        ledger.Prepared("DELETE FROM freezing").ExecuteNonQuery();
        var matched = Select(ledger, rule, from, to);

        var recipients = ledger.Prepared("""
            INSERT INTO recipients (broadcast_id, address_id, subscriber_id)
            SELECT @broadcast, address_id, subscriber_id FROM freezing WHERE reason = 0 ORDER BY address_id, subscriber_id
            ON CONFLICT (broadcast_id, address_id) DO NOTHING
            """);
        SqliteLedger.Set(recipients, "@broadcast", broadcast.Value);
        recipients.ExecuteNonQuery();

        var leftOut = ledger.Prepared("""
            INSERT INTO left_out (broadcast_id, subscriber_id, address_id, reason)
            SELECT @broadcast, f.subscriber_id, f.address_id, CASE WHEN f.reason = 0 THEN 4 ELSE f.reason END FROM freezing f
            WHERE f.reason > 0 OR NOT EXISTS (
                SELECT 1 FROM recipients r WHERE r.broadcast_id = @broadcast AND r.address_id = f.address_id AND r.subscriber_id = f.subscriber_id)
            ORDER BY f.subscriber_id
            """);
        SqliteLedger.Set(leftOut, "@broadcast", broadcast.Value);
        leftOut.ExecuteNonQuery();

        var cursor = ledger.Prepared("UPDATE broadcasts SET freeze_cursor = @to, matched = matched + @matched WHERE id = @broadcast");
        SqliteLedger.Set(cursor, "@to", to);
        SqliteLedger.Set(cursor, "@matched", matched);
        SqliteLedger.Set(cursor, "@broadcast", broadcast.Value);
        cursor.ExecuteNonQuery();
        return to >= top ? FreezeStep.Done : FreezeStep.More;
    }

    /// <summary>The last address id of every full shard, read before the transaction that needs them.</summary>
    public IReadOnlyList<long> ReadShardEnds(BroadcastId broadcast, int size)
    {
        using var connection = database.Connect();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT address_id FROM recipients WHERE broadcast_id = @broadcast ORDER BY address_id";
        command.Parameters.AddWithValue("@broadcast", broadcast.Value);
        var ends = new List<long>();
        using var reader = command.ExecuteReader();
        long last = 0;
        var count = 0;
        while (reader.Read())
        {
            last = reader.GetInt64(0);
            if (++count % size == 0)
            {
                ends.Add(last);
            }
        }

        if (count % size != 0)
        {
            ends.Add(last);
        }

        return ends;
    }

    /// <summary>
    /// The shards and the six figures, once. A broadcast canceled while it froze closes with the people it had read so far.
    /// False when there is nothing to complete.
    /// </summary>
    public bool Complete(SqliteLedger ledger, BroadcastId broadcast, IReadOnlyList<long> ends)
    {
        var figures = ledger.Prepared("""
            UPDATE broadcasts SET frozen_at = @now, updated_at = @now,
                recipients = (SELECT COUNT(*) FROM recipients r WHERE r.broadcast_id = @broadcast),
                (excluded, unsubscribed, suppressed_before, duplicate_addresses) =
                    (SELECT COALESCE(SUM(l.reason = 1), 0), COALESCE(SUM(l.reason = 2), 0), COALESCE(SUM(l.reason = 3), 0), COALESCE(SUM(l.reason = 4), 0)
                     FROM left_out l WHERE l.broadcast_id = @broadcast)
            WHERE id = @broadcast AND started_at IS NOT NULL AND frozen_at IS NULL
              AND (status = 'canceled' OR (status = 'sending' AND freeze_cursor >= freeze_top))
            """);
        SqliteLedger.Set(figures, "@now", ledger.Now.ToStored());
        SqliteLedger.Set(figures, "@broadcast", broadcast.Value);
        if (figures.ExecuteNonQuery() == 0)
        {
            return false;
        }

        ledger.Around(Failpoint.BeforeFreezeCompleteCommit, Failpoint.AfterFreezeCompleteCommit);
        var shard = ledger.Prepared("""
            INSERT INTO shards (broadcast_id, number, first_address, last_address, pending)
            VALUES (@broadcast, @number, @first, @last,
                (SELECT COUNT(*) FROM recipients WHERE broadcast_id = @broadcast AND address_id BETWEEN @first AND @last))
            """);
        SqliteLedger.Set(shard, "@broadcast", broadcast.Value);
        long first = 0;
        for (var number = 0; number < ends.Count; number++)
        {
            SqliteLedger.Set(shard, "@number", number);
            SqliteLedger.Set(shard, "@first", first);
            SqliteLedger.Set(shard, "@last", ends[number]);
            shard.ExecuteNonQuery();
            first = ends[number] + 1;
        }

        return true;
    }

    /// <summary>Everybody of the range whom the rule matches, with the first reason that leaves them out.</summary>
    private static long Select(SqliteLedger ledger, AudienceRule rule, long from, long to)
    {
        using var select = ledger.Fresh();
        SqliteLedger.Set(select, "@from", from);
        SqliteLedger.Set(select, "@to", to);
        var where = new SqliteAudienceSql(select, rule, ranged: true);
        select.CommandText = string.Create(CultureInfo.InvariantCulture, $"""
            INSERT INTO freezing (subscriber_id, address_id, reason)
            SELECT s.id, s.address_id, {where.Reason} FROM subscribers s WHERE {where.Matched}
            """);
        return select.ExecuteNonQuery();
    }
}
