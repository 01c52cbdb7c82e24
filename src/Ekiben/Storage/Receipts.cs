using System.Data.Common;
using System.Globalization;
using Ekiben.Broadcasts;
using Ekiben.Delivery;

namespace Ekiben.Storage;

/// <summary>Reads the ledger for people: sums, and the recipients behind each number. The caller has checked that the broadcast is its site's.</summary>
internal sealed class Receipts(Database database, MessageIds messageIds)
{
    /// <summary>Recipients a page when nothing is asked.</summary>
    public const int DefaultPage = 100;

    /// <summary>Recipients a page at most.</summary>
    public const int MaxPage = 1000;

    /// <summary>The shards' counts summed: the ten states in the order of their numbers, then those ever uncertain and those tried twice.</summary>
    private static readonly string ShardSums = string.Join(", ", new[]
    {
        "pending", "sending", "deferred", "accepted", "refused", "expired", "suppressed", "render_failed", "canceled", "uncertain", "uncertain_ever", "resent",
    }.Select(count => $"CAST(COALESCE(SUM({count}), 0) AS bigint)"));

    /// <summary>A fresh count of the rows beside the six figures of the freeze. Walks every row: for receipts, not for progress.</summary>
    public Task<Receipt> ReadAsync(Broadcast broadcast, CancellationToken cancel) => broadcast.StartedAt is null
        ? Task.FromResult(Make(broadcast, new long[10], 0, 0, balanced: true))
        : database.ReadLongAsync(connection => RecountAsync(connection, broadcast, cancel), cancel);

    private async Task<Receipt> RecountAsync(DbConnection connection, Broadcast broadcast, CancellationToken cancel)
    {
        // One read transaction: status, figures and rows of the same instant, also while it is being sent.
        await using var transaction = await database.BeginSnapshotAsync(connection, cancel);
        var figures = await FiguresAsync(connection, transaction, broadcast, cancel);
        var states = new long[10];
        await using (var count = Command(connection, transaction, broadcast.Id, "SELECT state, COUNT(*) FROM recipients WHERE broadcast_id = @broadcast GROUP BY state"))
        await using (var reader = await count.ExecuteReaderAsync(cancel))
        {
            while (await reader.ReadAsync(cancel))
            {
                states[reader.GetInt32(0)] = reader.GetInt64(1);
            }
        }

        await using var others = Command(connection, transaction, broadcast.Id, $"""
            SELECT (SELECT COUNT(DISTINCT address_id) FROM attempts WHERE broadcast_id = @broadcast AND outcome = 'uncertain'),
                   (SELECT COUNT(*) FROM recipients WHERE broadcast_id = @broadcast AND resent = 1),
                   (SELECT COUNT(*) FROM left_out WHERE broadcast_id = @broadcast AND reason = 1),
                   (SELECT COUNT(*) FROM left_out WHERE broadcast_id = @broadcast AND reason = 2),
                   (SELECT COUNT(*) FROM left_out WHERE broadcast_id = @broadcast AND reason = 3),
                   (SELECT COUNT(*) FROM left_out WHERE broadcast_id = @broadcast AND reason = 4),
                   ({UncertainRows.CountTreatedAsSent})
            """);
        others.Set("@subject", UncertainRows.SubjectOf(broadcast.Id));
        await using var left = await others.ExecuteReaderAsync(cancel);
        await left.ReadAsync(cancel);
        if (figures.FrozenAt is null)
        {
            // While the audience freezes, the figures are not written yet: the rows so far are the figures.
            figures = figures with
            {
                Recipients = states.Sum(),
                Excluded = left.GetInt64(2),
                Unsubscribed = left.GetInt64(3),
                SuppressedBefore = left.GetInt64(4),
                DuplicateAddresses = left.GetInt64(5),
            };
        }

        var balanced = figures.Recipients == states.Sum()
            && figures.Excluded == left.GetInt64(2)
            && figures.Unsubscribed == left.GetInt64(3)
            && figures.SuppressedBefore == left.GetInt64(4)
            && figures.DuplicateAddresses == left.GetInt64(5)
            && figures.Matched == figures.Recipients + figures.Excluded + figures.Unsubscribed + figures.SuppressedBefore + figures.DuplicateAddresses;
        return Make(figures, states, left.GetInt64(0), left.GetInt64(1), balanced) with { TreatedAsSent = left.GetInt64(6) };
    }

