using System.Globalization;
using Ekiben.Delivery;
using Ekiben.Storage;
using Ekiben.Storage.Sqlite;

namespace Ekiben.Tests.Conformance;

/// <summary>SQLite's short way (<see cref="SqliteFastPath"/>) does what the long way does, and nothing where anything is otherwise.</summary>
public class SqliteFastPathTests
{
    private static readonly SmtpReply Ok = new(250, "2.0.0", "queued as 1");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_row_claimed_and_accepted_is_the_same_row_either_way()
    {
        // A rate, which the short way does not know, is more than two messages need.
        var (fast, ordinary) = (await SentAsync(perHour: "NULL"), await SentAsync(perHour: "250000"));
        Assert.Equal(ordinary, fast);
        Assert.Contains("3 1 0", fast, StringComparison.Ordinal);
        Assert.Contains("1 1 0", fast, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("UPDATE subscribers SET unsubscribed_at = 1")]
    [InlineData("INSERT INTO suppressions (site_id, address_id, reason, created_at) SELECT site_id, id, 'complaint', 1 FROM addresses")]
    [InlineData("PRAGMA foreign_keys = OFF; DELETE FROM subscribers")]
    [InlineData("UPDATE recipients SET state = 1, attempts = 1")]
    [InlineData("UPDATE recipients SET state = 2, not_before = 0")]
    [InlineData("UPDATE recipients SET state = 3")]
    [InlineData("UPDATE recipients SET state = 9, attempts = 1")]
    [InlineData("UPDATE recipients SET attempts = 1")]
    [InlineData("UPDATE recipients SET resent = 1")]
    [InlineData("UPDATE recipients SET first_at = 1")]
    public async Task A_row_that_is_not_simply_pending_or_not_to_be_sent_to_is_left_alone(string spoil)
    {
        await using var ledger = await LedgerTests.LedgerApp.StartAsync(null, people: 1);
        var row = Assert.Single(await ledger.FrozenAsync());
        using var connection = ledger.App.Service<SqliteDatabase>().Connect();
        using var fast = new SqliteFastPath(connection);
        ledger.Sql(spoil);
        var before = await RowsAsync(ledger);
        Assert.False(fast.Claim(row.Shard, row.Address, 5, 5));
        Assert.Equal(before, await RowsAsync(ledger));
    }

    [Theory]
    [InlineData("UPDATE recipients SET state = 0, attempts = 0")]
    [InlineData("UPDATE recipients SET state = 9")]
    [InlineData("UPDATE recipients SET attempts = 2")]
    [InlineData("UPDATE recipients SET resent = 1")]
    public async Task A_row_that_is_not_on_its_first_try_is_not_accepted_the_short_way(string spoil)
    {
        await using var ledger = await LedgerTests.LedgerApp.StartAsync(null, people: 1);
        var row = Assert.Single(await ledger.FrozenAsync());
        using var connection = ledger.App.Service<SqliteDatabase>().Connect();
        using var fast = new SqliteFastPath(connection);
        Assert.True(fast.Claim(row.Shard, row.Address, 5, 5));
        ledger.Sql(spoil);
        var before = await RowsAsync(ledger);
        Assert.False(fast.Accept(row.Shard, row.Address, 0, 6));
        Assert.Equal(before, await RowsAsync(ledger));
    }

    [Theory]
    [InlineData("UPDATE broadcasts SET status = 'paused'", typeof(ClaimAnswer.Stopped))]
    [InlineData("UPDATE broadcasts SET status = 'canceled'", typeof(ClaimAnswer.Stopped))]
    [InlineData("UPDATE shards SET epoch = epoch + 1", typeof(ClaimAnswer.Stopped))]
    [InlineData("INSERT INTO throttles (broadcast_id, grant_at, left_in_grant) SELECT id, 1893456000000, 0 FROM broadcasts; UPDATE broadcasts SET batch_size_per_hour = 10", typeof(ClaimAnswer.Wait))]
    public async Task A_shard_that_is_not_sending_without_a_rate_goes_the_long_way(string spoil, Type answer)
    {
        await using var ledger = await LedgerTests.LedgerApp.StartAsync(null, people: 2);
        var rows = await ledger.FrozenAsync();
        Assert.IsType<ClaimAnswer.Claimed>(await ledger.ClaimAsync(rows[0]));
        ledger.Sql(spoil);
        Assert.IsType(answer, await ledger.ClaimAsync(rows[1]));
        Assert.Equal(1, ledger.Count("SELECT COUNT(*) FROM recipients WHERE state = 0 AND attempts = 0"));
    }

    /// <summary>One accepted, one on the wire, and everything that is stored about it.</summary>
    private static async Task<string> SentAsync(string perHour)
    {
        await using var ledger = await LedgerTests.LedgerApp.StartAsync(null, people: 2);
        ledger.Sql($"UPDATE broadcasts SET batch_size_per_hour = {perHour}");
        var rows = await ledger.FrozenAsync();
        ledger.Clock.Advance(TimeSpan.FromMilliseconds(1500));
        Assert.IsType<ClaimAnswer.Claimed>(await ledger.ClaimAsync(rows[0]));
        ledger.Clock.Advance(TimeSpan.FromMilliseconds(1500));
        Assert.IsType<ClaimAnswer.Claimed>(await ledger.ClaimAsync(rows[1]));
        await ledger.RecordAsync(rows[0], 1, new DeliveryOutcome.Accepted(Ok), new RetryDecision(RetryStep.Accept));
        Assert.Empty(await ledger.Queue.RecountAsync(DateTimeOffset.UnixEpoch, Cancel));
        return await RowsAsync(ledger);
    }

    private static async Task<string> RowsAsync(LedgerTests.LedgerApp ledger)
    {
        await using var connection = await ledger.App.Database.ConnectAsync(Cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT state || ' ' || attempts || ' ' || resent || ' ' || epoch || ' ' || COALESCE(not_before, '-') || ' ' || COALESCE(first_at, '-') || ' ' || COALESCE(last_at, '-')
                   || ' ' || COALESCE((SELECT code || ' ' || enhanced || ' ' || text FROM replies WHERE replies.id = reply_id), '-')
            FROM recipients ORDER BY address_id
            """;
        var rows = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        while (await reader.ReadAsync(Cancel))
        {
            rows.Add(Convert.ToString(reader.GetValue(0), CultureInfo.InvariantCulture)!);
        }

        return string.Join('\n', rows);
    }
}
