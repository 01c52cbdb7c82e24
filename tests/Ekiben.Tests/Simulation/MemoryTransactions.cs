using System.Data.Common;
using Ekiben.Broadcasts;
using Ekiben.Storage;

namespace Ekiben.Tests.Simulation;

/// <summary>
/// The product's own rules of a transaction (<see cref="Ledger"/>) over rows in memory. Each write is looked at by itself: whether the row may go
/// that way, and whether a row that goes on the wire may.
/// </summary>
internal sealed class MemoryTransactions(MemoryLedger memory, SimulatedTime time) : Ledger(time)
{
    public T Run<T>(Func<T> work)
    {
        Begin();
        var result = work();
        foreach (var (shard, change) in Counts)
        {
            var counts = memory.Shard(shard).Counts;
            for (var state = 0; state < counts.Length; state++)
            {
                counts[state] += change.ByState[state];
            }
        }

        Completed();
        return result;
    }

    public override DbCommand Prepared(string sql) => throw new NotSupportedException("there is no SQL in memory");

    protected override ClaimableRow? ReadClaimable(in ClaimRequest request)
    {
        var (broadcast, row) = memory.Find(request.Shard.Broadcast, request.Address);
        return new ClaimableRow(
            row.State, row.Attempts, row.Resent, row.NotBefore?.ToStored(), row.FirstAt?.ToStored(), broadcast.Status.Word(), broadcast.PerHour,
            memory.Shard(request.Shard.Id).Epoch, row.IsUnreachable);
    }

    protected override LedgerRow? Read(BroadcastId broadcast, AddressId address)
    {
        var (of, row) = memory.Find(broadcast, address);
        return new LedgerRow(
            row.State, row.Attempts, row.Resent, row.FirstAt?.ToStored(), of.Status == BroadcastStatus.Canceled, of.Policy == UncertainPolicy.Hold);
    }

    protected override ThrottleState? ReadThrottle(BroadcastId broadcast) => memory.Find(broadcast).Throttle;

    protected override void KeepThrottle(BroadcastId broadcast, ThrottleState state) => memory.Find(broadcast).Throttle = state;

    protected override void Write(TakenShard shard, AddressId address, RowState row, SmtpReply? reply)
    {
        var (broadcast, old) = memory.Find(shard.Broadcast, address);
        memory.CheckMove(broadcast, old, row.State, shard);
        (old.Attempts, old.Resent) = (row.Attempts, row.Resent);
        (old.NotBefore, old.FirstAt) = (Of(row.NotBefore), Of(row.FirstAt));
        static DateTimeOffset? Of(long? stored) => stored is { } at ? Times.FromStored(at) : null;
    }

    protected override void SuppressAddress(SiteId site, AddressId address, SmtpReply? reply) => memory.Find(address).IsUnreachable = true;

    protected override void Attempt(BroadcastId broadcast, AddressId address, int number, string outcome, SmtpPhase phase, SmtpReply? reply)
    {
        if (outcome == "uncertain")
        {
            memory.Find(broadcast, address).Row.UncertainOutcomes++;
        }
    }
}