    /// <summary>The per-shard counts summed: at most a few hundred rows, exact as of the last commit (rule 17), <c>balanced</c> and what is treated as sent not counted.</summary>
    public async Task<Receipt> ReadCountsAsync(Broadcast broadcast, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var transaction = await database.BeginSnapshotAsync(connection, cancel);
        var figures = await FiguresAsync(connection, transaction, broadcast, cancel);
        await using var command = Command(connection, transaction, broadcast.Id, $"SELECT {ShardSums} FROM shards WHERE broadcast_id = @broadcast");
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return MakeOfSums(figures, reader, 0);
    }

    /// <summary>
    /// The same with everything else that moves while it is sent, in one statement: pages look at it every second. Null when it is gone.
    /// </summary>
    public async Task<(BroadcastNow Now, Receipt Receipt, Forecast? Forecast)?> ReadLiveAsync(BroadcastId id, DateTimeOffset now, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT b.status, b.frozen_at, b.matched, b.excluded, b.unsubscribed, b.suppressed_before, b.duplicate_addresses, b.recipients,
                   b.status_reason, b.updated_at, b.batch_size_per_hour, t.grant_at, t.left_in_grant, {ShardSums}
            FROM broadcasts b LEFT JOIN shards ON shards.broadcast_id = b.id LEFT JOIN throttles t ON t.broadcast_id = b.id
            WHERE b.id = @broadcast AND NOT b.is_stream
            GROUP BY b.id, t.grant_at, t.left_in_grant
            """;
        command.Set("@broadcast", id.Value);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel))
        {
            return null;
        }

        var figures = Figures.Read(id, reader);
        var receipt = MakeOfSums(figures, reader, 13);
        var grant = reader.IsDBNull(11) ? null : (ThrottleState?)new ThrottleState(reader.GetInt64(11), reader.GetInt32(12));
        return (
            new BroadcastNow(figures.Status, reader.IsDBNull(8) ? null : reader.GetString(8), Times.FromStored(reader.GetInt64(9)), figures.FrozenAt is { } at ? Times.FromStored(at) : null),
            receipt,
            figures.Status is BroadcastStatus.Sending ? Forecast.Of(reader.IsDBNull(10) ? null : reader.GetInt32(10), grant, receipt.Pending + receipt.Deferred, now) : null);
    }

    /// <summary>When its next message may go, and when its rate will have let all go who are left (rule 22).</summary>
    public async Task<Forecast> ForecastAsync(Broadcast broadcast, DateTimeOffset now, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT CAST(COALESCE((SELECT SUM(pending + deferred) FROM shards WHERE broadcast_id = @broadcast), 0) AS bigint), t.grant_at, t.left_in_grant
            FROM (SELECT @broadcast AS id) b LEFT JOIN throttles t ON t.broadcast_id = b.id
            """;
        command.Set("@broadcast", broadcast.Id.Value);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        var state = reader.IsDBNull(1) ? null : (ThrottleState?)new ThrottleState(reader.GetInt64(1), reader.GetInt32(2));
        return Forecast.Of(broadcast.BatchSizePerHour, state, reader.GetInt64(0), now);
    }

    /// <summary>The recipients of one state (all for null), or those that were ever uncertain.</summary>
    public Task<RecipientPage> ListAsync(
        Broadcast broadcast, RecipientState? state, bool wasUncertain, string? cursor, int limit, CancellationToken cancel) =>
        database.ReadLongAsync(connection => ListAsync(connection, broadcast, state, wasUncertain, cursor, Math.Clamp(limit, 1, MaxPage), cancel), cancel);

