using Ekiben.Broadcasts;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Commands;

/// <summary>
/// The data folder opened for one command, beside a running server or without one: the program's own registrations, nothing started.
/// A fresh folder is made ready, so that a site can be created before the first <c>serve</c>.
/// </summary>
internal sealed class DataFolder : IAsyncDisposable
{
    private readonly WebApplication _app;

    private DataFolder(WebApplication app) => _app = app;

    public IServiceProvider Services => _app.Services;

    public Database Database => Services.GetRequiredService<Database>();

    public TimeProvider Clock => Services.GetRequiredService<TimeProvider>();

    public static async Task<DataFolder> OpenAsync(EkibenOptions options, CancellationToken cancel)
    {
        MakeUsable(options.DataFolder);
        var app = EkibenBuilder.Build(options with { RunEngine = false });
        var folder = new DataFolder(app);
        try
        {
            await MigrateAsync(app.Services, options, ServeLock.ReadHolder(options.DataFolder), cancel);
            return folder;
        }
        catch
        {
            await folder.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Brings the schema up to date, one process at a time: the lock is the operating system's, since EF's own row in the database
    /// outlives a process that was killed and would then be waited for without end.
    /// </summary>
    /// <param name="services">The program's registrations.</param>
    /// <param name="options">Names the folder.</param>
    /// <param name="running">Another process that serves the folder, whose schema is not changed under it.</param>
    /// <param name="cancel">Ends the wait.</param>
    public static async Task MigrateAsync(IServiceProvider services, EkibenOptions options, ServeHolder? running, CancellationToken cancel)
    {
        var database = services.GetRequiredService<Database>();
        if (await database.WhatIsWrongAsync(cancel) is { } wrong)
        {
            throw new CommandFailure(wrong);
        }

        if ((options.Database is not null || File.Exists(options.DatabaseFile)) && !await IsBehindAsync(database, cancel))
        {
            return;
        }

        await using var turn = await WaitForTurnAsync(options, cancel);
        await using var db = database.OpenEverySite();
        if (running is not null && (await db.Database.GetAppliedMigrationsAsync(cancel)).Any() && await IsBehindAsync(database, cancel))
        {
            throw new CommandFailure($"the server that runs on {options.DataFolder} (process {running.Pid}) is of another version: restart it first");
        }

        await database.MigrateAsync(cancel);
    }

    /// <summary>Creates the folder where it is missing.</summary>
    /// <exception cref="CommandFailure">It cannot be created.</exception>
    public static void MakeUsable(string path)
    {
        try
        {
            EkibenBuilder.CreateFolder(path);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailure($"cannot use the data folder {path}: {refused.Message}");
        }
    }

    /// <summary>A broadcast of any site by its number.</summary>
    /// <exception cref="CommandFailure">There is none.</exception>
    public async Task<Broadcast> FindBroadcastAsync(long id, CancellationToken cancel)
    {
        await using var db = Database.OpenEverySite();
        return await db.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == new BroadcastId(id), cancel)
            ?? throw new CommandFailure($"there is no broadcast {id}");
    }

    /// <summary>A site by its uuid or by its name, when only one has it.</summary>
    /// <exception cref="CommandFailure">None or several are meant.</exception>
    public async Task<Site> FindSiteAsync(string text, CancellationToken cancel)
    {
        await using var db = Database.OpenEverySite();
        var sites = await db.Sites.AsNoTracking().Where(s => s.Uuid == text || s.Name == text).Take(2).ToListAsync(cancel);
        return sites switch
        {
            [var one] => one,
            [] => throw new CommandFailure($"there is no site \"{text}\"; see 'ekiben site list'"),
            _ => throw new CommandFailure($"several sites are called \"{text}\": give the uuid, see 'ekiben site list'"),
        };
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static async Task<bool> IsBehindAsync(Database database, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        return (await db.Database.GetPendingMigrationsAsync(cancel)).Any();
    }

    private static async Task<FileStream> WaitForTurnAsync(EkibenOptions options, CancellationToken cancel)
    {
        var file = Path.Combine(options.DataFolder, "migrate.lock");
        // Half a minute: a migration of a large database takes seconds, and its process shows its own progress.
        for (var tries = 0; tries < 300; tries++)
        {
            if (ServeLock.TryOpen(file, FileAccess.ReadWrite, FileShare.None) is { } turn)
            {
                return turn;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), options.Clock, cancel);
        }

        throw new CommandFailure($"another process has been preparing {options.DataFolder} for half a minute");
    }
}
