using System.Net.Sockets;
using Npgsql;

namespace Ekiben.Storage.Postgres;

/// <summary>
/// The ledger's transactions on PostgreSQL. Its connection holds the lock of the only sending server: while the connection is gone nothing can be
/// claimed, and nobody else gets the lock before this connection's last transaction has ended (docs/ledger.md rules 19 and 21).
/// </summary>
internal sealed class PostgresGroupWriter : GroupWriter<PostgresLedger>
{
    private readonly PostgresDatabase _database;
    private readonly TimeProvider _clock;

    /// <summary>Names this writer's row in <c>ledger_commits</c>.</summary>
    private readonly Guid _id = Guid.NewGuid();

    private NpgsqlConnection? _handed;
    private NpgsqlConnection? _connection;
    private PostgresLedger? _ledger;
    private long _number;

    /// <summary>The transaction whose COMMIT was sent and not answered.</summary>
    private long? _inDoubt;

    public PostgresGroupWriter(PostgresDatabase database, TimeProvider clock, ILogger logger) : base(logger)
    {
        (_database, _clock) = (database, clock);
        Start();
    }

    /// <summary>Takes a connection that owns the database already. Before the first write.</summary>
    public void Hand(NpgsqlConnection owner) => _handed = owner;

    protected override void Transact(IEnumerable<Exchange> exchanges, Action<PostgresLedger> work)
    {
        try
        {
            var ledger = _ledger ??= Open();
            if (_inDoubt is { } number)
            {
                // The connection broke in a COMMIT, and a commit that did happen must not be done again: claims would be lost, outcomes written twice.
                var committed = ReadLastCommit() == number;
                _inDoubt = null;
                if (committed)
                {
                    return;
                }
            }

            using var turn = _database.Gate.EnterAsync(ledger: true).AsTask().GetAwaiter().GetResult();
            using var transaction = _connection!.BeginTransaction();
            ledger.Begin(transaction, [.. exchanges]);
            work(ledger);
            ledger.Complete(_id, ++_number);
            _inDoubt = _number;
            transaction.Commit();
            _inDoubt = null;
            ledger.Committed();
        }
        catch (Exception exception) when (IsTheWorlds(exception))
        {
            Drop();
            throw;
        }
    }

    protected override void Abandon() => _inDoubt = null;

    /// <summary>
    /// A broken or refused connection, and the states that pass: 08 connection, 40 rolled back, 53 no room, 55P03 locked, 57P the server goes
    /// or comes, 58 its files, 25006 read-only (PostgreSQL's appendix A).
    /// </summary>
    protected override bool IsTheWorlds(Exception exception) => exception switch
    {
        PostgresException { SqlState: { } state } =>
            state is "55P03" or "25006" || state.StartsWith("57P", StringComparison.Ordinal) || state[..2] is "08" or "40" or "53" or "58",
        NpgsqlException or OwnedElsewhereException or SocketException or IOException or TimeoutException => true,
        // What Npgsql says of a connection that broke between two commands.
        InvalidOperationException => _connection is { FullState: not System.Data.ConnectionState.Open },
        _ => false,
    };

    protected override void Close() => Drop();

    private PostgresLedger Open()
    {
        _connection = Interlocked.Exchange(ref _handed, null) ?? _database.ConnectAsOwner() ?? throw new OwnedElsewhereException();
        return new PostgresLedger(_connection, _clock);
    }

    private long? ReadLastCommit()
    {
        using var command = _connection!.CreateCommand();
        command.CommandText = "SELECT number FROM ledger_commits WHERE writer = @writer";
        command.Set("@writer", _id);
        return command.ExecuteScalar() as long?;
    }

    private void Drop()
    {
        Interlocked.Exchange(ref _handed, null)?.Dispose();
        _connection?.Dispose();
        (_connection, _ledger) = (null, null);
        _database.Forget();
    }

    private sealed class OwnedElsewhereException() : Exception("another server sends from this database");
}
