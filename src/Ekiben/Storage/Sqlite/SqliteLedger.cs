using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Microsoft.Data.Sqlite;

namespace Ekiben.Storage.Sqlite;

/// <summary>
/// The statements of one ledger transaction, prepared once. It also gathers how the per-shard counts change, and writes them once a shard
/// before the commit (ledger.md rule 17).
/// </summary>
internal sealed class SqliteLedger(SqliteConnection connection, TimeProvider clock) : IDisposable
{
    private const int NotResent = 0;
    private const int Resent = 1;

    /// <summary>Uncertain for good without a second try: the policy is to hold, or the address was suppressed meanwhile.</summary>
    private const int NeverResent = 2;

    private static readonly RecipientState[] States = Enum.GetValues<RecipientState>();

    private readonly Dictionary<string, SqliteCommand> _prepared = new(StringComparer.Ordinal);
    private readonly Dictionary<ShardId, ShardChange> _changes = [];
    private readonly Dictionary<SmtpReply, long> _replyIds = [];
    private readonly Stack<ShardChange> _unused = [];
    private readonly SqliteFastPath _fast = new(connection);
    private readonly List<(Failpoint Before, Failpoint After)> _around = [];
    private SqliteTransaction? _transaction;
    private SmtpReply? _lastAccepted;
    private long _lastAcceptedId;

    public DateTimeOffset Now { get; private set; }

    public void Begin(SqliteTransaction transaction)
    {
        _transaction = transaction;
        _changes.Clear();
        _replyIds.Clear();
        _lastAccepted = null;
        _fast.Forget();
        _around.Clear();
        Now = clock.GetUtcNow();
    }

    /// <summary>Writes the gathered counts; the caller commits.</summary>
    public void Complete()
    {
        foreach (var (shard, change) in _changes)
        {
            _fast.Count(shard, change.ByState, change.UncertainEver, change.Resent);
            change.Clear();
            _unused.Push(change);
        }

        _changes.Clear();
        _around.ForEach(points => Failpoints.Hit(points.Before));
    }

    /// <summary>The transaction is on disk and nobody has been answered.</summary>
    public void Committed() => _around.ForEach(points => Failpoints.Hit(points.After));

    /// <summary>Where a crash may be tried, before and after the commit of this transaction.</summary>
    public void Around(Failpoint before, Failpoint after)
    {
        if (Failpoints.Armed)
        {
            _around.Add((before, after));
        }
    }

    /// <summary>One connection's exchange: first what came of its last message, then its next claim.</summary>
    public ClaimAnswer Exchange(Exchange exchange)
    {
        if (exchange.Outcome is { } outcome)
        {
            Around(Failpoint.BeforeOutcomeCommit, Failpoint.AfterOutcomeCommit);
            if (!AcceptsFirstTry(outcome))
            {
                Record(outcome);
            }
        }

        if (exchange.Failure is { } failure)
        {
            RecordRenderFailure(failure);
        }

        return exchange.Claim is not { } claim ? ClaimAnswer.Recorded.Instance : ClaimsFirstTry(claim) ?? Claim(claim);
    }

    /// <summary>What nearly every outcome is: the first try was accepted. False, and nothing written, when anything is otherwise.</summary>
    private bool AcceptsFirstTry(OutcomeRecord record)
    {
        if (record is not { Attempt: 1, Decision.Step: RetryStep.Accept, Outcome: DeliveryOutcome.Accepted { Reply: var reply } }
            || !_fast.Accept(record.Shard, record.Address, AcceptedReplyId(reply), Now.ToStored()))
        {
            return false;
        }

        Count(record.Shard.Id, RecipientState.Sending, RecipientState.Accepted);
        return true;
    }

