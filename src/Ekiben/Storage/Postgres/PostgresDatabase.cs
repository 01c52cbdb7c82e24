using System.Data;
using System.Data.Common;
using System.Globalization;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Ekiben.Storage.Postgres;

/// <summary>
/// PostgreSQL 15 or newer. Several processes can write here, so every write transaction also takes a lock of the database, first of all:
/// one writes at a time, as on SQLite, and what a transaction read holds at its commit (docs/ledger.md rule 26).
/// </summary>
internal sealed class PostgresDatabase : Database, IAsyncDisposable
{
    /// <summary>Older ones are out of their support, or soon.</summary>
    private const int OldestMajor = 15;

    /// <summary>"ekib": the first half of our advisory locks' keys; another program in the same database has other keys.</summary>
    private const int LockSpace = 0x656B6962;
    private const int WriteLock = 1;
    private const int ServeLock = 2;

    private readonly NpgsqlDataSource _source;
    private readonly string _writerConnection;
    private readonly DbContextOptions<PostgresDb> _options;

    /// <exception cref="ArgumentException">The connection string cannot be read.</exception>
    public PostgresDatabase(string connectionString, WriteGate gate)
    {
        Gate = gate;
        var pooled = new NpgsqlConnectionStringBuilder(connectionString) { TcpKeepAlive = true };
        pooled.ApplicationName ??= "ekiben";
        // An unpooled connection: its end is the end of the lock it holds. Two minutes: a recount of millions of rows takes seconds.
        var own = new NpgsqlConnectionStringBuilder(pooled.ConnectionString)
        {
            Pooling = false,
            Enlist = false,
            CommandTimeout = 120,
            ApplicationName = string.Create(CultureInfo.InvariantCulture, $"ekiben, process {Environment.ProcessId} on {Environment.MachineName}"),
        };
        _writerConnection = own.ConnectionString;
        _source = NpgsqlDataSource.Create(pooled);
        _options = new DbContextOptionsBuilder<PostgresDb>()
            .UseNpgsql(_source)
            .UseApplicationServiceProvider(IdentitySchema)
            .AddInterceptors(new GateInterceptor(gate))
            .Options;
    }

    public WriteGate Gate { get; }

    /// <summary>The statement that lets one write transaction in at a time; it holds until the transaction ends.</summary>
    public static string TakeWriteLock { get; } = string.Create(CultureInfo.InvariantCulture, $"SELECT pg_advisory_xact_lock({LockSpace}, {WriteLock})");

    /// <summary>Identity reads its schema version from here only; every context of the program must see the same.</summary>
    private static ServiceProvider IdentitySchema { get; } = new ServiceCollection()
        .Configure<IdentityOptions>(identity => identity.Stores.SchemaVersion = IdentitySchemaVersions.Version3)
        .BuildServiceProvider();

    public override async Task<DbConnection> ConnectAsync(CancellationToken cancel) => await _source.OpenConnectionAsync(cancel);

    public override async Task<T> ReadLongAsync<T>(Func<DbConnection, Task<T>> read, CancellationToken cancel)
    {
        await using var connection = await ConnectAsync(cancel);
        return await read(connection);
    }

    public override async Task<DbTransaction> BeginSnapshotAsync(DbConnection connection, CancellationToken cancel) =>
        await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);

    /// <summary>
    /// A connection that holds the lock of the only sending server as long as it lives (rule 19); null when another connection holds it.
    /// </summary>
    public NpgsqlConnection? ConnectAsOwner()
    {
        var connection = new NpgsqlConnection(_writerConnection);
        try
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = string.Create(CultureInfo.InvariantCulture, $"SELECT pg_try_advisory_lock({LockSpace}, {ServeLock})");
            if ((bool)command.ExecuteScalar()!)
            {
                return connection;
            }
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        connection.Dispose();
        return null;
    }

    /// <summary>The name that the lock's holder gave its connection; null when nobody has the lock.</summary>
    public async Task<string?> ReadOwnerAsync(CancellationToken cancel)
    {
        await using var connection = await ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = string.Create(CultureInfo.InvariantCulture, $"""
            SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
              AND l.classid = {LockSpace} AND l.objid = {ServeLock} AND l.granted LIMIT 1
            """);
        return await command.ExecuteScalarAsync(cancel) as string;
    }

    /// <summary>Drops the pooled connections: the server that they led to went away.</summary>
    public void Forget() => _source.Clear();

    public override async Task<string?> WhatIsWrongAsync(CancellationToken cancel)
    {
        await using var connection = await _source.OpenConnectionAsync(cancel);
        if (connection.PostgreSqlVersion.Major < OldestMajor)
        {
            return $"PostgreSQL {connection.PostgreSqlVersion} is too old; {OldestMajor} or newer is needed";
        }

        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('server_encoding')";
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return (reader.GetString(0), reader.GetString(1), reader.GetString(2)) switch
        {
            ({ } fsync, _, _) when fsync != "on" => "the PostgreSQL server runs with fsync=off, which can lose what was answered; switch it on",
            (_, "off", _) => "this database or user has synchronous_commit=off, which can lose what was answered; switch it on",
            (_, _, { } encoding) when encoding != "UTF8" => $"the database is encoded in {encoding}; UTF8 is needed",
            _ => null,
        };
    }

    public override async Task MigrateAsync(CancellationToken cancel)
    {
        if (await WhatIsWrongAsync(cancel) is { } wrong)
        {
            throw new InvalidOperationException(wrong);
        }

        await using var db = Create();
        await db.Database.MigrateAsync(cancel);
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    protected override Db Create() => new PostgresDb(_options);

    protected override ValueTask<IDisposable> EnterAsync(CancellationToken cancel) => Gate.EnterAsync(cancel: cancel);

    protected override Task LockAsync(Db db, CancellationToken cancel) => db.Database.ExecuteSqlRawAsync(TakeWriteLock, cancel);
}
