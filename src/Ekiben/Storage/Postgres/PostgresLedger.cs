using System.Data.Common;
using System.Text;
using Ekiben.Broadcasts;
using Npgsql;
using NpgsqlTypes;

namespace Ekiben.Storage.Postgres;

/// <summary>
/// One ledger transaction on PostgreSQL. A statement is a journey to the server, so a group of exchanges makes two: one reads all their rows,
/// one writes all that became of them. Between, the rules work on the rows in memory; nobody else can change them (docs/ledger.md rule 26).
/// Statements are not prepared: a plan made while a table was small would stay when it is large.
/// </summary>
internal sealed class PostgresLedger(NpgsqlConnection connection, TimeProvider clock) : Ledger(clock)
{
    private readonly Dictionary<(long Broadcast, long Address), Known> _rows = [];
    private readonly Dictionary<long, int> _epochs = [];
    private readonly Dictionary<long, ThrottleState?> _throttles = [];
    private readonly LedgerWrites _writes = new();
    private NpgsqlTransaction? _transaction;

    /// <summary>Takes the write lock and reads what the exchanges are about.</summary>
    public void Begin(NpgsqlTransaction transaction, IReadOnlyList<Exchange> exchanges)
    {
        _transaction = transaction;
        Forget();
        _writes.Clear();
        Begin();
        var keys = exchanges.SelectMany(KeysOf).Distinct().ToList();
        var shards = exchanges.Select(exchange => exchange.Claim?.Shard.Id.Value).OfType<long>().Distinct().ToArray();
        using var batch = NewBatch();
        batch.BatchCommands.Add(new NpgsqlBatchCommand(PostgresDatabase.TakeWriteLock));
        if (keys.Count > 0)
        {
            AddReads(batch, keys, shards);
        }

        using var reader = batch.ExecuteReader();
        if (keys.Count > 0)
        {
            reader.NextResult();
            Keep(reader, keys, shards);
        }
    }

    /// <summary>Writes what was gathered, and that this transaction is the writer's <paramref name="number"/>th; the caller commits.</summary>
    public void Complete(Guid writer, long number)
    {
        using var batch = NewBatch();
        _writes.AddTo(batch, Now.ToStored());
        AddCounts(batch);
        var mark = new NpgsqlBatchCommand("INSERT INTO ledger_commits (writer, number) VALUES ($1, $2) ON CONFLICT (writer) DO UPDATE SET number = excluded.number");
        mark.Parameters.Add(new NpgsqlParameter { Value = writer });
        mark.Parameters.Add(new NpgsqlParameter { Value = number });
        batch.BatchCommands.Add(mark);
        batch.ExecuteNonQuery();
        _writes.Clear();
        Counts.Forget();
        Completed();
    }

    /// <summary>Other statements see what was written before them, and may change what was read.</summary>
    public override DbCommand Prepared(string sql)
    {
        using var batch = NewBatch();
        _writes.AddTo(batch, Now.ToStored());
        AddCounts(batch);
        if (batch.BatchCommands.Count > 0)
        {
            batch.ExecuteNonQuery();
        }

        _writes.Clear();
        Counts.Forget();
        Forget();
        return new NpgsqlCommand(sql, connection, _transaction);
    }

    protected override ClaimableRow? ReadClaimable(in ClaimRequest request)
    {
        var (broadcast, shard) = (request.Shard.Broadcast, request.Shard.Id.Value);
        if (Find(broadcast, request.Address) is not { } known)
        {
            return null;
        }

        if (!_epochs.TryGetValue(shard, out var epoch))
        {
            ReadNow([(broadcast.Value, request.Address.Value)], [shard]);
            if (!_epochs.TryGetValue(shard, out epoch))
            {
                return null;
            }
        }

        var row = known.Row;
        return new ClaimableRow(row.State, row.Attempts, row.Resent, row.NotBefore, row.FirstAt, known.Status, known.PerHour, epoch, known.Unreachable);
    }

