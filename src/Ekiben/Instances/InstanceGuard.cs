using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Instances;

/// <summary>
/// Keeps a copy from sending (docs/ledger.md rule 26). A data folder and its database know each other: by the folder's id, by when the
/// file system made the folder's file, and by a beat that goes up in the database first and then in the folder. A restored database, a
/// copied folder or a second instance on one database does not fit: it starts, shows everything and sends nothing, until a person says that
/// this one is to send.
/// </summary>
internal sealed class InstanceGuard(EkibenOptions options, Database database, ServerAddress address, EngineSignal signal, TimeProvider clock) : IDisposable
{
    /// <summary>Between two beats; what a folder can fall behind by a crash is one beat.</summary>
    private static readonly TimeSpan BeatEvery = TimeSpan.FromSeconds(10);

    /// <summary>A person at the command line should not wait long for the server to hear them.</summary>
    private static readonly TimeSpan LookWhileHeld = TimeSpan.FromSeconds(2);

    /// <summary>An owner that was silent for this long is not running.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(60);

    private readonly SemaphoreSlim _one = new(1, 1);
    private DateTimeOffset _nextBeat = DateTimeOffset.MinValue;

    /// <summary>Why this instance sends nothing; one or two sentences, null while it is the one that sends.</summary>
    public string? Held { get; private set; }

    /// <summary>Compares and, where all fits, beats. Called by the engine with every look; most calls do nothing.</summary>
    public async Task<string?> CheckAsync(CancellationToken cancel)
    {
        if (clock.GetUtcNow() < _nextBeat)
        {
            return Held;
        }

        await _one.WaitAsync(cancel);
        try
        {
            await BeatAsync(cancel);
        }
        finally
        {
            _one.Release();
        }

        return Held;
    }

    /// <summary>A person said that this instance is the one that sends. A copied folder gets an identity of its own; a former owner that still runs finds itself held.</summary>
    public async Task AdoptAsync(Actor actor, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            var file = InstanceFile.Open(options.DataFolder);
            if (file.IsCopy)
            {
                file.Renew();
            }

            await using var db = database.OpenEverySite();
            await using var write = await database.BeginWriteAsync(db, cancel);
            var instance = await db.Instances.FirstOrDefaultAsync(cancel);
            var beat = Math.Max(instance?.Beat ?? 0, file.Beat) + 1;
            Own(db, instance, file.Id, beat);
            db.AuditLog.Add(new AuditEntry { Actor = actor.Name, Action = "instance.adopted", Subject = $"instance:{file.Id}", Detail = Held, At = clock.GetUtcNow() });
            await db.SaveChangesAsync(cancel);
            await write.CommitAsync(cancel);
            file.Write(beat);
            (Held, _nextBeat) = (null, clock.GetUtcNow() + BeatEvery);
        }
        finally
        {
            _one.Release();
        }

        signal.Wake();
    }

    public void Dispose() => _one.Dispose();

    private async Task BeatAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        // Read anew: the command line may have said something to the folder.
        var file = InstanceFile.Open(options.DataFolder);
        await using var db = database.OpenEverySite();
        await using var write = await database.BeginWriteAsync(db, cancel);
        var instance = await db.Instances.FirstOrDefaultAsync(cancel);
        Held = instance is null ? null : WhatDoesNotFit(file, instance, now);
        _nextBeat = now + (Held is null ? BeatEvery : LookWhileHeld);
        if (Held is not null)
        {
            return;
        }

        var beat = (instance?.Beat ?? file.Beat) + 1;
        Own(db, instance, file.Id, beat);
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        // Afterwards: a crash between the two leaves the folder one behind, which is no copy's sign.
        file.Write(beat);
    }

    private static string? WhatDoesNotFit(InstanceFile file, Instance instance, DateTimeOffset now)
    {
        const string ask = "Nothing is sent until somebody who may approve says that this one is to send.";
        if (instance.Owner != file.Id)
        {
            var where = instance.Address is { } address ? $" ({address})" : "";
            return instance.LeaseUntil > now
                ? $"Another instance{where} is running on this database. {ask}"
                : $"This database was used by another instance{where} before: it is a copy, or this is a new home for it. {ask}";
        }

        if (file.IsCopy)
        {
            return $"This data folder is a copy: its original may still be sending. {ask}";
        }

        return instance.Beat < file.Beat
            ? $"This database is older than what this folder has seen: it was restored from a copy, and may not know of messages that were sent since. {ask}"
            : null;
    }

    private void Own(Db db, Instance? instance, string owner, long beat)
    {
        if (instance is null)
        {
            instance = new Instance { Owner = owner };
            db.Instances.Add(instance);
        }

        (instance.Owner, instance.Beat, instance.LeaseUntil, instance.Address) = (owner, beat, clock.GetUtcNow() + Lease, address.Url.ToString().TrimEnd('/'));
    }
}
