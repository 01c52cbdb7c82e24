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
            return new WriteScope(turn, await db.Database.BeginTransactionAsync(cancel));
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    /// <summary>Brings the schema up to this version of the program.</summary>
    public abstract Task MigrateAsync(CancellationToken cancel);

    protected abstract Db Create();

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
