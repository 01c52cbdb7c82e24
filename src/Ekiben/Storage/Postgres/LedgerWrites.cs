using Ekiben.Broadcasts;
using Npgsql;
using NpgsqlTypes;

namespace Ekiben.Storage.Postgres;

/// <summary>What one ledger transaction writes, gathered so that each table gets one statement.</summary>
internal sealed class LedgerWrites
{
    /// <summary>The last state of each row, by broadcast and address.</summary>
    public Dictionary<(long Broadcast, long Address), RowWrite> Rows { get; } = [];

    public List<AttemptWrite> Attempts { get; } = [];

    /// <summary>Details by site and address; the first suppression of an address stays.</summary>
    public Dictionary<(long Site, long Address), string?> Suppressions { get; } = [];

    public Dictionary<long, ThrottleState> Throttles { get; } = [];

    public void Clear()
    {
        Rows.Clear();
        Attempts.Clear();
        Suppressions.Clear();
        Throttles.Clear();
    }

    /// <param name="batch">Gets one statement for each table that changes, in an order in which each finds what it refers to.</param>
    /// <param name="now">Stored milliseconds.</param>
    public void AddTo(NpgsqlBatch batch, long now)
    {
        AddReplies(batch);
        AddRows(batch, now);
        AddAttempts(batch, now);
        AddSuppressions(batch, now);
        AddThrottles(batch);
    }

    /// <summary>A reply's text is kept once; rows and attempts find its id by the text.</summary>
    private void AddReplies(NpgsqlBatch batch)
    {
        var replies = Rows.Values.Select(row => row.Reply).Concat(Attempts.Select(attempt => attempt.Reply)).OfType<SmtpReply>().Distinct().ToList();
        if (replies.Count == 0)
        {
            return;
        }

        // Those that are there already are left out first: a conflict would use up an id each time.
        Add(batch, """
            INSERT INTO replies (code, enhanced, text)
            SELECT k.code, k.enhanced, k.text FROM unnest($1, $2, $3) AS k (code, enhanced, text)
            WHERE NOT EXISTS (SELECT 1 FROM replies p WHERE p.code = k.code AND p.enhanced = k.enhanced AND p.text = k.text)
            """,
            Ints(replies.Select(reply => reply.Code)), Texts(replies.Select(reply => reply.Enhanced)), Texts(replies.Select(reply => reply.Text)));
    }

    private void AddRows(NpgsqlBatch batch, long now)
    {
        if (Rows.Count == 0)
        {
            return;
        }

        var rows = Rows.ToList();
        Add(batch, """
            UPDATE recipients r SET state = k.state, attempts = k.attempts, resent = k.resent, epoch = k.epoch, not_before = k.not_before,
                first_at = k.first_at, last_at = $8,
                reply_id = COALESCE((SELECT p.id FROM replies p WHERE p.code = k.code AND p.enhanced = k.enhanced AND p.text = k.text), r.reply_id)
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $9, $10, $11, $12)
                AS k (broadcast_id, address_id, state, attempts, resent, epoch, not_before, first_at, code, enhanced, text)
            WHERE r.broadcast_id = k.broadcast_id AND r.address_id = k.address_id
            """,
            Longs(rows.Select(row => (long?)row.Key.Broadcast)),
            Longs(rows.Select(row => (long?)row.Key.Address)),
            Shorts(rows.Select(row => (short)row.Value.Row.State)),
            Ints(rows.Select(row => row.Value.Row.Attempts)),
            Shorts(rows.Select(row => (short)row.Value.Row.Resent)),
            Ints(rows.Select(row => row.Value.Epoch)),
            Longs(rows.Select(row => row.Value.Row.NotBefore)),
            Long(now),
            Longs(rows.Select(row => row.Value.Row.FirstAt)),
            Ints(rows.Select(row => row.Value.Reply?.Code ?? 0)),
            Texts(rows.Select(row => row.Value.Reply?.Enhanced)),
            Texts(rows.Select(row => row.Value.Reply?.Text)));
    }

