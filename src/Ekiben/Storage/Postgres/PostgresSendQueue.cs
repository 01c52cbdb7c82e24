using Npgsql;

namespace Ekiben.Storage.Postgres;

/// <summary>The ledger on PostgreSQL.</summary>
internal sealed class PostgresSendQueue : SqlSendQueue<PostgresLedger>
{
    /// <summary>A server that was killed is gone from the database's view within moments; one that is there after 3 s is alive.</summary>
    private const int OwnTries = 12;

    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(250);

    private readonly PostgresDatabase _database;
    private readonly PostgresGroupWriter _writer;
    private readonly TimeProvider _clock;

    public PostgresSendQueue(PostgresDatabase database, TimeProvider clock, ILogger<PostgresSendQueue> logger)
        : this(database, new PostgresGroupWriter(database, clock, logger), clock)
    {
    }

    private PostgresSendQueue(PostgresDatabase database, PostgresGroupWriter writer, TimeProvider clock) : base(database, writer, clock) =>
        (_database, _writer, _clock) = (database, writer, clock);

    protected override string JoinedTagNames => "string_agg(t.name, chr(31))";

    protected override string Greatest => "GREATEST";

    public override async Task<string?> OwnAsync(CancellationToken cancel)
    {
        for (var tries = 0; tries < OwnTries; tries++)
        {
            if (await Task.Run(_database.ConnectAsOwner, cancel) is { } owner)
            {
                _writer.Hand(owner);
                return null;
            }

            await Task.Delay(BetweenTries, _clock, cancel);
        }

        return $"a server sends from this database already ({await _database.ReadOwnerAsync(cancel) ?? "it ended just now"})";
    }

    protected override long FreezeRange(PostgresLedger ledger, BroadcastId broadcast, AudienceRule rule, long from, long to)
    {
        using var command = (NpgsqlCommand)ledger.Prepared("");
        command.Set("@broadcast", broadcast.Value);
        command.Set("@from", from);
        command.Set("@to", to);
        var where = new PostgresAudienceSql(command, rule, AudienceReach.Range);
        // One statement, one snapshot; of people of the range who share an address the one with the lowest id comes first.
        command.CommandText = $"""
            WITH freezing AS MATERIALIZED (
                SELECT s.id AS subscriber_id, s.address_id, {where.Reason} AS reason FROM subscribers s WHERE {where.Matched}),
            taken AS (
                INSERT INTO recipients (broadcast_id, address_id, subscriber_id)
                SELECT @broadcast, f.address_id, f.subscriber_id FROM freezing f WHERE f.reason = 0 ORDER BY f.address_id, f.subscriber_id
                ON CONFLICT (broadcast_id, address_id) DO NOTHING RETURNING subscriber_id),
            others AS (
                INSERT INTO left_out (broadcast_id, subscriber_id, address_id, reason)
                SELECT @broadcast, f.subscriber_id, f.address_id, CASE WHEN f.reason = 0 THEN 4 ELSE f.reason END FROM freezing f
                WHERE f.reason > 0 OR NOT EXISTS (SELECT 1 FROM taken t WHERE t.subscriber_id = f.subscriber_id)
                ORDER BY f.subscriber_id RETURNING 1)
            SELECT COUNT(*) FROM freezing
            """;
        return (long)command.ExecuteScalar()!;
    }
}
