using System.Data.Common;
using Ekiben.Broadcasts;

namespace Ekiben.Storage;

/// <summary>
/// The ledger in SQL that both databases read the same: writes go through the <see cref="GroupWriter{TLedger}"/>, reads have connections of their own.
/// </summary>
internal abstract partial class SqlSendQueue<TLedger>(Database database, GroupWriter<TLedger> writer, TimeProvider clock) : SendQueue
    where TLedger : Ledger
{
    /// <summary>Rows that canceling moves a transaction: a shard.</summary>
    private const string CancelShard = """
        UPDATE recipients SET state = 8, not_before = NULL, last_at = @now
        WHERE broadcast_id = @broadcast AND address_id BETWEEN @first AND @last AND state IN (0, 2)
        """;

    private const string MailColumns = ", m.address_id, m.content_id, m.personalizations, CASE WHEN m.is_transactional THEN 1 ELSE 0 END, m.cc, m.bcc, COALESCE(m.created_at, 0)";

    public override string? Blind => writer.Blind;

    public override async Task<IReadOnlyList<WorkItem>> ReadWorkAsync(CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT b.id, b.status,
                   CASE WHEN b.status = 'scheduled' THEN {Greatest}(COALESCE(b.send_at, 0), COALESCE(
                       (SELECT a.effective_at FROM approvals a WHERE a.broadcast_id = b.id AND a.revoked_at IS NULL ORDER BY a.id DESC LIMIT 1), 0)) END,
                   b.batch_size_per_hour, 0, 0, b.updated_at
            FROM broadcasts b WHERE b.status IN ('scheduled', 'sending') AND NOT b.is_stream
            UNION ALL
            SELECT b.id, b.status, CAST(NULL AS bigint), b.batch_size_per_hour, 1, MAX(CASE WHEN sh.pending > 0 THEN 1 ELSE 0 END), CAST(0 AS bigint)
            FROM broadcasts b JOIN shards sh ON sh.broadcast_id = b.id
            WHERE b.is_stream AND b.status = 'sending' AND sh.pending + sh.sending + sh.deferred + sh.uncertain > 0
            GROUP BY b.id, b.status, b.batch_size_per_hour
            UNION ALL
            SELECT b.id, b.status, CAST(NULL AS bigint), CAST(NULL AS integer), 0, 0, b.updated_at FROM broadcasts b
            WHERE b.status = 'canceled' AND b.started_at IS NOT NULL
              AND (b.frozen_at IS NULL OR EXISTS (SELECT 1 FROM shards sh WHERE sh.broadcast_id = b.id AND sh.pending + sh.deferred > 0))
            """;
        var work = new List<WorkItem>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            work.Add(new WorkItem(
                new BroadcastId(reader.GetInt64(0)),
                BroadcastTransitions.FromWord(reader.GetString(1)),
                reader.IsDBNull(2) ? null : Times.FromStored(reader.GetInt64(2)),
                reader.IsDBNull(3) ? null : reader.GetInt32(3))
            {
                IsStream = reader.GetInt32(4) == 1,
                HasArrivals = reader.GetInt32(5) == 1,
                Version = reader.GetInt64(6),
            });
        }

        return work;
    }

    public override Task<long> RecoverAsync(BroadcastId? broadcast, CancellationToken cancel) => writer.WriteAsync(ledger =>
    {
        // Rows "sending" when the former process died: their messages may have left. Under "hold", and after a second try, that is final.
        var shards = ledger.Prepared("SELECT id FROM shards WHERE sending > 0 AND (CAST(@broadcast AS bigint) IS NULL OR broadcast_id = CAST(@broadcast AS bigint))");
        shards.Set("@broadcast", broadcast?.Value);
        var ids = new List<long>();
        using (var reader = shards.ExecuteReader())
        {
            while (reader.Read())
            {
                ids.Add(reader.GetInt64(0));
            }
        }

        if (ids.Count > 0)
        {
            ledger.Around(Failpoint.BeforeRecoverCommit, Failpoint.AfterRecoverCommit);
        }

        long recovered = 0;
        foreach (var id in ids)
        {
            var attempts = ledger.Prepared("""
                INSERT INTO attempts (broadcast_id, address_id, number, at, outcome, phase)
                SELECT r.broadcast_id, r.address_id, r.attempts, @now, 'uncertain', 'unknown'
                FROM shards sh JOIN recipients r ON r.broadcast_id = sh.broadcast_id AND r.address_id BETWEEN sh.first_address AND sh.last_address
                WHERE sh.id = @shard AND r.state = 1
                """);
            attempts.Set("@now", ledger.Now.ToStored());
            attempts.Set("@shard", id);
            attempts.ExecuteNonQuery();

            var first = ledger.Prepared("""
                SELECT COUNT(*) FILTER (WHERE r.resent = 0)
                FROM shards sh JOIN recipients r ON r.broadcast_id = sh.broadcast_id AND r.address_id BETWEEN sh.first_address AND sh.last_address
                WHERE sh.id = @shard AND r.state = 1
                """);
            first.Set("@shard", id);
            var newlyUncertain = (long)first.ExecuteScalar()!;

            var rows = ledger.Prepared("""
                UPDATE recipients SET state = 9, last_at = @now,
                    resent = CASE WHEN resent = 0 AND (SELECT b.uncertain_policy FROM broadcasts b WHERE b.id = recipients.broadcast_id) = 'hold'
                                  THEN 2 ELSE resent END
                WHERE state = 1 AND broadcast_id = (SELECT sh.broadcast_id FROM shards sh WHERE sh.id = @shard)
                  AND address_id BETWEEN (SELECT sh.first_address FROM shards sh WHERE sh.id = @shard) AND (SELECT sh.last_address FROM shards sh WHERE sh.id = @shard)
                """);
            rows.Set("@now", ledger.Now.ToStored());
            rows.Set("@shard", id);
            var moved = rows.ExecuteNonQuery();
            recovered += moved;

            var counts = ledger.Prepared(
                "UPDATE shards SET sending = sending - @moved, uncertain = uncertain + @moved, uncertain_ever = uncertain_ever + @new WHERE id = @shard");
            counts.Set("@moved", moved);
            counts.Set("@new", newlyUncertain);
            counts.Set("@shard", id);
            counts.ExecuteNonQuery();
        }

        return recovered;
    });

    public override Task<IReadOnlyList<TakenShard>> TakeShardsAsync(BroadcastId broadcast, CancellationToken cancel, int above = -1) =>
        writer.WriteAsync<IReadOnlyList<TakenShard>>(ledger =>
        {
            var command = ledger.Prepared("""
                UPDATE shards SET epoch = epoch + 1
                WHERE broadcast_id = @broadcast AND number > @above AND pending + sending + deferred + uncertain > 0
                RETURNING id, number, first_address, last_address, epoch, (SELECT b.site_id FROM broadcasts b WHERE b.id = broadcast_id),
                    (SELECT CASE WHEN b.is_stream THEN 1 ELSE 0 END FROM broadcasts b WHERE b.id = broadcast_id)
                """);
            command.Set("@broadcast", broadcast.Value);
            command.Set("@above", above);
            ledger.Around(Failpoint.BeforeTakeShardsCommit, Failpoint.AfterTakeShardsCommit);
            var shards = new List<TakenShard>();
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                shards.Add(new TakenShard(
                    new ShardId(reader.GetInt64(0)),
                    broadcast,
                    new SiteId(reader.GetInt64(5)),
                    reader.GetInt32(1),
                    new AddressId(reader.GetInt64(2)),
                    new AddressId(reader.GetInt64(3)),
                    reader.GetInt32(4))
                { IsStream = reader.GetInt32(6) == 1 });
            }

            shards.Sort((a, b) => a.Number.CompareTo(b.Number));
            return shards;
        });

    public override Task<IReadOnlyList<Candidate>> ReadPendingAsync(TakenShard shard, AddressId after, int limit, CancellationToken cancel) =>
        ReadAsync(shard, limit, "AND r.address_id > @after AND r.state = 0", after.Value, cancel);

    public override Task<IReadOnlyList<Candidate>> ReadDueAsync(TakenShard shard, RecipientState state, int limit, CancellationToken cancel) =>
        ReadAsync(
            shard,
            limit,
            state == RecipientState.Uncertain ? "AND r.state = 9 AND r.resent = 0" : "AND r.state = 2 AND r.not_before <= @now",
            shard.First.Value - 1,
            cancel);

    public override async Task<DateTimeOffset?> NextDueAsync(TakenShard shard, DateTimeOffset after, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT MIN(not_before) FROM recipients
            WHERE broadcast_id = @broadcast AND address_id BETWEEN @first AND @last AND state = 2 AND not_before > @after
            """;
        command.Set("@broadcast", shard.Broadcast.Value);
        command.Set("@first", shard.First.Value);
        command.Set("@last", shard.Last.Value);
        command.Set("@after", after.ToStored());
        return await command.ExecuteScalarAsync(cancel) is long at ? Times.FromStored(at) : null;
    }

    public override ValueTask<ClaimAnswer> ExchangeAsync(Exchange exchange, CancellationToken cancel) => writer.ExchangeAsync(exchange);

    public override Task<bool> HoldAsync(BroadcastId broadcast, string reason, CancellationToken cancel) => HoldAsync(broadcast, "sending", reason);

    public override Task<bool> HoldBeforeStartAsync(BroadcastId broadcast, string reason, CancellationToken cancel) => HoldAsync(broadcast, "scheduled", reason);

    public override async Task CancelRowsAsync(BroadcastId broadcast, CancellationToken cancel)
    {
        await CompleteFreezeAsync(broadcast, cancel);
        while (!cancel.IsCancellationRequested && await writer.WriteAsync(ledger => CancelNextShard(ledger, broadcast)))
        {
        }
    }

    public override async Task<string?> CloseAsync(BroadcastId broadcast, CancellationToken cancel)
    {
        var addsUp = await writer.WriteAsync(ledger =>
        {
            ledger.Around(Failpoint.BeforeCloseCommit, Failpoint.AfterCloseCommit);
            var command = ledger.Prepared("""
                UPDATE broadcasts SET status = 'sent', finished_at = @now, updated_at = @now,
                    status_reason = CASE WHEN recipients = 0 THEN 'Nobody matched.' END
                WHERE id = @broadcast AND status = 'sending' AND frozen_at IS NOT NULL
                  AND matched = recipients + excluded + unsubscribed + suppressed_before + duplicate_addresses
                  AND recipients = (SELECT COUNT(*) FROM recipients r WHERE r.broadcast_id = @broadcast)
                  AND (excluded, unsubscribed, suppressed_before, duplicate_addresses) =
                      (SELECT COUNT(*) FILTER (WHERE l.reason = 1), COUNT(*) FILTER (WHERE l.reason = 2), COUNT(*) FILTER (WHERE l.reason = 3), COUNT(*) FILTER (WHERE l.reason = 4)
                       FROM left_out l WHERE l.broadcast_id = @broadcast)
                  AND (SELECT COALESCE(SUM(accepted), 0) FROM shards WHERE broadcast_id = @broadcast) =
                      (SELECT COUNT(*) FROM recipients r WHERE r.broadcast_id = @broadcast AND r.state = 3)
                  AND NOT EXISTS (SELECT 1 FROM recipients r WHERE r.broadcast_id = @broadcast AND (r.state IN (0, 1, 2) OR (r.state = 9 AND r.resent = 0)))
                """);
            command.Set("@now", ledger.Now.ToStored());
            command.Set("@broadcast", broadcast.Value);
            if (command.ExecuteNonQuery() == 1)
            {
                return true;
            }

            // Paused or canceled at the last moment says nothing about its figures.
            var sending = ledger.Prepared("SELECT COUNT(*) FROM broadcasts WHERE id = @broadcast AND status = 'sending'");
            sending.Set("@broadcast", broadcast.Value);
            return (long)sending.ExecuteScalar()! == 0;
        });
        return addsUp ? null : "The receipt does not add up: the rows counted now are not the figures written when the audience was frozen.";
    }

    public override async Task<IReadOnlyList<BroadcastId>> RecountAsync(DateTimeOffset since, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        // One statement is one snapshot: counts and rows of the same instant.
        command.CommandText = """
            SELECT b.id FROM broadcasts b
            WHERE b.frozen_at IS NOT NULL AND (b.updated_at >= @since OR b.status IN ('sending', 'paused', 'held'))
              AND (SELECT COALESCE(SUM(pending), 0) || ' ' || COALESCE(SUM(sending), 0) || ' ' || COALESCE(SUM(deferred), 0) || ' ' || COALESCE(SUM(accepted), 0) || ' ' || COALESCE(SUM(refused), 0) || ' ' ||
                          COALESCE(SUM(expired), 0) || ' ' || COALESCE(SUM(suppressed), 0) || ' ' || COALESCE(SUM(render_failed), 0) || ' ' ||
                          COALESCE(SUM(canceled), 0) || ' ' || COALESCE(SUM(uncertain), 0) FROM shards WHERE broadcast_id = b.id)
               <> (SELECT COUNT(*) FILTER (WHERE state = 0) || ' ' || COUNT(*) FILTER (WHERE state = 1) || ' ' || COUNT(*) FILTER (WHERE state = 2) || ' ' || COUNT(*) FILTER (WHERE state = 3) || ' ' ||
                          COUNT(*) FILTER (WHERE state = 4) || ' ' || COUNT(*) FILTER (WHERE state = 5) || ' ' || COUNT(*) FILTER (WHERE state = 6) || ' ' || COUNT(*) FILTER (WHERE state = 7) || ' ' ||
                          COUNT(*) FILTER (WHERE state = 8) || ' ' || COUNT(*) FILTER (WHERE state = 9) FROM recipients WHERE broadcast_id = b.id)
            """;
        command.Set("@since", since.ToStored());
        var differing = new List<BroadcastId>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            differing.Add(new BroadcastId(reader.GetInt64(0)));
        }

        return differing;
    }

    public override ValueTask DisposeAsync() => writer.DisposeAsync();

    /// <summary>The aggregate of <c>t.name</c> with U+001F between.</summary>
    protected abstract string JoinedTagNames { get; }

    /// <summary>The function that gives the greatest of its arguments.</summary>
    protected abstract string Greatest { get; }

    private Task<bool> HoldAsync(BroadcastId broadcast, string from, string reason) => writer.WriteAsync(ledger =>
    {
        var command = ledger.Prepared("UPDATE broadcasts SET status = 'held', status_reason = @reason, updated_at = @now WHERE id = @broadcast AND status = @from");
        command.Set("@reason", reason);
        command.Set("@now", ledger.Now.ToStored());
        command.Set("@broadcast", broadcast.Value);
        command.Set("@from", from);
        return command.ExecuteNonQuery() == 1;
    });

    private static bool CancelNextShard(TLedger ledger, BroadcastId broadcast)
    {
        var next = ledger.Prepared("""
            SELECT sh.id, sh.first_address, sh.last_address FROM shards sh JOIN broadcasts b ON b.id = sh.broadcast_id
            WHERE sh.broadcast_id = @broadcast AND sh.pending + sh.deferred > 0 AND b.status = 'canceled' LIMIT 1
            """);
        next.Set("@broadcast", broadcast.Value);
        long shard, first, last;
        using (var reader = next.ExecuteReader())
        {
            if (!reader.Read())
            {
                return false;
            }

            (shard, first, last) = (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
        }

        ledger.Around(Failpoint.BeforeCancelShardCommit, Failpoint.AfterCancelShardCommit);
        var rows = ledger.Prepared(CancelShard);
        rows.Set("@now", ledger.Now.ToStored());
        rows.Set("@broadcast", broadcast.Value);
        rows.Set("@first", first);
        rows.Set("@last", last);
        rows.ExecuteNonQuery();
        // Both figures go to canceled together: they were exactly these rows.
        var counts = ledger.Prepared("UPDATE shards SET canceled = canceled + pending + deferred, pending = 0, deferred = 0 WHERE id = @shard");
        counts.Set("@shard", shard);
        counts.ExecuteNonQuery();
        return true;
    }

    private async Task<IReadOnlyList<Candidate>> ReadAsync(TakenShard shard, int limit, string condition, long after, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT r.address_id, r.subscriber_id, r.attempts, r.first_at, COALESCE(a.normalised, ''), COALESCE(s.uuid, ''), s.first_name, s.last_name,
               NULLIF(s.fields, @none),
               (SELECT {JoinedTagNames} FROM subscriber_tags st JOIN tags t ON t.id = st.tag_id
               WHERE st.subscriber_id = r.subscriber_id AND t.discarded_at IS NULL){(shard.IsStream ? MailColumns : "")}
            FROM recipients r
            {(shard.IsStream ? "LEFT JOIN mails m ON m.id = r.address_id LEFT JOIN addresses a ON a.id = m.address_id" : "LEFT JOIN addresses a ON a.id = r.address_id")}
            LEFT JOIN subscribers s ON s.id = r.subscriber_id
            WHERE r.broadcast_id = @broadcast AND r.address_id BETWEEN @first AND @last {condition} ORDER BY r.address_id LIMIT @limit
            """;
        command.Set("@broadcast", shard.Broadcast.Value);
        command.Set("@first", Math.Max(shard.First.Value, after + 1));
        command.Set("@last", shard.Last.Value);
        command.Set("@after", after);
        command.Set("@now", clock.GetUtcNow().ToStored());
        command.Set("@limit", limit);
        command.Set("@none", Candidate.NoFields);
        var candidates = new List<Candidate>(limit);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            candidates.Add(Read(shard, reader));
        }

        return candidates;
    }

    private static Candidate Read(TakenShard shard, DbDataReader reader) => new()
    {
        Shard = shard,
        Address = new AddressId(reader.GetInt64(0)),
        Subscriber = new SubscriberId(reader.GetInt64(1)),
        Attempts = reader.GetInt32(2),
        FirstAt = reader.IsDBNull(3) ? null : Times.FromStored(reader.GetInt64(3)),
        Email = reader.GetString(4),
        Uuid = reader.GetString(5),
        FirstName = reader.IsDBNull(6) ? null : reader.GetString(6),
        LastName = reader.IsDBNull(7) ? null : reader.GetString(7),
        Fields = reader.IsDBNull(8) ? Candidate.NoFields : reader.GetString(8),
        Tags = reader.IsDBNull(9) ? [] : reader.GetString(9).Split('\u001f'),
        Mail = shard.IsStream ? ReadMail(reader) : null,
    };

    private static MailRow ReadMail(DbDataReader reader) => new()
    {
        Mailbox = reader.IsDBNull(10) ? null : new AddressId(reader.GetInt64(10)),
        Content = reader.IsDBNull(11) ? null : reader.GetInt64(11),
        Personalizations = reader.IsDBNull(12) ? null : reader.GetString(12),
        IsTransactional = reader.GetInt32(13) == 1,
        Cc = reader.IsDBNull(14) ? null : reader.GetString(14),
        Bcc = reader.IsDBNull(15) ? null : reader.GetString(15),
        CreatedAt = Times.FromStored(reader.GetInt64(16)),
    };
}