    private async Task<RecipientPage> ListAsync(
        DbConnection connection, Broadcast broadcast, RecipientState? state, bool wasUncertain, string? cursor, int limit, CancellationToken cancel)
    {
        // Few among many are looked for only in shards that have some.
        var counted = broadcast.FrozenAt is null ? null : wasUncertain ? "uncertain_ever" : state is { } known ? Words.SnakeCase(known.ToString()) : null;
        await using var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT r.address_id, COALESCE(NULLIF(a.normalised, ''), '(deleted)'), r.state, r.attempts, p.code, p.enhanced, p.text, r.last_at
            FROM {(counted is null ? "" : "shards sh CROSS JOIN ")}recipients r
            LEFT JOIN addresses a ON a.id = r.address_id
            LEFT JOIN replies p ON p.id = r.reply_id
            WHERE r.broadcast_id = @broadcast AND r.address_id > @after
              {(counted is null ? "" : $"AND sh.broadcast_id = @broadcast AND sh.last_address > @after AND sh.{counted} > 0 AND r.address_id BETWEEN sh.first_address AND sh.last_address")}
              {(state is null ? "" : "AND r.state = @state")}
              {(wasUncertain
                  ? "AND EXISTS (SELECT 1 FROM attempts t WHERE t.broadcast_id = r.broadcast_id AND t.address_id = r.address_id AND t.outcome = 'uncertain')"
                  : "")}
            ORDER BY {(counted is null ? "" : "sh.number, ")}r.address_id LIMIT @limit
            """;
        command.Set("@broadcast", broadcast.Id.Value);
        command.Set("@after", After(cursor));
        command.Set("@limit", limit + 1);
        command.Set("@state", (int)(state ?? 0));
        var lines = new List<RecipientLine>();
        long last = 0;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            if (lines.Count == limit)
            {
                return new RecipientPage(lines, last.ToString(CultureInfo.InvariantCulture));
            }

            last = reader.GetInt64(0);
            var code = reader.IsDBNull(4) ? 0 : reader.GetInt32(4);
            lines.Add(new RecipientLine(
                reader.GetString(1),
                Words.SnakeCase(((RecipientState)reader.GetInt32(2)).ToString()),
                reader.GetInt32(3),
                code == 0 ? null : code,
                reader.IsDBNull(6) ? null : $"{reader.GetString(5)} {reader.GetString(6)}".Trim(),
                messageIds.Of(broadcast, new AddressId(last)),
                reader.IsDBNull(7) ? null : Times.FromStored(reader.GetInt64(7))));
        }

        return new RecipientPage(lines, null);
    }

    /// <summary>Those left out, of one reason or all.</summary>
    public async Task<LeftOutPage> ListLeftOutAsync(BroadcastId broadcast, LeftOutReason? reason, string? cursor, int limit, CancellationToken cancel)
    {
        limit = Math.Clamp(limit, 1, MaxPage);
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT l.subscriber_id, COALESCE(NULLIF(a.normalised, ''), '(deleted)'), l.reason
            FROM left_out l LEFT JOIN addresses a ON a.id = l.address_id
            WHERE l.broadcast_id = @broadcast AND l.subscriber_id > @after {(reason is null ? "" : "AND l.reason = @reason")}
            ORDER BY l.subscriber_id LIMIT @limit
            """;
        command.Set("@broadcast", broadcast.Value);
        command.Set("@after", After(cursor));
        command.Set("@limit", limit + 1);
        command.Set("@reason", (int)(reason ?? 0));
        var lines = new List<LeftOutLine>();
        long last = 0;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            if (lines.Count == limit)
            {
                return new LeftOutPage(lines, last.ToString(CultureInfo.InvariantCulture));
            }

            last = reader.GetInt64(0);
            lines.Add(new LeftOutLine(reader.GetString(1), Words.SnakeCase(((LeftOutReason)reader.GetInt32(2)).ToString())));
        }

