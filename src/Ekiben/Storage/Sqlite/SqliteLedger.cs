using System.Data.Common;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ekiben.Storage.Sqlite;

/// <summary>
/// The statements of one ledger transaction on SQLite, prepared once; the counts are written once a shard, before the commit (ledger.md rule 17).
/// </summary>
internal sealed class SqliteLedger(SqliteConnection connection, TimeProvider clock) : Ledger(clock), IDisposable
{
    private readonly Dictionary<string, SqliteCommand> _prepared = new(StringComparer.Ordinal);
    private readonly SqliteFastPath _fast = new(connection);
    private readonly SqliteReplies _replies = new();
    private readonly SqliteStatement _begin = new(connection, "BEGIN IMMEDIATE");
    private readonly SqliteStatement _commit = new(connection, "COMMIT");
    private readonly SqliteStatement _rollBack = new(connection, "ROLLBACK");

    /// <summary>Begins a transaction that has the database's write lock from its beginning.</summary>
    public new void Begin()
    {
        _fast.Forget();
        base.Begin();
        _begin.Run();
    }

    /// <summary>Writes the gathered counts and commits.</summary>
    public void Commit()
    {
        foreach (var (shard, change) in Counts)
        {
            _fast.Count(shard, change.ByState, change.UncertainEver, change.Resent);
        }

        Counts.Forget();
        Completed();
        _commit.Run();
    }

    /// <summary>After anything was thrown, the commit too. SQLite ends a transaction by itself after some errors.</summary>
    public void RollBack()
    {
        _replies.Forget();
        if (raw.sqlite3_get_autocommit(connection.Handle) == 0)
        {
            _rollBack.Run();
        }
    }

    /// <summary>It may change what a claim depends on.</summary>
    public override DbCommand Prepared(string sql)
    {
        _fast.Forget();
        if (!_prepared.TryGetValue(sql, out var command))
        {
            command = connection.CreateCommand();
            command.CommandText = sql;
            _prepared.Add(sql, command);
        }

        return command;
    }

    /// <summary>A command of this transaction that is used once, for SQL that differs from call to call.</summary>
    public SqliteCommand Fresh()
    {
        _fast.Forget();
        return connection.CreateCommand();
    }

    public void Dispose()
    {
        _fast.Dispose();
        _begin.Dispose();
        _commit.Dispose();
        _rollBack.Dispose();
        foreach (var command in _prepared.Values)
        {
            command.Dispose();
        }
    }

    protected override bool AcceptsFirstTry(in OutcomeRecord record)
    {
        if (record is not { Attempt: 1, Decision.Step: RetryStep.Accept, Outcome: DeliveryOutcome.Accepted { Reply: var reply } }
            || !_fast.Accept(record.Shard, record.Address, _replies.IdOfAccepted(this, reply), Now.ToStored()))
        {
            return false;
        }

        Counts.Of(record.Shard.Id).Move(RecipientState.Sending, RecipientState.Accepted);
        return true;
    }

    protected override ClaimAnswer.Claimed? ClaimsFirstTry(in ClaimRequest request)
    {
        if (request.AttemptsSeen != 0 || !_fast.IsPlain(request.Shard) || !_fast.Claim(request.Shard, request.Address, request.FirstAt.ToStored(), Now.ToStored()))
        {
            return null;
        }

        Around(Failpoint.BeforeClaimCommit, Failpoint.AfterClaimCommit);
        Counts.Of(request.Shard.Id).Move(RecipientState.Pending, RecipientState.Sending);
        return new ClaimAnswer.Claimed(1, Times.FromStored(request.FirstAt.ToStored()));
    }

    protected override ClaimableRow? ReadClaimable(in ClaimRequest request)
    {
        var query = Prepared("""
            SELECT r.state, r.attempts, r.resent, r.not_before, r.first_at, b.status, b.batch_size_per_hour, sh.epoch,
                   s.id IS NULL OR (s.unsubscribed_at IS NOT NULL AND NOT COALESCE(m.is_transactional, 0))
                   OR EXISTS (SELECT 1 FROM suppressions p WHERE p.site_id = b.site_id AND p.address_id = COALESCE(m.address_id, r.address_id))
            FROM recipients r
            JOIN broadcasts b ON b.id = r.broadcast_id
            JOIN shards sh ON sh.id = @shard
            LEFT JOIN mails m ON b.is_stream AND m.id = r.address_id
            LEFT JOIN subscribers s ON s.id = r.subscriber_id
            WHERE r.broadcast_id = @broadcast AND r.address_id = @address
            """);
        query.Set("@shard", request.Shard.Id.Value);
        query.Set("@broadcast", request.Shard.Broadcast.Value);
        query.Set("@address", request.Address.Value);
        using var reader = query.ExecuteReader();
        return reader.Read()
            ? new ClaimableRow(
                (RecipientState)reader.GetInt32(0),
                reader.GetInt32(1),
                reader.GetInt32(2),
                reader.IsDBNull(3) ? null : reader.GetInt64(3),
                reader.IsDBNull(4) ? null : reader.GetInt64(4),
                reader.GetString(5),
                reader.IsDBNull(6) ? null : reader.GetInt32(6),
                reader.GetInt32(7),
                reader.GetBoolean(8))
            : null;
    }