    /// <summary>What nearly every claim is: a row never tried, of a broadcast without a rate. Null, and nothing written, when anything is otherwise.</summary>
    private ClaimAnswer.Claimed? ClaimsFirstTry(ClaimRequest request)
    {
        if (request.AttemptsSeen != 0 || !IsSendingWithoutRate(request.Shard) || !_fast.Claim(request.Shard, request.Address, request.FirstAt.ToStored(), Now.ToStored()))
        {
            return null;
        }

        Around(Failpoint.BeforeClaimCommit, Failpoint.AfterClaimCommit);
        Count(request.Shard.Id, RecipientState.Pending, RecipientState.Sending);
        return new ClaimAnswer.Claimed(1, Times.FromStored(request.FirstAt.ToStored()));
    }

    /// <summary>Status, rate and epoch: read once a transaction, since only this transaction could change them.</summary>
    private bool IsSendingWithoutRate(TakenShard shard)
    {
        if (_fast.Knows(shard.Id, shard.Epoch) is { } known)
        {
            return known;
        }

        var query = Prepared("""
            SELECT EXISTS (SELECT 1 FROM broadcasts b JOIN shards sh ON sh.broadcast_id = b.id
                           WHERE sh.id = @shard AND b.id = @broadcast AND b.status = 'sending' AND b.batch_size_per_hour IS NULL AND sh.epoch = @epoch)
            """);
        Set(query, "@shard", shard.Id.Value);
        Set(query, "@broadcast", shard.Broadcast.Value);
        Set(query, "@epoch", shard.Epoch);
        var answer = (long)query.ExecuteScalar()! == 1;
        _fast.Know(shard.Id, shard.Epoch, answer);
        return answer;
    }

    private void Count(ShardId shard, RecipientState from, RecipientState to)
    {
        var change = Change(shard);
        change.ByState[(int)from]--;
        change.ByState[(int)to]++;
    }

    /// <summary>A command of this transaction, prepared at its first use. It may change what a claim depends on.</summary>
    public SqliteCommand Prepared(string sql)
    {
        _fast.Forget();
        if (!_prepared.TryGetValue(sql, out var command))
        {
            command = connection.CreateCommand();
            command.CommandText = sql;
            _prepared.Add(sql, command);
        }

        command.Transaction = _transaction;
        return command;
    }

    /// <summary>A command of this transaction that is used once, for SQL that differs from call to call.</summary>
    public SqliteCommand Fresh()
    {
        _fast.Forget();
        var command = connection.CreateCommand();
        command.Transaction = _transaction;
        return command;
    }

    public static void Set(SqliteCommand command, string name, object? value)
    {
        var index = command.Parameters.IndexOf(name);
        if (index < 0)
        {
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        }
        else
        {
            command.Parameters[index].Value = value ?? DBNull.Value;
        }
    }

    public void Dispose()
    {
        _fast.Dispose();
        foreach (var command in _prepared.Values)
        {
            command.Dispose();
        }
    }