        return new LeftOutPage(lines, null);
    }

    private static long After(string? cursor) => long.TryParse(cursor, CultureInfo.InvariantCulture, out var after) ? after : 0;

    private static DbCommand Command(DbConnection connection, DbTransaction transaction, BroadcastId broadcast, string sql)
    {
        var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        command.Set("@broadcast", broadcast.Value);
        return command;
    }

    /// <summary>The figures and the status as of this transaction, which may be newer than the row the caller has.</summary>
    private static async Task<Figures> FiguresAsync(DbConnection connection, DbTransaction transaction, Broadcast broadcast, CancellationToken cancel)
    {
        await using var command = Command(connection, transaction, broadcast.Id, """
            SELECT status, frozen_at, matched, excluded, unsubscribed, suppressed_before, duplicate_addresses, recipients FROM broadcasts WHERE id = @broadcast
            """);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel))
        {
            throw new InvalidOperationException($"broadcast {broadcast.Id} is gone");
        }

        return Figures.Read(broadcast.Id, reader);
    }

    /// <summary>The receipt whose states are twelve columns from <paramref name="first"/> on, as <see cref="ShardSums"/> has them.</summary>
    private static Receipt MakeOfSums(Figures figures, DbDataReader reader, int first)
    {
        var states = new long[10];
        for (var state = 0; state < states.Length; state++)
        {
            states[state] = reader.GetInt64(first + state);
        }

        return Make(figures, states, reader.GetInt64(first + 10), reader.GetInt64(first + 11), figures.FrozenAt is null || figures.Recipients == states.Sum());
    }

    private static Receipt Make(Broadcast broadcast, long[] states, long uncertainEver, long resent, bool balanced) =>
        Make(new Figures(broadcast.Id, broadcast.Status, null, 0, 0, 0, 0, 0, 0), states, uncertainEver, resent, balanced);

    private static Receipt Make(Figures figures, long[] states, long uncertainEver, long resent, bool balanced) => new()
    {
        BroadcastId = figures.Id.ToString(),
        Status = figures.Status.Word(),
        Matched = figures.Matched,
        Excluded = figures.Excluded,
        Unsubscribed = figures.Unsubscribed,
        SuppressedBefore = figures.SuppressedBefore,
        DuplicateAddresses = figures.DuplicateAddresses,
        Recipients = figures.Recipients,
        Pending = states[(int)RecipientState.Pending],
        Sending = states[(int)RecipientState.Sending],
        Deferred = states[(int)RecipientState.Deferred],
        Accepted = states[(int)RecipientState.Accepted],
        Refused = states[(int)RecipientState.Refused],
        Expired = states[(int)RecipientState.Expired],
        Suppressed = states[(int)RecipientState.Suppressed],
        RenderFailed = states[(int)RecipientState.RenderFailed],
        Canceled = states[(int)RecipientState.Canceled],
        Uncertain = states[(int)RecipientState.Uncertain],
        UncertainEver = uncertainEver,
        Resent = resent,
        TreatedAsSent = 0,
        Balanced = balanced,
    };

    private sealed record Figures(
        BroadcastId Id,
        BroadcastStatus Status,
        long? FrozenAt,
        long Matched,
        long Excluded,
        long Unsubscribed,
        long SuppressedBefore,
        long DuplicateAddresses,
        long Recipients)
    {
        /// <summary>The first eight columns.</summary>
        public static Figures Read(BroadcastId id, DbDataReader reader) => new(
            id,
            BroadcastTransitions.FromWord(reader.GetString(0)),
            reader.IsDBNull(1) ? null : reader.GetInt64(1),
            reader.GetInt64(2),
            reader.GetInt64(3),
            reader.GetInt64(4),
            reader.GetInt64(5),
            reader.GetInt64(6),
            reader.GetInt64(7));
    }
}