    protected override ThrottleState? ReadThrottle(BroadcastId broadcast)
    {
        var query = Prepared("SELECT grant_at, left_in_grant FROM throttles WHERE broadcast_id = @broadcast");
        query.Set("@broadcast", broadcast.Value);
        using var reader = query.ExecuteReader();
        return reader.Read() ? new ThrottleState(reader.GetInt64(0), reader.GetInt32(1)) : null;
    }

    protected override void KeepThrottle(BroadcastId broadcast, ThrottleState state)
    {
        var keep = Prepared("""
            INSERT INTO throttles (broadcast_id, grant_at, left_in_grant) VALUES (@broadcast, @at, @left)
            ON CONFLICT (broadcast_id) DO UPDATE SET grant_at = excluded.grant_at, left_in_grant = excluded.left_in_grant
            """);
        keep.Set("@broadcast", broadcast.Value);
        keep.Set("@at", state.GrantAtMs);
        keep.Set("@left", state.Left);
        keep.ExecuteNonQuery();
    }

    protected override void Write(TakenShard shard, AddressId address, RowState row, SmtpReply? reply)
    {
        var command = Prepared("""
            UPDATE recipients SET state = @state, attempts = @attempts, resent = @resent, epoch = @epoch, not_before = @not_before,
                first_at = @first_at, last_at = @now, reply_id = COALESCE(@reply, reply_id)
            WHERE broadcast_id = @broadcast AND address_id = @address
            """);
        command.Set("@state", (int)row.State);
        command.Set("@attempts", row.Attempts);
        command.Set("@resent", row.Resent);
        command.Set("@epoch", shard.Epoch);
        command.Set("@not_before", row.NotBefore);
        command.Set("@first_at", row.FirstAt);
        command.Set("@now", Now.ToStored());
        command.Set("@reply", reply is null ? null : _replies.IdOf(this, Kept(reply)));
        command.Set("@broadcast", shard.Broadcast.Value);
        command.Set("@address", address.Value);
        command.ExecuteNonQuery();
    }

    protected override LedgerRow? Read(BroadcastId broadcast, AddressId address)
    {
        var query = Prepared("""
            SELECT r.state, r.attempts, r.resent, r.first_at, b.status, b.uncertain_policy
            FROM recipients r JOIN broadcasts b ON b.id = r.broadcast_id
            WHERE r.broadcast_id = @broadcast AND r.address_id = @address
            """);
        query.Set("@broadcast", broadcast.Value);
        query.Set("@address", address.Value);
        using var reader = query.ExecuteReader();
        return reader.Read()
            ? new LedgerRow(
                (RecipientState)reader.GetInt32(0),
                reader.GetInt32(1),
                reader.GetInt32(2),
                reader.IsDBNull(3) ? null : reader.GetInt64(3),
                reader.GetString(4) == "canceled",
                reader.GetString(5) == "hold")
            : null;
    }

    protected override void SuppressAddress(SiteId site, AddressId address, SmtpReply? reply)
    {
        var command = Prepared("""
            INSERT INTO suppressions (site_id, address_id, reason, detail, created_at) VALUES (@site, @address, 'hard_bounce', @detail, @now)
            ON CONFLICT DO NOTHING
            """);
        command.Set("@site", site.Value);
        command.Set("@address", address.Value);
        command.Set("@detail", reply is null ? null : $"{reply.Code} {reply.Enhanced} {reply.Text}");
        command.Set("@now", Now.ToStored());
        command.ExecuteNonQuery();
    }

    protected override void Attempt(BroadcastId broadcast, AddressId address, int number, string outcome, SmtpPhase phase, SmtpReply? reply)
    {
        var command = Prepared("""
            INSERT INTO attempts (broadcast_id, address_id, number, at, outcome, phase, reply_id)
            VALUES (@broadcast, @address, @number, @now, @outcome, @phase, @reply)
            """);
        command.Set("@broadcast", broadcast.Value);
        command.Set("@address", address.Value);
        command.Set("@number", number);
        command.Set("@now", Now.ToStored());
        command.Set("@outcome", outcome);
        command.Set("@phase", Words.SnakeCase(phase.ToString()));
        command.Set("@reply", reply is null ? null : _replies.IdOf(this, Kept(reply)));
        command.ExecuteNonQuery();
    }
}