    /// <summary>
    /// Everything a claim depends on is read and the row written in this one transaction of the only writer: status, suppression,
    /// unsubscription, epoch and grant hold together at the commit (rule 11).
    /// </summary>
    private ClaimAnswer Claim(ClaimRequest request)
    {
        var query = Prepared("""
            SELECT r.state, r.attempts, r.resent, r.not_before, r.first_at, b.status, b.batch_size_per_hour, sh.epoch,
                   COALESCE(s.unsubscribed_at, CASE WHEN s.id IS NULL THEN 0 END) IS NOT NULL
                   OR EXISTS (SELECT 1 FROM suppressions p WHERE p.site_id = b.site_id AND p.address_id = r.address_id)
            FROM recipients r
            JOIN broadcasts b ON b.id = r.broadcast_id
            JOIN shards sh ON sh.id = @shard
            LEFT JOIN subscribers s ON s.id = r.subscriber_id
            WHERE r.broadcast_id = @broadcast AND r.address_id = @address
            """);
        Set(query, "@shard", request.Shard.Id.Value);
        Set(query, "@broadcast", request.Shard.Broadcast.Value);
        Set(query, "@address", request.Address.Value);
        RecipientState state;
        int attempts, resent;
        long? notBefore, firstAt;
        int? perHour;
        bool stopped, unreachable;
        using (var reader = query.ExecuteReader())
        {
            if (!reader.Read())
            {
                return new ClaimAnswer.Passed();
            }

            state = (RecipientState)reader.GetInt32(0);
            attempts = reader.GetInt32(1);
            resent = reader.GetInt32(2);
            notBefore = reader.IsDBNull(3) ? null : reader.GetInt64(3);
            firstAt = reader.IsDBNull(4) ? null : reader.GetInt64(4);
            stopped = reader.GetString(5) != "sending" || reader.GetInt32(7) != request.Shard.Epoch;
            perHour = reader.IsDBNull(6) ? null : reader.GetInt32(6);
            unreachable = reader.GetBoolean(8);
        }

        if (stopped)
        {
            return new ClaimAnswer.Stopped();
        }

        var now = Now.ToStored();
        var movable = state switch
        {
            RecipientState.Pending => true,
            RecipientState.Deferred => notBefore <= now,
            RecipientState.Uncertain => resent == NotResent,
            _ => false,
        };
        if (!movable || attempts != request.AttemptsSeen)
        {
            return new ClaimAnswer.Passed();
        }

        if (unreachable)
        {
            Suppress(request, state);
            return new ClaimAnswer.Passed();
        }

        if (perHour is { } rate && Grant(request.Shard.Broadcast, rate, now) is { } wait)
        {
            return new ClaimAnswer.Wait(Times.FromStored(wait));
        }

        var isResend = state == RecipientState.Uncertain;
        firstAt ??= request.FirstAt.ToStored();
        Move(request.Shard, request.Address, state, RecipientState.Sending, attempts + 1, isResend ? Resent : resent, notBefore: null, firstAt);
        if (isResend)
        {
            Change(request.Shard.Id).Resent++;
        }

        Around(Failpoint.BeforeClaimCommit, Failpoint.AfterClaimCommit);
        return new ClaimAnswer.Claimed(attempts + 1, Times.FromStored(firstAt.Value));
    }

    /// <summary>Unsubscribed, suppressed or deleted since the freeze. An uncertain row stays what it is, for good (rule 14).</summary>
    private void Suppress(ClaimRequest request, RecipientState state)
    {
        if (state == RecipientState.Uncertain)
        {
            Move(request.Shard, request.Address, state, state, request.AttemptsSeen, NeverResent, null, null);
            return;
        }

        Move(request.Shard, request.Address, state, RecipientState.Suppressed, request.AttemptsSeen, NotResent, null, null);
    }

    /// <summary>Takes a grant for one row; the time to wait until when there is none (rule 22).</summary>
    private long? Grant(BroadcastId broadcast, int perHour, long now)
    {
        var query = Prepared("SELECT grant_at, left_in_grant FROM throttles WHERE broadcast_id = @broadcast");
        Set(query, "@broadcast", broadcast.Value);
        ThrottleState? state = null;
        using (var reader = query.ExecuteReader())
        {
            if (reader.Read())
            {
                state = new ThrottleState(reader.GetInt64(0), reader.GetInt32(1));
            }
        }

        var answer = Throttle.Take(perHour, state, now);
        if (answer.WaitUntilMs is { } wait)
        {
            return wait;
        }

        var keep = Prepared("""
            INSERT INTO throttles (broadcast_id, grant_at, left_in_grant) VALUES (@broadcast, @at, @left)
            ON CONFLICT (broadcast_id) DO UPDATE SET grant_at = excluded.grant_at, left_in_grant = excluded.left_in_grant
            """);
        Set(keep, "@broadcast", broadcast.Value);
        Set(keep, "@at", answer.State.GrantAtMs);
        Set(keep, "@left", answer.State.Left);
        keep.ExecuteNonQuery();
        return null;
    }

