using System.Data.Common;
using System.Globalization;
using Microsoft.AspNetCore.Identity;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using SQLitePCL;

namespace Ekiben.Storage.Sqlite;

/// <summary>The default database: one file, <c>ekiben.db</c>, in the data folder. WAL with synchronous=FULL, so what was committed survives a power cut.</summary>
internal sealed class SqliteDatabase : Database
{
    /// <summary>3.51.3 mended a race that could lose committed WAL writes (sqlite.org/wal.html, "the WAL-reset bug").</summary>
    private static readonly Version OldestSafe = new(3, 51, 3);

    /// <summary>Steps of SQLite's machine between two looks whether a long read is still wanted: a fraction of a millisecond.</summary>
    private const int StepsBetweenLooks = 20_000;

    private readonly DbContextOptions<SqliteDb> _options;

    public SqliteDatabase(string file, WriteGate gate)
    {
        Gate = gate;
        ConnectionString = new SqliteConnectionStringBuilder { DataSource = file, ForeignKeys = true, DefaultTimeout = 5 }.ToString();
        _options = new DbContextOptionsBuilder<SqliteDb>()
            .UseSqlite(ConnectionString)
            .UseApplicationServiceProvider(IdentitySchema)
            .AddInterceptors(new GateInterceptor(gate))
            .Options;
    }

    public WriteGate Gate { get; }

    public string ConnectionString { get; }

    /// <summary>Identity reads its schema version from here only; every context of the program must see the same.</summary>
    private static ServiceProvider IdentitySchema { get; } = new ServiceCollection()
        .Configure<IdentityOptions>(identity => identity.Stores.SchemaVersion = IdentitySchemaVersions.Version3)
        .BuildServiceProvider();

    /// <summary>A connection for hand-written SQL, opened with the settings that every connection here has.</summary>
    public SqliteConnection Connect()
    {
        var connection = new SqliteConnection(ConnectionString);
        connection.Open();
        using var pragma = connection.CreateCommand();
        // Without mmap and with 8 MB of cache a connection; FULL is the default, but a promise should not rest on a default.
        pragma.CommandText = "PRAGMA synchronous=FULL; PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY; PRAGMA busy_timeout=5000;";
        pragma.ExecuteNonQuery();
        return connection;
    }

    public override Task<DbConnection> ConnectAsync(CancellationToken cancel) => Task.FromResult<DbConnection>(Connect());

    /// <summary>The driver ends no statement by itself, whatever its token says: SQLite asks every few thousand steps.</summary>
    public override Task<T> ReadLongAsync<T>(Func<DbConnection, Task<T>> read, CancellationToken cancel) => Task.Run(
        async () =>
        {
            await using var connection = Connect();
            raw.sqlite3_progress_handler(connection.Handle, StepsBetweenLooks, _ => cancel.IsCancellationRequested ? 1 : 0, null);
            try
            {
                return await read(connection);
            }
            catch (SqliteException interrupted) when (interrupted.SqliteErrorCode == raw.SQLITE_INTERRUPT && cancel.IsCancellationRequested)
            {
                throw new OperationCanceledException("the read was given up", interrupted, cancel);
            }
            finally
            {
                // The connection goes back to the pool.
                raw.sqlite3_progress_handler(connection.Handle, 0, null, null);
            }
        },
        cancel);

    public override Task<DbTransaction> BeginSnapshotAsync(DbConnection connection, CancellationToken cancel) =>
        Task.FromResult<DbTransaction>(((SqliteConnection)connection).BeginTransaction(deferred: true));

    public override async Task MigrateAsync(CancellationToken cancel)
    {
        await using (var connection = Connect())
        {
            var version = Version.Parse(connection.ServerVersion);
            if (version < OldestSafe)
            {
                throw new InvalidOperationException(string.Create(
                    CultureInfo.InvariantCulture, $"SQLite {version} can lose committed writes; {OldestSafe} or newer is needed"));
            }

            await using var wal = connection.CreateCommand();
            wal.CommandText = "PRAGMA journal_mode=WAL";
            await wal.ExecuteScalarAsync(cancel);
        }

        await using var db = Create();
        // EF's own row outlives a process that was killed and would be waited for without end; processes take turns by a lock of the folder.
        await db.Database.ExecuteSqlRawAsync("DROP TABLE IF EXISTS __EFMigrationsLock", cancel);
        await db.Database.MigrateAsync(cancel);
    }

    protected override Db Create() => new SqliteDb(_options);

    protected override ValueTask<IDisposable> EnterAsync(CancellationToken cancel) => Gate.EnterAsync(cancel: cancel);
}
