using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Storage;

namespace Ekiben.Tests.Simulation;

/// <summary>The feed of one frozen broadcast, driven by hand: what is read, claimed and settled, and when.</summary>
#pragma warning disable CA1001 // The ledger in memory has nothing to give back.
internal sealed class SimulatedFeed
#pragma warning restore CA1001
{
    private readonly OneThread _thread = new(new Random(1));
    private readonly BroadcastFeed _feed;
    private readonly IAsyncEnumerator<IReadOnlyList<Candidate>> _pages;

    /// <param name="people">Recipients, in one shard.</param>
    /// <param name="perHour">The rate that the feed reads ahead for; claims are as fast as one likes.</param>
    public SimulatedFeed(int people, int? perHour = null)
    {
        Broadcast = new SimulatedBroadcast(1, people, people, UncertainPolicy.Resend) { Rates = { (Time.NowMs, null) } };
        Ledger = new MemoryLedger(Time, new Random(1), [Broadcast], people, Assert.Fail);
        var rate = new RunRate();
        rate.Set(perHour);
        var shards = Do(async () =>
        {
            await Ledger.BeginFreezeAsync(Broadcast.Id, default);
            await Ledger.FreezeNextRangeAsync(Broadcast.Id, new AudienceRule(new SiteId(1), [], [], null), default);
            await Ledger.CompleteFreezeAsync(Broadcast.Id, default);
            return await Ledger.TakeShardsAsync(Broadcast.Id, default);
        });
        _feed = new BroadcastFeed(Ledger, shards, rate, new RunState(), Time);
        _pages = _feed.ReadPagesAsync(default).GetAsyncEnumerator(default);
    }

    public SimulatedTime Time { get; } = new();

    public SimulatedBroadcast Broadcast { get; }

    public MemoryLedger Ledger { get; }

    /// <summary>Begins to read until a page has this row; false when there is no more.</summary>
    public Task<bool> ReadUntil(AddressId address) => Start(async () =>
    {
        while (await _pages.MoveNextAsync())
        {
            if (_pages.Current.Any(row => row.Address == address))
            {
                return true;
            }
        }

        return false;
    });

    /// <summary>The next page, when it comes without waiting for anything.</summary>
    public IReadOnlyList<Candidate> Read() => Do(async () => await _pages.MoveNextAsync() ? _pages.Current : []);

    public void Claim(Candidate row) => Assert.IsType<ClaimAnswer.Claimed>(
        Do(() => Ledger.ExchangeAsync(new Exchange(null, new ClaimRequest(row.Shard, row.Address, row.Attempts, Time.GetUtcNow())), default).AsTask()));

    public void Settle(Candidate row, DeliveryOutcome outcome, RetryDecision decision) => Do(() => SettleAsync(row, outcome, decision));

    public Task<bool> BeginSettle(Candidate row, DeliveryOutcome outcome, RetryDecision decision) => Start(() => SettleAsync(row, outcome, decision));

    public void Step(int steps)
    {
        for (var step = 0; step < steps; step++)
        {
            _thread.Step();
        }
    }

    /// <summary>Lets everything happen, and time go by where nothing does, until <paramref name="task"/> has ended. False when it never will.</summary>
    public bool Finish(Task task)
    {
        while (!task.IsCompleted)
        {
            if (!_thread.Step() && !Time.Next())
            {
                return false;
            }
        }

        return true;
    }

    private async Task<bool> SettleAsync(Candidate row, DeliveryOutcome outcome, RetryDecision decision)
    {
        var stored = Broadcast.Row(row.Address);
        stored.Accepted = outcome is DeliveryOutcome.Accepted ? stored.Claims : 0;
        await Ledger.ExchangeAsync(new Exchange(new OutcomeRecord(row.Shard, row.Address, row.Attempts + 1, outcome, decision), null), default);
        _feed.Settle(row, decision.NotBefore, decision.Step == RetryStep.GiveBack);
        return true;
    }

    private Task<T> Start<T>(Func<Task<T>> work) => (Task<T>)_thread.Start(() => work());

    private T Do<T>(Func<Task<T>> work)
    {
        var doing = Start(work);
        while (!doing.IsCompleted)
        {
            Assert.True(_thread.Step(), "it waits for something");
        }

        return doing.GetAwaiter().GetResult();
    }
}
