using System.Collections.Concurrent;
using Ekiben.Delivery;
using Ekiben.Domains;
using Ekiben.Instances;
using Ekiben.Mails;
using Ekiben.Storage;
using Ekiben.Web;

namespace Ekiben.Broadcasts;

/// <summary>
/// Looks for work in the database and runs it: a <see cref="BroadcastRun"/> for each broadcast that is due or sending, a
/// <see cref="MailRun"/> for each site with mails to one person, and the rest of each
/// cancellation. Commands reach it through the database; the signal only makes it look sooner.
/// </summary>
internal sealed partial class BroadcastsWorker(
    EkibenOptions options, Database database, SendQueue queue, SendingRequirements requirements, Audiences audiences, RelayPools relays,
    MessageComposer composer, MessageIds messageIds, PublicLinks links, DomainSigning domains, InstanceKey instanceKey, EngineSignal signal, InstanceGuard instance,
    IHostApplicationLifetime lifetime, TimeProvider clock, ILoggerFactory loggers)
    : BackgroundService
{
    /// <summary>How soon a change by another process (the command line on the same folder) is seen.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);

    /// <summary>A run that failed by a mistake of ours is tried again after this long.</summary>
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(10);

    /// <summary>At shutdown the relay gets this long to answer for what is on the wire (within the host's 30 s).</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(25);

    /// <summary>Progress is read from per-shard counts; once a day they are compared with the rows they count (ledger.md rule 17).</summary>
    private static readonly TimeSpan RecountEvery = TimeSpan.FromDays(1);

    private readonly ILogger _logger = loggers.CreateLogger<BroadcastsWorker>();
    private readonly ConcurrentDictionary<BroadcastId, Running> _running = new();

    /// <summary>What a broadcast's run is doing at the moment; null when it has none.</summary>
    public RunState? StateOf(BroadcastId broadcast) => _running.TryGetValue(broadcast, out var running) ? running.Run.State : null;

    /// <summary>Why no broadcast can go on, for pages and health; null while all is well.</summary>
    public string? Stopped { get; private set; }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.RunEngine)
        {
            return;
        }

        using var abort = new CancellationTokenSource();
        try
        {
            var recovered = await queue.RecoverAsync(null, stoppingToken);
            if (recovered > 0)
            {
                Log.Recovered(_logger, recovered);
            }

            // Messages carry links to this server's pages: nothing is sent before those answer.
            var started = new TaskCompletionSource();
            await using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
            await started.Task.WaitAsync(stoppingToken);
            var recountAt = clock.GetUtcNow() + RecountEvery;
            while (!stoppingToken.IsCancellationRequested)
            {
                var next = signal.Next;
                try
                {
                    if (clock.GetUtcNow() >= recountAt)
                    {
                        recountAt = clock.GetUtcNow() + RecountEvery;
                        await RecountAsync(stoppingToken);
                    }

                    await LookAsync(abort.Token, stoppingToken);
                }
                catch (System.Data.Common.DbException exception)
                {
                    // A database that cannot be read for a moment must not end the server: it looks again.
                    Log.CannotLook(_logger, exception);
                }

                await Task.WhenAny(next, Task.Delay(LookEvery, clock, stoppingToken));
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Shutting down: the runs are stopped below.
        }
        finally
        {
            await StopAllAsync(abort);
        }
    }

    private async Task LookAsync(CancellationToken abort, CancellationToken stopping)
    {
        var work = await queue.ReadWorkAsync(stopping);
        if (!_running.IsEmpty)
        {
            await relays.RefreshAsync(stopping);
        }

        Stopped = queue.Blind ?? DiskIsLow() ?? await instance.CheckAsync(stopping);
        var wanted = work.Where(w => w.Status is BroadcastStatus.Scheduled or BroadcastStatus.Sending).ToDictionary(w => w.Broadcast);
        foreach (var (id, running) in _running)
        {
            if (!wanted.ContainsKey(id) || Stopped is not null)
            {
                await running.Stop.CancelAsync();
            }

            if (wanted.TryGetValue(id, out var item))
            {
                running.Run.Rate.Set(item.PerHour);
                if (item.HasArrivals || item.Version != running.Version)
                {
                    running.Version = item.Version;
                    running.Run.Arrived();
                }
            }

            if (running.Task.IsCompleted && (clock.GetUtcNow() >= running.RestartAt || running.Task.IsCompletedSuccessfully))
            {
                _running.TryRemove(id, out _);
                running.Stop.Dispose();
            }
        }

        foreach (var item in work)
        {
            if (item.Status == BroadcastStatus.Canceled)
            {
                await FinishCancelAsync(item, stopping);
            }
            else if (Stopped is null && !_running.ContainsKey(item.Broadcast) && item.IsDue(clock.GetUtcNow()))
            {
                Start(item, abort, stopping);
            }
        }
    }

    private async Task RecountAsync(CancellationToken cancel)
    {
        foreach (var broadcast in await queue.RecountAsync(clock.GetUtcNow() - RecountEvery - RecountEvery, cancel))
        {
            Log.CountsDiffer(_logger, broadcast);
        }
    }

    private void Start(WorkItem item, CancellationToken abort, CancellationToken stopping)
    {
        var stop = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        IRun run = item.IsStream
            ? new MailRun(item.Broadcast, database, queue, requirements, relays, domains, instanceKey, messageIds, links, clock)
            : new BroadcastRun(
                item.Broadcast, database, audiences, queue, requirements, relays, composer, domains, instanceKey, clock, loggers.CreateLogger<BroadcastRun>());
        run.Rate.Set(item.PerHour);
        var running = new Running(stop, run) { Version = item.Version };
        _running[item.Broadcast] = running;
        running.Task = Task.Run(async () =>
        {
            try
            {
                await run.RunAsync(stop.Token, abort);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // Stopped between two steps; it begins again there.
            }
            catch (Exception exception)
            {
                running.RestartAt = clock.GetUtcNow() + AfterFailure;
                Log.RunFailed(_logger, item.Broadcast, exception);
                throw;
            }
            finally
            {
                signal.Wake();
            }
        }, CancellationToken.None);
    }

    /// <summary>The rows of a canceled broadcast, once nothing of it is on the wire.</summary>
    private async Task FinishCancelAsync(WorkItem item, CancellationToken stopping)
    {
        if (_running.TryGetValue(item.Broadcast, out var running) && !running.Task.IsCompleted)
        {
            return;
        }

        await queue.CancelRowsAsync(item.Broadcast, stopping);
    }

    /// <summary>Below 1 GiB free, or a tenth of a small disk, nothing new is begun: a ledger that fills the disk is worth nothing (rule 21).</summary>
    private string? DiskIsLow()
    {
        var drive = new DriveInfo(Path.GetFullPath(options.DataFolder));
        var floor = Math.Min(options.MinFreeBytes, drive.TotalSize / 10);
        return drive.AvailableFreeSpace < floor
            ? $"The disk of the data folder has {drive.AvailableFreeSpace >> 20} MiB free, less than the {floor >> 20} MiB that sending needs."
            : null;
    }

    private async Task StopAllAsync(CancellationTokenSource abort)
    {
        foreach (var running in _running.Values)
        {
            await running.Stop.CancelAsync();
        }

        var all = Task.WhenAll(_running.Values.Select(running => running.Task));
        using var patience = new CancellationTokenSource(Patience, clock);
        using var registration = patience.Token.Register(abort.Cancel);
        try
        {
            await all;
        }
        catch (Exception exception)
        {
            Log.StoppedWithFailure(_logger, exception);
        }
    }

    private sealed class Running(CancellationTokenSource stop, IRun run)
    {
        public CancellationTokenSource Stop => stop;

        public IRun Run => run;

        public Task Task { get; set; } = Task.CompletedTask;

        public DateTimeOffset RestartAt { get; set; }

        /// <summary>The broadcast's when the run last looked for rows.</summary>
        public long Version { get; set; }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{Count} messages were on the wire when the server last ended: they are uncertain")]
        public static partial void Recovered(ILogger logger, long count);

        [LoggerMessage(LogLevel.Error, "The run of broadcast {Id} failed and is tried again")]
        public static partial void RunFailed(ILogger logger, BroadcastId id, Exception exception);

        [LoggerMessage(LogLevel.Error, "The counts of broadcast {Id} differ from its rows")]
        public static partial void CountsDiffer(ILogger logger, BroadcastId id);

        [LoggerMessage(LogLevel.Error, "The database cannot be read")]
        public static partial void CannotLook(ILogger logger, Exception exception);

        [LoggerMessage(LogLevel.Warning, "A run ended with a failure at shutdown")]
        public static partial void StoppedWithFailure(ILogger logger, Exception exception);
    }
}