    protected override LedgerRow? Read(BroadcastId broadcast, AddressId address) =>
        Find(broadcast, address) is { } known
            ? new LedgerRow(known.Row.State, known.Row.Attempts, known.Row.Resent, known.Row.FirstAt, known.Status == "canceled", known.Holds)
            : null;

    protected override ThrottleState? ReadThrottle(BroadcastId broadcast) => _throttles.GetValueOrDefault(broadcast.Value);

    protected override void KeepThrottle(BroadcastId broadcast, ThrottleState state)
    {
        _throttles[broadcast.Value] = state;
        _writes.Throttles[broadcast.Value] = state;
    }

    protected override void Write(TakenShard shard, AddressId address, RowState row, SmtpReply? reply)
    {
        var key = (shard.Broadcast.Value, address.Value);
        if (_rows.TryGetValue(key, out var known))
        {
            known.Row = row;
        }

        var kept = reply is null ? _writes.Rows.GetValueOrDefault(key)?.Reply : Storable(reply);
        _writes.Rows[key] = new LedgerWrites.RowWrite(row, shard.Epoch, kept);
    }

    protected override void SuppressAddress(SiteId site, AddressId address, SmtpReply? reply)
    {
        // Later claims of this group must see it as they would see a stored one.
        foreach (var known in _rows.Values.Where(row => row.Mailbox == address.Value))
        {
            known.Unreachable = true;
        }

        var told = reply is null ? null : Storable(reply);
        _writes.Suppressions[(site.Value, address.Value)] = told is null ? null : Text($"{reply!.Code} {reply.Enhanced} {reply.Text}");
    }

    protected override void Attempt(BroadcastId broadcast, AddressId address, int number, string outcome, SmtpPhase phase, SmtpReply? reply) =>
        _writes.Attempts.Add(new LedgerWrites.AttemptWrite(
            broadcast.Value, address.Value, number, outcome, Words.SnakeCase(phase.ToString()), reply is null ? null : Storable(reply)));

    private static IEnumerable<(long Broadcast, long Address)> KeysOf(Exchange exchange)
    {
        if (exchange.Outcome is { } outcome)
        {
            yield return (outcome.Shard.Broadcast.Value, outcome.Address.Value);
        }

        if (exchange.Failure is { } failure)
        {
            yield return (failure.Shard.Broadcast.Value, failure.Address.Value);
        }

        if (exchange.Claim is { } claim)
        {
            yield return (claim.Shard.Broadcast.Value, claim.Address.Value);
        }
    }

    private static SmtpReply Storable(SmtpReply reply)
    {
        var kept = Kept(reply);
        return kept with { Enhanced = Text(kept.Enhanced), Text = Text(kept.Text) };
    }

