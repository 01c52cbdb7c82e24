using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Storage;

namespace Ekiben.Tests.Simulation;

/// <summary>
/// One process, from its start to its end: what the worker and a run do, in their order, around the product's own sending. It looks when
/// something changed, up to 250 ms late, since looks that find nothing new change nothing.
/// </summary>
/// <param name="ledger">The database.</param>
/// <param name="broadcasts">What is in it.</param>
/// <param name="relays">Where messages may go: each with its weight and priority, until <see cref="Reroute"/>.</param>
/// <param name="time">The clock.</param>
/// <param name="random">The seed's.</param>
/// <param name="broken">Is told what must not be.</param>
#pragma warning disable CA1001 // Its two sources live as long as the process that may be dropped at any moment.
internal sealed class SimulatedServer(
    MemoryLedger ledger, IReadOnlyList<SimulatedBroadcast> broadcasts, IReadOnlyList<(LyingRelay Relay, int Weight, int Priority)> relays, SimulatedTime time, Random random, Action<string> broken)
#pragma warning restore CA1001
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(25);

    private readonly Dictionary<BroadcastId, Running> _running = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _abort = new();
    private readonly SiteRoutes _routes = new(time);
    private readonly Dictionary<LyingRelay, RelayPool> _pools = [];
    private TaskCompletionSource _changed = new();

    /// <summary>Something is to be looked at.</summary>
    public void Wake()
    {
        var changed = _changed;
        _changed = new TaskCompletionSource();
        changed.SetResult();
    }

    /// <summary>SIGTERM.</summary>
    public void Stop()
    {
        _stopping.Cancel();
        Wake();
    }

    /// <summary>Somebody changed which relays the site sends by, and how much.</summary>
    public void Reroute(IReadOnlyList<(LyingRelay Relay, int Weight, int Priority)> changed) =>
        _routes.Replace([.. changed.Select(use => new RouteTerms(null, use.Relay.Name, PoolOf(use.Relay), use.Weight, use.Priority))]);

    public async Task ServeAsync()
    {
        Reroute(relays);
        await ledger.RecoverAsync(null, default);
        while (!_stopping.IsCancellationRequested && !broadcasts.All(one => one.IsOver))
        {
            var next = _changed.Task;
            await LookAsync();
            using var awake = new CancellationTokenSource();
            await Task.WhenAny(next, UntilAsync(awake.Token));
            awake.Cancel();
            if (random.Next(2) == 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 250)), time);
            }
        }

        foreach (var running in _running.Values)
        {
            running.Stop.Cancel();
        }

        using var patience = new CancellationTokenSource(Patience, time);
        await using (patience.Token.Register(_abort.Cancel))
        {
            await Task.WhenAll(_running.Values.Select(running => running.Task));
        }

        foreach (var pool in _pools.Values)
        {
            await pool.DisposeAsync();
        }
    }

    private RelayPool PoolOf(LyingRelay relay)
    {
        if (!_pools.TryGetValue(relay, out var pool))
        {
            _pools.Add(relay, pool = new RelayPool(relay, time));
        }

        return pool;
    }

    /// <summary>When nobody says anything: until a broadcast is due, or the database can be written again.</summary>
    private Task UntilAsync(CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        var next = broadcasts.Where(one => one.Status == BroadcastStatus.Scheduled && one.SendAt > now).Select(one => one.SendAt)
            .Concat(ledger.BlindUntil > now ? [ledger.BlindUntil] : []).DefaultIfEmpty().Min();
        return Task.Delay(next > now ? next - now : Timeout.InfiniteTimeSpan, time, cancel);
    }

    private async Task LookAsync()
    {
        var work = await ledger.ReadWorkAsync(default);
        var stopped = ledger.Blind is not null;
        var wanted = work.Where(item => item.Status is BroadcastStatus.Scheduled or BroadcastStatus.Sending).ToDictionary(item => item.Broadcast);
        foreach (var (id, running) in _running.ToList())
        {
            if (!wanted.TryGetValue(id, out var item) || stopped)
            {
                running.Stop.Cancel();
            }

            if (item is not null)
            {
                running.Rate.Set(item.PerHour);
                if (running.Orders != ledger.Find(id).Orders)
                {
                    running.Orders = ledger.Find(id).Orders;
                    running.Run?.Arrived();
                }
            }

            if (running.Task.IsCompleted)
            {
                await running.Task;
                _running.Remove(id);
            }
        }

        foreach (var item in work)
        {
            if (item.Status == BroadcastStatus.Canceled)
            {
                if (!_running.TryGetValue(item.Broadcast, out var running) || running.Task.IsCompleted)
                {
                    await ledger.CancelRowsAsync(item.Broadcast, default);
                    Wake();
                }
            }
            else if (!stopped && !_running.ContainsKey(item.Broadcast) && item.IsDue(time.GetUtcNow()))
            {
                var running = new Running { Orders = ledger.Find(item.Broadcast).Orders };
                running.Rate.Set(item.PerHour);
                _running.Add(item.Broadcast, running);
                running.Task = RunAsync(item.Broadcast, running);
            }
        }
    }

    private async Task RunAsync(BroadcastId id, Running running)
    {
        await Task.Yield();
        try
        {
            running.Run = new SimulatedRun(ledger, ledger.Find(id), _routes, running.Rate, time, broken);
            await running.Run.RunAsync(running.Stop.Token, _abort.Token);
        }
        catch (OperationCanceledException) when (running.Stop.IsCancellationRequested)
        {
            // Stopped between two steps; it begins again there.
        }
        catch (Exception exception)
        {
            broken($"a run failed: {exception}");
        }

        if (ledger.Find(id).Rows.Exists(row => row.State == RecipientState.Sending))
        {
            broken("rule 12: a run ended and a row is still sending");
        }

        Wake();
    }

    private sealed class Running
    {
        public CancellationTokenSource Stop { get; } = new();

        public RunRate Rate { get; } = new();

        public Task Task { get; set; } = Task.CompletedTask;

        public SimulatedRun? Run { get; set; }

        public int Orders { get; set; }
    }
}
