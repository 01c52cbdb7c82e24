using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Storage;

namespace Ekiben.Tests.Simulation;

/// <summary>What a <see cref="BroadcastRun"/> does from its start on, with the product's own sending in the middle.</summary>
internal sealed class SimulatedRun(MemoryLedger ledger, SimulatedBroadcast broadcast, SiteRoutes routes, RunRate rate, SimulatedTime time, Action<string> broken)
{
    private static readonly AudienceRule Everybody = new(new SiteId(1), [], [], null);

    private readonly RunState _state = new();
    private readonly int _orders = broadcast.Orders;
    private BroadcastFeed? _feed;
    private Task<bool>? _held;

    /// <summary>Somebody ordered a second try since.</summary>
    public void Arrived() => _feed?.Arrived();

    public async Task RunAsync(CancellationToken stop, CancellationToken abort)
    {
        var id = broadcast.Id;
        if (broadcast.Status == BroadcastStatus.Scheduled && !await ledger.BeginFreezeAsync(id, stop))
        {
            return;
        }

        if (!await FreezeAsync(stop) || broadcast.Status != BroadcastStatus.Sending)
        {
            return;
        }

        var shards = await ledger.TakeShardsAsync(id, stop);
        if (await ledger.RecoverAsync(id, stop) > 0)
        {
            broken("rule 12: a run began and found rows still sending");
        }

        var feed = _feed = new BroadcastFeed(ledger, shards, rate, _state, time);
        var lane = new LaneWork(
            ledger, new RelayTurns(routes, time), feed, new UpcomingRows(), SimulatedMessage.Of(id, time), new MessagePool(), new FailureWatch(), _state, rate, time,
            (reason, cancel) => _held ??= ledger.HoldAsync(id, reason, cancel));
        if (await LaneCrew.RunAsync(lane, stop, abort)
            && await ledger.CloseAsync(id, stop) is { } problem
            && broadcast.Orders == _orders
            && await ledger.HoldAsync(id, problem, stop))
        {
            broken($"I2: a run came to its end with rows that can move: {string.Join(", ", broadcast.Rows.Where(row => row.State is RecipientState.Pending or RecipientState.Sending or RecipientState.Deferred || row is { State: RecipientState.Uncertain, Resent: 0 }).Select(row => $"{row.Address} {row.State} after {row.Attempts}"))}");
        }
    }

    private async Task<bool> FreezeAsync(CancellationToken stop)
    {
        if (broadcast.IsFrozen)
        {
            return true;
        }

        FreezeStep step;
        do
        {
            stop.ThrowIfCancellationRequested();
            step = await ledger.FreezeNextRangeAsync(broadcast.Id, Everybody, stop);
        }
        while (step == FreezeStep.More);

        return step == FreezeStep.Done && await ledger.CompleteFreezeAsync(broadcast.Id, stop);
    }
}