    private void AddAttempts(NpgsqlBatch batch, long now)
    {
        if (Attempts.Count == 0)
        {
            return;
        }

        Add(batch, """
            INSERT INTO attempts (broadcast_id, address_id, number, at, outcome, phase, reply_id)
            SELECT k.broadcast_id, k.address_id, k.number, $4, k.outcome, k.phase,
                   (SELECT p.id FROM replies p WHERE p.code = k.code AND p.enhanced = k.enhanced AND p.text = k.text)
            FROM unnest($1, $2, $3, $5, $6, $7, $8, $9) WITH ORDINALITY
                AS k (broadcast_id, address_id, number, outcome, phase, code, enhanced, text, place)
            ORDER BY k.place
            """,
            Longs(Attempts.Select(attempt => (long?)attempt.Broadcast)),
            Longs(Attempts.Select(attempt => (long?)attempt.Address)),
            Ints(Attempts.Select(attempt => attempt.Number)),
            Long(now),
            Texts(Attempts.Select(attempt => attempt.Outcome)),
            Texts(Attempts.Select(attempt => attempt.Phase)),
            Ints(Attempts.Select(attempt => attempt.Reply?.Code ?? 0)),
            Texts(Attempts.Select(attempt => attempt.Reply?.Enhanced)),
            Texts(Attempts.Select(attempt => attempt.Reply?.Text)));
    }

    private void AddSuppressions(NpgsqlBatch batch, long now)
    {
        if (Suppressions.Count == 0)
        {
            return;
        }

        Add(batch, """
            INSERT INTO suppressions (site_id, address_id, reason, detail, created_at)
            SELECT k.site_id, k.address_id, 'hard_bounce', k.detail, $4 FROM unnest($1, $2, $3) AS k (site_id, address_id, detail)
            ON CONFLICT DO NOTHING
            """,
            Longs(Suppressions.Select(suppression => (long?)suppression.Key.Site)),
            Longs(Suppressions.Select(suppression => (long?)suppression.Key.Address)),
            Texts(Suppressions.Values),
            Long(now));
    }

    private void AddThrottles(NpgsqlBatch batch)
    {
        if (Throttles.Count == 0)
        {
            return;
        }

        Add(batch, """
            INSERT INTO throttles (broadcast_id, grant_at, left_in_grant) SELECT * FROM unnest($1, $2, $3)
            ON CONFLICT (broadcast_id) DO UPDATE SET grant_at = excluded.grant_at, left_in_grant = excluded.left_in_grant
            """,
            Longs(Throttles.Keys.Select(broadcast => (long?)broadcast)),
            Longs(Throttles.Values.Select(state => (long?)state.GrantAtMs)),
            Ints(Throttles.Values.Select(state => state.Left)));
    }

    private static void Add(NpgsqlBatch batch, string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(parameter);
        }

        batch.BatchCommands.Add(command);
    }

    // Arrays say their type: an array of nothing but nulls has none.
    private static NpgsqlParameter Long(long value) => new() { Value = value };

    private static NpgsqlParameter Longs(IEnumerable<long?> values) => Array(values.ToArray(), NpgsqlDbType.Bigint);

    private static NpgsqlParameter Ints(IEnumerable<int> values) => Array(values.ToArray(), NpgsqlDbType.Integer);

    private static NpgsqlParameter Shorts(IEnumerable<short> values) => Array(values.ToArray(), NpgsqlDbType.Smallint);

    private static NpgsqlParameter Texts(IEnumerable<string?> values) => Array(values.ToArray(), NpgsqlDbType.Text);

    private static NpgsqlParameter Array(System.Array values, NpgsqlDbType type) => new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | type };

    /// <summary>What a row becomes, under which epoch, and the reply it then has; null leaves the one it has.</summary>
    public sealed record RowWrite(Ledger.RowState Row, int Epoch, SmtpReply? Reply);

    public sealed record AttemptWrite(long Broadcast, long Address, int Number, string Outcome, string Phase, SmtpReply? Reply);
}
