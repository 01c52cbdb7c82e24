using Microsoft.Data.Sqlite;

namespace Ekiben.Storage.Sqlite;

/// <summary>The ledger's transactions on SQLite: with FULL sync the commit is the cost.</summary>
internal sealed class SqliteGroupWriter : GroupWriter<SqliteLedger>
{
    /// <summary>Of every 100 ms the lock is free for at least 5, so that another process on the same folder gets its turn (rule 23).</summary>
    private static readonly TimeSpan Busy = TimeSpan.FromMilliseconds(95);

    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(5);

    private readonly SqliteDatabase _database;
    private readonly TimeProvider _clock;
    private SqliteConnection? _connection;
    private SqliteLedger? _ledger;
    private long _freeSince;

    public SqliteGroupWriter(SqliteDatabase database, TimeProvider clock, ILogger logger) : base(logger)
    {
        (_database, _clock, _freeSince) = (database, clock, clock.GetTimestamp());
        Start();
    }

    protected override void Transact(IEnumerable<Exchange> exchanges, Action<SqliteLedger> work)
    {
        _connection ??= _database.Connect();
        _ledger ??= new SqliteLedger(_connection, _clock);
        using var turn = _database.Gate.EnterAsync(ledger: true).AsTask().GetAwaiter().GetResult();
        _ledger.Begin();
        try
        {
            work(_ledger);
            _ledger.Commit();
        }
        catch
        {
            _ledger.RollBack();
            throw;
        }

        _ledger.Committed();
    }

    /// <summary>SQLITE_BUSY 5, LOCKED 6, NOMEM 7, READONLY 8, IOERR 10, FULL 13, CANTOPEN 14: they may pass.</summary>
    protected override bool IsTheWorlds(Exception exception) =>
        exception is SqliteException { SqliteErrorCode: 5 or 6 or 7 or 8 or 10 or 13 or 14 };

    protected override void Rest(ManualResetEventSlim closing)
    {
        if (_clock.GetElapsedTime(_freeSince) >= Busy)
        {
            closing.Wait(Breath);
            _freeSince = _clock.GetTimestamp();
        }
    }

    protected override void Close()
    {
        _ledger?.Dispose();
        _connection?.Dispose();
    }
}