    /// <summary>A relay may answer anything; a text of PostgreSQL holds no U+0000 and no half of a pair.</summary>
    private static string Text(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Replace('\0', '\uFFFD');

    private NpgsqlBatch NewBatch() => new(connection, _transaction);

    private void Forget()
    {
        _rows.Clear();
        _epochs.Clear();
        _throttles.Clear();
    }

    private Known? Find(BroadcastId broadcast, AddressId address)
    {
        var key = (broadcast.Value, address.Value);
        if (!_rows.ContainsKey(key))
        {
            // After a statement that was not an exchange, or where the row does not exist.
            ReadNow([key], []);
        }

        return _rows.GetValueOrDefault(key);
    }

    private void ReadNow(IReadOnlyList<(long Broadcast, long Address)> keys, long[] shards)
    {
        using var batch = NewBatch();
        AddReads(batch, keys, shards);
        using var reader = batch.ExecuteReader();
        Keep(reader, keys, shards);
    }

    /// <summary>Four results: the broadcasts, locked so that not even a change by hand slips in before the commit; throttles; epochs; rows.</summary>
    private static void AddReads(NpgsqlBatch batch, IReadOnlyList<(long Broadcast, long Address)> keys, long[] shards)
    {
        var broadcasts = keys.Select(key => key.Broadcast).Distinct().ToArray();
        batch.BatchCommands.Add(Command("SELECT id FROM broadcasts WHERE id = ANY($1) ORDER BY id FOR SHARE", broadcasts));
        batch.BatchCommands.Add(Command("SELECT broadcast_id, grant_at, left_in_grant FROM throttles WHERE broadcast_id = ANY($1)", broadcasts));
        batch.BatchCommands.Add(Command("SELECT id, epoch FROM shards WHERE id = ANY($1)", shards));
        batch.BatchCommands.Add(Command("""
            SELECT r.broadcast_id, r.address_id, r.state, r.attempts, r.resent, r.not_before, r.first_at, b.status, b.uncertain_policy, b.batch_size_per_hour,
                   s.id IS NULL OR (s.unsubscribed_at IS NOT NULL AND NOT COALESCE(m.is_transactional, FALSE))
                   OR EXISTS (SELECT 1 FROM suppressions p WHERE p.site_id = b.site_id AND p.address_id = COALESCE(m.address_id, r.address_id)),
                   COALESCE(m.address_id, r.address_id)
            FROM unnest($1, $2) AS k (broadcast_id, address_id)
            JOIN recipients r ON r.broadcast_id = k.broadcast_id AND r.address_id = k.address_id
            JOIN broadcasts b ON b.id = r.broadcast_id
            LEFT JOIN subscribers s ON s.id = r.subscriber_id
            LEFT JOIN mails m ON b.is_stream AND m.id = r.address_id
            """, [.. keys.Select(key => key.Broadcast)], [.. keys.Select(key => key.Address)]));
    }

    private void Keep(NpgsqlDataReader reader, IReadOnlyList<(long Broadcast, long Address)> keys, long[] shards)
    {
        reader.NextResult();
        foreach (var key in keys)
        {
            _throttles.TryAdd(key.Broadcast, null);
        }

        while (reader.Read())
        {
            _throttles[reader.GetInt64(0)] = new ThrottleState(reader.GetInt64(1), reader.GetInt32(2));
        }

        reader.NextResult();
        while (reader.Read())
        {
            _epochs[reader.GetInt64(0)] = reader.GetInt32(1);
        }

        reader.NextResult();
        while (reader.Read())
        {
            _rows[(reader.GetInt64(0), reader.GetInt64(1))] = new Known
            {
                Row = new RowState(
                    (RecipientState)reader.GetInt16(2),
                    reader.GetInt32(3),
                    reader.GetInt16(4),
                    reader.IsDBNull(5) ? null : reader.GetInt64(5),
                    reader.IsDBNull(6) ? null : reader.GetInt64(6)),
                Status = reader.GetString(7),
                Holds = reader.GetString(8) == "hold",
                PerHour = reader.IsDBNull(9) ? null : reader.GetInt32(9),
                Unreachable = reader.GetBoolean(10),
                Mailbox = reader.GetInt64(11),
            };
        }
    }

    private void AddCounts(NpgsqlBatch batch)
    {
        foreach (var (shard, change) in Counts)
        {
            var command = new NpgsqlBatchCommand("""
                UPDATE shards SET pending = pending + $2, sending = sending + $3, deferred = deferred + $4, accepted = accepted + $5,
                    refused = refused + $6, expired = expired + $7, suppressed = suppressed + $8, render_failed = render_failed + $9,
                    canceled = canceled + $10, uncertain = uncertain + $11, uncertain_ever = uncertain_ever + $12, resent = resent + $13
                WHERE id = $1
                """);
            foreach (var value in (long[])[shard.Value, .. change.ByState, change.UncertainEver, change.Resent])
            {
                command.Parameters.Add(new NpgsqlParameter { Value = value });
            }

            batch.BatchCommands.Add(command);
        }
    }

    private static NpgsqlBatchCommand Command(string sql, params ReadOnlySpan<long[]> parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        }

        return command;
    }

    /// <summary>A row as this transaction has it so far.</summary>
    private sealed class Known
    {
        public required RowState Row { get; set; }

        public required string Status { get; init; }

        public required bool Holds { get; init; }

        public required int? PerHour { get; init; }

        public required bool Unreachable { get; set; }

        /// <summary>The id of its address, also where the row's own is a mail's.</summary>
        public required long Mailbox { get; init; }
    }
}
