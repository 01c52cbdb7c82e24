using System.Globalization;
using Microsoft.AspNetCore.Identity;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Ekiben.Storage.Sqlite;

/// <summary>The default database: one file, <c>ekiben.db</c>, in the data folder. WAL with synchronous=FULL, so what was committed survives a power cut.</summary>
internal sealed class SqliteDatabase : Database
{
    /// <summary>3.51.3 mended a race that could lose committed WAL writes (sqlite.org/wal.html, "the WAL-reset bug").</summary>
    private static readonly Version OldestSafe = new(3, 51, 3);

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
        await db.Database.MigrateAsync(cancel);
    }

    protected override Db Create() => new SqliteDb(_options);

    protected override ValueTask<IDisposable> EnterAsync(CancellationToken cancel) => Gate.EnterAsync(cancel: cancel);

    /// <summary>
    /// Sends the saves that nobody opened a <see cref="WriteScope"/> for (Identity's own) through the gate as well,
    /// and gives every connection of EF the same durability as ours.
    /// </summary>
    private sealed class GateInterceptor(WriteGate gate) : SaveChangesInterceptor
    {
        private readonly System.Runtime.CompilerServices.ConditionalWeakTable<DbContext, IDisposable> _turns = [];

        public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
            DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
        {
            if (eventData.Context is { Database.CurrentTransaction: null } context)
            {
                _turns.AddOrUpdate(context, await gate.EnterAsync(cancel: cancellationToken));
            }

            return result;
        }

        public override ValueTask<int> SavedChangesAsync(
            SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
        {
            Leave(eventData.Context);
            return ValueTask.FromResult(result);
        }

        public override Task SaveChangesFailedAsync(DbContextErrorEventData eventData, CancellationToken cancellationToken = default)
        {
            Leave(eventData.Context);
            return Task.CompletedTask;
        }

        public override Task SaveChangesCanceledAsync(DbContextEventData eventData, CancellationToken cancellationToken = default)
        {
            Leave(eventData.Context);
            return Task.CompletedTask;
        }

        private void Leave(DbContext? context)
        {
            if (context is not null && _turns.TryGetValue(context, out var turn))
            {
                _turns.Remove(context);
                turn.Dispose();
            }
        }
    }
}