    private void Record(OutcomeRecord record)
    {
        if (Read(record.Shard.Broadcast, record.Address) is not { } row)
        {
            return;
        }

        // Rule 15: evidence counts by its attempt, whatever happened to the shard meanwhile.
        if (row.Attempts != record.Attempt || row.State is not (RecipientState.Sending or RecipientState.Uncertain))
        {
            if (record.Outcome is DeliveryOutcome.Accepted late)
            {
                Attempt(record.Shard.Broadcast, record.Address, record.Attempt, "accepted", SmtpPhase.Dot, late.Reply);
            }

            return;
        }

        var (step, reply, phase) = (record.Decision.Step, ReplyOf(record.Outcome), PhaseOf(record.Outcome));
        var firstTry = row.Resent == NotResent;
        if (step == RetryStep.Accept)
        {
            Move(record.Shard, record.Address, row.State, RecipientState.Accepted, row.Attempts, row.Resent, null, row.FirstAt, reply);
            if (row.Attempts > 1)
            {
                Attempt(record.Shard.Broadcast, record.Address, record.Attempt, "accepted", phase, reply);
            }

            return;
        }

        if (step != RetryStep.GiveBack)
        {
            Attempt(record.Shard.Broadcast, record.Address, record.Attempt, Word(step), phase, reply);
        }

        // Rule 14: only "accepted" clears an uncertain row; after its second try it stays, with the last reply beside it.
        if (!firstTry)
        {
            Move(record.Shard, record.Address, row.State, RecipientState.Uncertain, row.Attempts, row.Resent, null, row.FirstAt, reply);
            return;
        }

        switch (step)
        {
            case RetryStep.MarkUncertain:
                Move(record.Shard, record.Address, row.State, RecipientState.Uncertain, row.Attempts, row.Holds ? NeverResent : NotResent, null, row.FirstAt, reply);
                if (row.State == RecipientState.Sending)
                {
                    Change(record.Shard.Id).UncertainEver++;
                }

                break;
            case RetryStep.GiveBack:
                GiveBack(record, row);
                break;
            case RetryStep.Defer:
                Move(record.Shard, record.Address, row.State, row.Canceled ? RecipientState.Canceled : RecipientState.Deferred,
                    row.Attempts, row.Resent, record.Decision.NotBefore?.ToStored(), row.FirstAt, reply);
                break;
            case RetryStep.Expire:
                Move(record.Shard, record.Address, row.State, RecipientState.Expired, row.Attempts, row.Resent, null, row.FirstAt, reply);
                break;
            case RetryStep.Refuse:
                Move(record.Shard, record.Address, row.State, RecipientState.Refused, row.Attempts, row.Resent, null, row.FirstAt, reply);
                if (record.Decision.Suppress)
                {
                    SuppressAddress(record.Shard.Site, record.Address, reply);
                }

                break;
            default:
                throw new InvalidOperationException($"no transition for {step}");
        }
    }

    /// <summary>Nobody has it: the row returns to where it came from, as if this attempt had not been (rule 13).</summary>
    private void GiveBack(OutcomeRecord record, Row row)
    {
        var attempts = row.Attempts - 1;
        var (state, notBefore, firstAt) = attempts == 0
            ? (RecipientState.Pending, (long?)null, (long?)null)
            : (RecipientState.Deferred, Now.ToStored(), row.FirstAt);
        Move(record.Shard, record.Address, row.State, row.Canceled ? RecipientState.Canceled : state, attempts, row.Resent, notBefore, firstAt);
    }

