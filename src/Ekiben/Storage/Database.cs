using System.Data.Common;
using Microsoft.EntityFrameworkCore.Storage;

namespace Ekiben.Storage;

/// <summary>Opens contexts on the configured database and lets writes through one at a time where the database has one writer.</summary>
internal abstract class Database
{
    /// <summary>A context that sees one site's rows.</summary>
    public Db Open(SiteId site)
    {
        var db = Create();
        db.UseSite(site);
        return db;
    }

    /// <summary>A context that sees every site's rows: for the engine, the command line and what the platform shows across sites.</summary>
    public Db OpenEverySite()
    {
        var db = Create();
        db.UseEverySite();
        return db;
    }

    /// <summary>
    /// Begins the transaction in which everything that <paramref name="db"/> saves is written. Dispose without
    /// <see cref="WriteScope.CommitAsync"/> rolls back. Hold it for milliseconds: everybody else's writes wait behind it.
    /// </summary>
    public async Task<WriteScope> BeginWriteAsync(Db db, CancellationToken cancel)
    {
        var turn = await EnterAsync(cancel);
        try
        {
            var transaction = await db.Database.BeginTransactionAsync(cancel);
            await LockAsync(db, cancel);
            return new WriteScope(turn, transaction);
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    /// <summary>Brings the schema up to this version of the program.</summary>
    public abstract Task MigrateAsync(CancellationToken cancel);

    /// <summary>One sentence on why this database cannot be trusted with a ledger; null when it can.</summary>
    public virtual Task<string?> WhatIsWrongAsync(CancellationToken cancel) => Task.FromResult<string?>(null);

    /// <summary>An open connection for hand-written SQL; dispose it.</summary>
    public abstract Task<DbConnection> ConnectAsync(CancellationToken cancel);

    /// <summary>
    /// A read that may take seconds, such as a walk through everybody: beside the thread of whoever asks, since SQLite reads without waiting, and
    /// ended in its middle when they give up.
    /// </summary>
    /// <exception cref="OperationCanceledException">They gave up.</exception>
    public abstract Task<T> ReadLongAsync<T>(Func<DbConnection, Task<T>> read, CancellationToken cancel);

    /// <summary>Begins a transaction whose reads are all of one instant.</summary>
    public abstract Task<DbTransaction> BeginSnapshotAsync(DbConnection connection, CancellationToken cancel);

    protected abstract Db Create();

    /// <summary>Where several processes can write at once: waits for the others, until the transaction of <paramref name="db"/> ends.</summary>
    protected virtual Task LockAsync(Db db, CancellationToken cancel) => Task.CompletedTask;

    protected abstract ValueTask<IDisposable> EnterAsync(CancellationToken cancel);
}

/// <summary>One write: a turn at the gate and a transaction.</summary>
internal sealed class WriteScope(IDisposable turn, IDbContextTransaction transaction) : IAsyncDisposable
{
    public Task CommitAsync(CancellationToken cancel) => transaction.CommitAsync(cancel);

    public async ValueTask DisposeAsync()
    {
        await transaction.DisposeAsync();
        turn.Dispose();
    }
}

/// <summary>Parameters of hand-written SQL.</summary>
internal static class CommandParameters
{
    /// <summary>Gives the parameter its value, and makes it at the first use.</summary>
    public static void Set(this DbCommand command, string name, object? value)
    {
        var index = command.Parameters.IndexOf(name);
        if (index >= 0)
        {
            command.Parameters[index].Value = value ?? DBNull.Value;
            return;
        }

        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = (name, value ?? DBNull.Value);
        command.Parameters.Add(parameter);
    }
}
