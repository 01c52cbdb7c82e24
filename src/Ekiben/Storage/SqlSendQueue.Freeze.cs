namespace Ekiben.Storage;

/// <summary>The freeze: range by range, then shards and six figures in one transaction (docs/ledger.md rules 8 and 9).</summary>
internal abstract partial class SqlSendQueue<TLedger>
{
    /// <summary>Subscribers a transaction of the freeze: enough for about 20 ms, so that people's writes never wait long behind it.</summary>
    private const int FreezeTransaction = FreezeRangeLimit / 4;

    public override Task<bool> BeginFreezeAsync(BroadcastId broadcast, CancellationToken cancel) => writer.WriteAsync(ledger =>
    {
        ledger.Around(Failpoint.BeforeFreezeBeginCommit, Failpoint.AfterFreezeBeginCommit);
        var command = ledger.Prepared("""
            UPDATE broadcasts SET status = 'sending', status_reason = NULL, started_at = @now, updated_at = @now, freeze_cursor = 0, matched = 0,
                freeze_top = (SELECT COALESCE(MAX(s.id), 0) FROM subscribers s WHERE s.site_id = broadcasts.site_id)
            WHERE id = @broadcast AND status = 'scheduled' AND started_at IS NULL
            """);
        command.Set("@now", ledger.Now.ToStored());
        command.Set("@broadcast", broadcast.Value);
        return command.ExecuteNonQuery() == 1;
    });

    public override Task<FreezeStep> FreezeNextRangeAsync(BroadcastId broadcast, AudienceRule rule, CancellationToken cancel) =>
        writer.WriteAsync(ledger => NextRange(ledger, broadcast, rule));

    public override async Task<bool> CompleteFreezeAsync(BroadcastId broadcast, CancellationToken cancel)
    {
        // The rows do not change any more, so where the shards end can be read before the transaction that writes them.
        var ends = await ReadShardEndsAsync(broadcast, cancel);
        return await writer.WriteAsync(ledger => Complete(ledger, broadcast, ends));
    }

    /// <summary>
    /// Puts everybody of the ids above <paramref name="from"/> up to <paramref name="to"/> whom the rule matches into <c>recipients</c> or, with the
    /// first reason that applies, into <c>left_out</c> (rule 8). Returns how many matched.
    /// </summary>
    protected abstract long FreezeRange(TLedger ledger, BroadcastId broadcast, AudienceRule rule, long from, long to);

    /// <summary>The cursor moves in the transaction of its range: each subscriber of the site is read once and lands in exactly one place.</summary>
    private FreezeStep NextRange(TLedger ledger, BroadcastId broadcast, AudienceRule rule)
    {
        var read = ledger.Prepared("SELECT freeze_cursor, freeze_top FROM broadcasts WHERE id = @broadcast AND status = 'sending' AND frozen_at IS NULL");
        read.Set("@broadcast", broadcast.Value);
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
        var to = Math.Min(from + FreezeTransaction, top);
        var matched = FreezeRange(ledger, broadcast, rule, from, to);
        var cursor = ledger.Prepared("UPDATE broadcasts SET freeze_cursor = @to, matched = matched + @matched WHERE id = @broadcast");
        cursor.Set("@to", to);
        cursor.Set("@matched", matched);
        cursor.Set("@broadcast", broadcast.Value);
        cursor.ExecuteNonQuery();
        return to >= top ? FreezeStep.Done : FreezeStep.More;
    }

    /// <summary>The last address id of every shard, read before the transaction that needs them.</summary>
    private async Task<IReadOnlyList<long>> ReadShardEndsAsync(BroadcastId broadcast, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT address_id FROM recipients WHERE broadcast_id = @broadcast ORDER BY address_id";
        command.Set("@broadcast", broadcast.Value);
        var ends = new List<long>();
        long last = 0;
        var count = 0;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            last = reader.GetInt64(0);
            if (++count % ShardSize == 0)
            {
                ends.Add(last);
            }
        }

        if (count % ShardSize != 0)
        {
            ends.Add(last);
        }

        return ends;
    }

    /// <summary>
    /// The shards and the six figures, once. A broadcast canceled while it froze closes with the people it had read so far.
    /// False when there is nothing to complete.
    /// </summary>
    private static bool Complete(TLedger ledger, BroadcastId broadcast, IReadOnlyList<long> ends)
    {
        var figures = ledger.Prepared("""
            UPDATE broadcasts SET frozen_at = @now, updated_at = @now,
                recipients = (SELECT COUNT(*) FROM recipients r WHERE r.broadcast_id = @broadcast),
                (excluded, unsubscribed, suppressed_before, duplicate_addresses) =
                    (SELECT COUNT(*) FILTER (WHERE l.reason = 1), COUNT(*) FILTER (WHERE l.reason = 2), COUNT(*) FILTER (WHERE l.reason = 3), COUNT(*) FILTER (WHERE l.reason = 4)
                     FROM left_out l WHERE l.broadcast_id = @broadcast)
            WHERE id = @broadcast AND started_at IS NOT NULL AND frozen_at IS NULL
              AND (status = 'canceled' OR (status = 'sending' AND freeze_cursor >= freeze_top))
            """);
        figures.Set("@now", ledger.Now.ToStored());
        figures.Set("@broadcast", broadcast.Value);
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
        shard.Set("@broadcast", broadcast.Value);
        long first = 0;
        for (var number = 0; number < ends.Count; number++)
        {
            shard.Set("@number", number);
            shard.Set("@first", first);
            shard.Set("@last", ends[number]);
            shard.ExecuteNonQuery();
            first = ends[number] + 1;
        }

        return true;
    }
}