    private void RecordRenderFailure(RenderFailure failure)
    {
        if (Read(failure.Shard.Broadcast, failure.Address) is not { } row || row.Attempts != failure.AttemptsSeen)
        {
            return;
        }

        var reply = new SmtpReply(0, "", failure.Reason.Length > SmtpReply.MaxText ? failure.Reason[..SmtpReply.MaxText] : failure.Reason);
        switch (row.State)
        {
            case RecipientState.Pending or RecipientState.Deferred when failure.PersonErased:
                Move(failure.Shard, failure.Address, row.State, RecipientState.Suppressed, row.Attempts, row.Resent, null, row.FirstAt);
                break;

            case RecipientState.Pending or RecipientState.Deferred:
                Move(failure.Shard, failure.Address, row.State, RecipientState.RenderFailed, row.Attempts, row.Resent, null, row.FirstAt, reply);
                break;

            // It was made once and cannot be made now: there will be no second try.
            case RecipientState.Uncertain when row.Resent == NotResent:
                Move(failure.Shard, failure.Address, row.State, RecipientState.Uncertain, row.Attempts, NeverResent, null, row.FirstAt, reply);
                break;
        }
    }

    /// <summary>Writes a row's new state and notes the change of its shard's counts.</summary>
    private void Move(
        TakenShard shard, AddressId address, RecipientState from, RecipientState to, int attempts, int resent, long? notBefore, long? firstAt, SmtpReply? reply = null)
    {
        var command = Prepared("""
            UPDATE recipients SET state = @state, attempts = @attempts, resent = @resent, epoch = @epoch, not_before = @not_before,
                first_at = @first_at, last_at = @now, reply_id = COALESCE(@reply, reply_id)
            WHERE broadcast_id = @broadcast AND address_id = @address
            """);
        Set(command, "@state", (int)to);
        Set(command, "@attempts", attempts);
        Set(command, "@resent", resent);
        Set(command, "@epoch", shard.Epoch);
        Set(command, "@not_before", notBefore);
        Set(command, "@first_at", firstAt);
        Set(command, "@now", Now.ToStored());
        Set(command, "@reply", reply is null ? null : ReplyId(reply));
        Set(command, "@broadcast", shard.Broadcast.Value);
        Set(command, "@address", address.Value);
        command.ExecuteNonQuery();
        Count(shard.Id, from, to);
    }

    private Row? Read(BroadcastId broadcast, AddressId address)
    {
        var query = Prepared("""
            SELECT r.state, r.attempts, r.resent, r.first_at, b.status, b.uncertain_policy
            FROM recipients r JOIN broadcasts b ON b.id = r.broadcast_id
            WHERE r.broadcast_id = @broadcast AND r.address_id = @address
            """);
        Set(query, "@broadcast", broadcast.Value);
        Set(query, "@address", address.Value);
        using var reader = query.ExecuteReader();
        return reader.Read()
            ? new Row(
                (RecipientState)reader.GetInt32(0),
                reader.GetInt32(1),
                reader.GetInt32(2),
                reader.IsDBNull(3) ? null : reader.GetInt64(3),
                reader.GetString(4) == "canceled",
                reader.GetString(5) == "hold")
            : null;
    }

    private void SuppressAddress(SiteId site, AddressId address, SmtpReply? reply)
    {
        var command = Prepared("""
            INSERT INTO suppressions (site_id, address_id, reason, detail, created_at) VALUES (@site, @address, 'hard_bounce', @detail, @now)
            ON CONFLICT DO NOTHING
            """);
        Set(command, "@site", site.Value);
        Set(command, "@address", address.Value);
        Set(command, "@detail", reply is null ? null : $"{reply.Code} {reply.Enhanced} {reply.Text}");
        Set(command, "@now", Now.ToStored());
        command.ExecuteNonQuery();
    }

    private void Attempt(BroadcastId broadcast, AddressId address, int number, string outcome, SmtpPhase phase, SmtpReply? reply)
    {
        var command = Prepared("""
            INSERT INTO attempts (broadcast_id, address_id, number, at, outcome, phase, reply_id)
            VALUES (@broadcast, @address, @number, @now, @outcome, @phase, @reply)
            """);
        Set(command, "@broadcast", broadcast.Value);
        Set(command, "@address", address.Value);
        Set(command, "@number", number);
        Set(command, "@now", Now.ToStored());
        Set(command, "@outcome", outcome);
        Set(command, "@phase", Words.SnakeCase(phase.ToString()));
        Set(command, "@reply", reply is null ? null : ReplyId(reply));
        command.ExecuteNonQuery();
    }

