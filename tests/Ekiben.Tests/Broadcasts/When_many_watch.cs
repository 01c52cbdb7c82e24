using System.Collections.Concurrent;
using System.Data.Common;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Storage;
using Ekiben.Storage.Sqlite;
using Ekiben.Tests.Conformance;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ekiben.Tests.Broadcasts;

/// <summary>A broadcast that is on its way costs the database the same, however many look at it.</summary>
public sealed class When_many_watch
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_hundred_viewers_share_one_look_a_second_of_two_statements_at_most()
    {
        await using var ledger = await LedgerTests.LedgerApp.StartAsync(null, people: 3);
        var row = (await ledger.FrozenAsync())[0];
        var database = new CountingDatabase(ledger.App.Service<SqliteDatabase>());
        var live = new LiveLooks(new Receipts(database, ledger.App.Service<MessageIds>()), new Traces(database), ledger.Clock);
        for (var look = 0; look < 2 * LiveLooks.AnswersEvery; look++)
        {
            database.Statements.Clear();
            var viewers = Enumerable.Range(0, 100).Select(_ => live.NextAsync(ledger.Broadcast, Cancel)).ToList();
            ledger.Clock.Advance(LiveLooks.Every);
            var seen = await Task.WhenAll(viewers);

            Assert.Single(seen.Distinct());
            Assert.True(database.Statements.Count is 1 or 2, string.Join('\n', database.Statements));
            Assert.Equal((BroadcastStatus.Sending, 3, 3), (seen[0]!.Now.Status, seen[0]!.Receipt.Recipients, seen[0]!.Receipt.Pending));
            Assert.True(seen[0]!.Receipt.Balanced);
        }

        // Within the second everybody is told what is known; after it, what is there.
        Assert.IsType<ClaimAnswer.Claimed>(await ledger.ClaimAsync(row));
        Assert.Equal(0, (await live.LastAsync(ledger.Broadcast, Cancel))!.Receipt.Sending);
        ledger.Clock.Advance(LiveLooks.Every);
        Assert.Equal(1, (await live.LastAsync(ledger.Broadcast, Cancel))!.Receipt.Sending);
        Assert.Null(await live.NextAsync(new BroadcastId(4711), Cancel));
    }

    [Fact]
    public async Task One_who_leaves_does_not_end_the_look_of_the_others()
    {
        await using var ledger = await LedgerTests.LedgerApp.StartAsync(null, people: 1);
        await ledger.FrozenAsync();
        var live = ledger.App.Service<LiveLooks>();
        Assert.NotNull(await live.NextAsync(ledger.Broadcast, Cancel));
        using var leaves = new CancellationTokenSource();
        var (first, second) = (live.NextAsync(ledger.Broadcast, leaves.Token), live.NextAsync(ledger.Broadcast, Cancel));
        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        ledger.Clock.Advance(LiveLooks.Every);
        Assert.NotNull(await second);
    }

    /// <summary>SQLite, and every statement that it is given over connections of this.</summary>
    private sealed class CountingDatabase(SqliteDatabase inner) : Database
    {
        public ConcurrentQueue<string> Statements { get; } = [];

        public override Task MigrateAsync(CancellationToken cancel) => throw new NotSupportedException();

        public override async Task<DbConnection> ConnectAsync(CancellationToken cancel)
        {
            // Of its own: nobody else's statements come over it.
            var connection = new SqliteConnection(inner.ConnectionString + ";Pooling=False");
            await connection.OpenAsync(cancel);
            raw.sqlite3_trace(connection.Handle, (strdelegate_trace)((_, sql) => Statements.Enqueue(sql)), null);
            return connection;
        }

        public override Task<T> ReadLongAsync<T>(Func<DbConnection, Task<T>> read, CancellationToken cancel) => throw new NotSupportedException();

        public override Task<DbTransaction> BeginSnapshotAsync(DbConnection connection, CancellationToken cancel) => inner.BeginSnapshotAsync(connection, cancel);

        protected override Db Create() => throw new NotSupportedException();

        protected override ValueTask<IDisposable> EnterAsync(CancellationToken cancel) => throw new NotSupportedException();
    }
}