    /// <summary>A reply's text is kept once. Queue ids make "accepted" texts unique, so of those only the code is kept.</summary>
    private long ReplyId(SmtpReply reply)
    {
        var kept = reply.Code is >= 200 and < 300 ? reply with { Text = "" } : reply;
        if (_replyIds.TryGetValue(kept, out var id))
        {
            return id;
        }

        // Read first: a write of what is there already would be a page more in every commit.
        var known = Prepared("SELECT id FROM replies WHERE code = @code AND enhanced = @enhanced AND text = @text");
        Set(known, "@code", kept.Code);
        Set(known, "@enhanced", kept.Enhanced);
        Set(known, "@text", kept.Text);
        if (known.ExecuteScalar() is long there)
        {
            return _replyIds[kept] = there;
        }

        var command = Prepared("""
            INSERT INTO replies (code, enhanced, text) VALUES (@code, @enhanced, @text)
            ON CONFLICT (code, enhanced, text) DO UPDATE SET code = excluded.code RETURNING id
            """);
        Set(command, "@code", kept.Code);
        Set(command, "@enhanced", kept.Enhanced);
        Set(command, "@text", kept.Text);
        id = (long)command.ExecuteScalar()!;
        _replyIds[kept] = id;
        return id;
    }

    /// <summary>The same for a reply that says yes, without an object when it says what the last one said.</summary>
    private long AcceptedReplyId(SmtpReply reply)
    {
        if (_lastAccepted is not { } last || last.Code != reply.Code || last.Enhanced != reply.Enhanced)
        {
            _lastAcceptedId = ReplyId(reply);
            _lastAccepted = reply;
        }

        return _lastAcceptedId;
    }

    private ShardChange Change(ShardId shard)
    {
        if (!_changes.TryGetValue(shard, out var change))
        {
            _changes[shard] = change = _unused.TryPop(out var unused) ? unused : new ShardChange();
        }

        return change;
    }

    private static SmtpReply? ReplyOf(DeliveryOutcome outcome) => outcome switch
    {
        DeliveryOutcome.Accepted accepted => accepted.Reply,
        DeliveryOutcome.Deferred deferred => deferred.Reply,
        DeliveryOutcome.Refused refused => refused.Reply,
        DeliveryOutcome.Uncertain uncertain => new SmtpReply(0, "", uncertain.Reason),
        DeliveryOutcome.NotSent notSent => new SmtpReply(0, "", notSent.Reason),
        _ => null,
    };

    private static SmtpPhase PhaseOf(DeliveryOutcome outcome) => outcome switch
    {
        DeliveryOutcome.Deferred deferred => deferred.Phase,
        DeliveryOutcome.Refused refused => refused.Phase,
        DeliveryOutcome.Uncertain uncertain => uncertain.Phase,
        DeliveryOutcome.NotSent notSent => notSent.Phase,
        _ => SmtpPhase.Dot,
    };

    private static string Word(RetryStep step) => step switch
    {
        RetryStep.Defer or RetryStep.Expire => "deferred",
        RetryStep.Refuse => "refused",
        RetryStep.MarkUncertain => "uncertain",
        _ => "accepted",
    };

    private sealed record Row(RecipientState State, int Attempts, int Resent, long? FirstAt, bool Canceled, bool Holds);

    private sealed class ShardChange
    {
        public long[] ByState { get; } = new long[States.Length];

        public long UncertainEver { get; set; }

        public long Resent { get; set; }

        public void Clear()
        {
            Array.Clear(ByState);
            (UncertainEver, Resent) = (0, 0);
        }
    }
}
