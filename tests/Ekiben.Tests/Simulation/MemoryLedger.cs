using System.Globalization;
using Ekiben.Broadcasts;
using Ekiben.Storage;

namespace Ekiben.Tests.Simulation;

/// <summary>
/// The ledger's seam in memory, written from the rules and not from the SQL; its exchanges are the product's own. What is in here survives a simulated
/// crash. A transaction can take its time, and after each one what must always hold is asked (the invariants I1 to I12 by their numbers in
/// docs/proof.md).
/// </summary>
/// <param name="time">The database's clock.</param>
/// <param name="random">The seed's.</param>
/// <param name="broadcasts">All there are.</param>
/// <param name="w">Rows on the wire, at most (rule 12).</param>
/// <param name="broken">Is told what does not hold.</param>
internal sealed class MemoryLedger(SimulatedTime time, Random random, IReadOnlyList<SimulatedBroadcast> broadcasts, int w, Action<string> broken) : SendQueue
{
    private const long HourMs = 3_600_000;
    private const int RecipientStates = 10;

    private readonly Dictionary<ShardId, SimulatedShard> _shards = [];
    private MemoryTransactions? _transactions;
    private int _sending;

    /// <summary>Until then nothing can be written (rule 21).</summary>
    public DateTimeOffset BlindUntil { get; set; }

    /// <summary>Whether transactions sometimes take milliseconds and not no time at all.</summary>
    public bool IsSlow { get; init; }

    public override string? Blind => time.GetUtcNow() < BlindUntil ? "The database cannot be written." : null;

    private MemoryTransactions Transactions => _transactions ??= new MemoryTransactions(this, time);

    public SimulatedBroadcast Find(BroadcastId id) => broadcasts[(int)id.Value - 1];

    public SimulatedRow Find(AddressId address) => broadcasts.Single(one => SimulatedBroadcast.Owns(one, address.Value)).Row(address);

    public (SimulatedBroadcast Of, SimulatedRow Row) Find(BroadcastId id, AddressId address) => (Find(id), Find(id).Row(address));

    public SimulatedShard Shard(ShardId id) => _shards[id];

    public override Task<long> RecoverAsync(BroadcastId? broadcast, CancellationToken cancel) => Commit(() =>
    {
        long recovered = 0;
        foreach (var of in broadcasts.Where(one => broadcast is null || one.Id == broadcast))
        {
            foreach (var row in of.Rows.Where(row => row.State == RecipientState.Sending))
            {
                row.UncertainOutcomes++;
                row.Resent = row.Resent == 0 && of.Policy == UncertainPolicy.Hold ? 2 : row.Resent;
                Move(of, row, RecipientState.Uncertain);
                recovered++;
            }
        }

        return recovered;
    });

    public override async Task<IReadOnlyList<WorkItem>> ReadWorkAsync(CancellationToken cancel)
    {
        await Task.Yield();
        return
        [
            .. broadcasts
                .Where(one => one.Status is BroadcastStatus.Scheduled or BroadcastStatus.Sending || (one is { Status: BroadcastStatus.Canceled, IsStarted: true } && (!one.IsFrozen || one.MayMove)))
                .Select(one => new WorkItem(one.Id, one.Status, one.Status == BroadcastStatus.Scheduled ? one.SendAt : null, one.PerHour)),
        ];
    }

    public override Task<bool> BeginFreezeAsync(BroadcastId broadcast, CancellationToken cancel) => Commit(() => Find(broadcast).Begin());

    public override Task<FreezeStep> FreezeNextRangeAsync(BroadcastId broadcast, AudienceRule rule, CancellationToken cancel) =>
        Commit(() => Find(broadcast).FreezeNext());

    public override Task<bool> CompleteFreezeAsync(BroadcastId broadcast, CancellationToken cancel) => Commit(() =>
    {
        var completes = Find(broadcast).CompleteFreeze();
        if (completes)
        {
            Find(broadcast).Shards.ForEach(shard => _shards.Add(shard.Id, shard));
        }

        return completes;
    });

    public override Task<IReadOnlyList<TakenShard>> TakeShardsAsync(BroadcastId broadcast, CancellationToken cancel, int above = -1) => Commit(() =>
    {
        var taken = new List<TakenShard>();
        foreach (var shard in Find(broadcast).Shards)
        {
            if (new[] { RecipientState.Pending, RecipientState.Sending, RecipientState.Deferred, RecipientState.Uncertain }.Sum(state => shard.Counts[(int)state]) > 0)
            {
                taken.Add(new TakenShard(shard.Id, broadcast, new SiteId(1), taken.Count, new AddressId(shard.First), new AddressId(shard.Last), ++shard.Epoch));
            }
        }

        return (IReadOnlyList<TakenShard>)taken;
    });

    public override Task<IReadOnlyList<Candidate>> ReadPendingAsync(TakenShard shard, AddressId after, int limit, CancellationToken cancel) =>
        Read(shard, limit, row => row.State == RecipientState.Pending && row.Address > after.Value);

    public override Task<IReadOnlyList<Candidate>> ReadDueAsync(TakenShard shard, RecipientState state, int limit, CancellationToken cancel) => Read(
        shard, limit, row => row.State == state && (state == RecipientState.Uncertain ? row.Resent == 0 : row.NotBefore <= time.GetUtcNow()));

    public override async Task<DateTimeOffset?> NextDueAsync(TakenShard shard, DateTimeOffset after, CancellationToken cancel)
    {
        await Task.Yield();
        var next = Find(shard.Broadcast).RowsOf(shard).Where(row => row.State == RecipientState.Deferred && row.NotBefore > after).Min(row => row.NotBefore);
        await Task.Yield();
        return next;
    }

    public override ValueTask<ClaimAnswer> ExchangeAsync(Exchange exchange, CancellationToken cancel) => new(Commit(() => Transactions.Exchange(exchange)));

    public override Task<bool> HoldAsync(BroadcastId broadcast, string reason, CancellationToken cancel) => Commit(() =>
    {
        var was = Find(broadcast).Status == BroadcastStatus.Sending;
        Find(broadcast).Status = was ? BroadcastStatus.Held : Find(broadcast).Status;
        return was;
    });

    public override Task<bool> HoldBeforeStartAsync(BroadcastId broadcast, string reason, CancellationToken cancel) => Task.FromResult(false);

    public override async Task CancelRowsAsync(BroadcastId broadcast, CancellationToken cancel)
    {
        await CompleteFreezeAsync(broadcast, cancel);
        foreach (var shard in Find(broadcast).Shards)
        {
            await Commit(() =>
            {
                foreach (var row in Find(broadcast).Rows.Where(row => row.Address >= shard.First && row.Address <= shard.Last && row.State is RecipientState.Pending or RecipientState.Deferred))
                {
                    Move(Find(broadcast), row, RecipientState.Canceled);
                }

                return true;
            });
        }
    }

    public override Task<string?> CloseAsync(BroadcastId broadcast, CancellationToken cancel) => Commit(() =>
    {
        var of = Find(broadcast);
        var closes = of.Status == BroadcastStatus.Sending && of.IsFrozen && of.Rows.Count == of.People && !of.MayMove
            && !of.Rows.Exists(row => row.State == RecipientState.Sending || row is { State: RecipientState.Uncertain, Resent: 0 });
        of.Status = closes ? BroadcastStatus.Sent : of.Status;
        return closes || of.Status != BroadcastStatus.Sending ? null : "it does not add up";
    });

    public override Task<IReadOnlyList<BroadcastId>> RecountAsync(DateTimeOffset since, CancellationToken cancel) => Task.FromResult<IReadOnlyList<BroadcastId>>([]);

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>A person is deleted (rule 1): what waits is suppressed, what is uncertain gets no second try.</summary>
    public void Erase(SimulatedBroadcast of, SimulatedRow row)
    {
        (row.IsUnreachable, row.IsErased) = (true, true);
        if (of.IsFrozen && row.State is RecipientState.Pending or RecipientState.Deferred)
        {
            Move(of, row, RecipientState.Suppressed);
        }
        else if (row is { State: RecipientState.Uncertain, Resent: 0 })
        {
            row.Resent = 2;
        }
    }

    /// <summary>A person orders the second try of a row that would get none (rule 14); what is sent already goes on for it.</summary>
    public static void SendAgain(SimulatedBroadcast of, SimulatedRow row)
    {
        if (of.Status is BroadcastStatus.Sending or BroadcastStatus.Sent && row is { State: RecipientState.Uncertain, Resent: 2, IsUnreachable: false })
        {
            (row.Resent, row.IsOrdered) = (0, true);
            of.Orders++;
            of.Status = BroadcastStatus.Sending;
        }
    }

    /// <summary>I8 to I13 of one row that is about to be written.</summary>
    public void CheckMove(SimulatedBroadcast of, SimulatedRow row, RecipientState to, TakenShard shard)
    {
        var from = row.State;
        if (to == RecipientState.Sending)
        {
            Claimed(of, row, shard);
        }
        else if (to == RecipientState.Accepted && row.Accepted != row.Claims)
        {
            broken($"I5: row {row.Address} became accepted and the relay did not say so");
        }
        else if (from == RecipientState.Sending && to != RecipientState.Accepted && row.Accepted == row.Claims)
        {
            broken($"row {row.Address} was accepted and became {to}");
        }

        if (!row.Move(to))
        {
            broken($"I8: row {row.Address} went from {from} to {to}");
        }

        _sending += (to == RecipientState.Sending ? 1 : 0) - (from == RecipientState.Sending ? 1 : 0);
    }

    private void Claimed(SimulatedBroadcast of, SimulatedRow row, TakenShard shard)
    {
        var now = time.NowMs;
        row.Claims++;
        of.Claims.Add(now);
        if (of.Status != BroadcastStatus.Sending || !of.IsFrozen)
        {
            broken($"I10: row {row.Address} was claimed while its broadcast was {of.Status}");
        }

        if (time.GetUtcNow() < of.SendAt)
        {
            broken($"I13: row {row.Address} was claimed before its broadcast was due");
        }

        if (row.IsUnreachable)
        {
            broken($"I11: row {row.Address} was claimed although its person left");
        }

        if (Shard(shard.Id).Epoch != shard.Epoch)
        {
            broken($"I9: row {row.Address} was claimed under epoch {shard.Epoch}, the shard's is {Shard(shard.Id).Epoch}");
        }

        if (row is { State: RecipientState.Deferred } && row.NotBefore > time.GetUtcNow())
        {
            broken($"row {row.Address} was claimed before its time");
        }

        if (row.State == RecipientState.Uncertain && row.Resent != 0)
        {
            broken($"I6: row {row.Address} was claimed once more than the second time");
        }

        CheckRate(of, now);
    }

    /// <summary>I12. Across a change: what the highest rate allows, and what was left of one grant.</summary>
    private void CheckRate(SimulatedBroadcast of, long now)
    {
        var inForce = of.Rates.Where((rate, at) => at == of.Rates.Count - 1 || of.Rates[at + 1].From > now - (2 * HourMs)).Select(rate => rate.PerHour).ToList();
        if (inForce.Contains(null))
        {
            return;
        }

        var most = inForce.Max()!.Value;
        var allowed = inForce.Count == 1 ? most : most + Throttle.GrantSize(most) - 1;
        if (of.Claims.Count > allowed && now - of.Claims[^(allowed + 1)] < HourMs)
        {
            broken($"I12: more than {allowed} claims in an hour");
        }
    }

    private void Move(SimulatedBroadcast of, SimulatedRow row, RecipientState to)
    {
        of.ShardOf(row).Count(row.State, to);
        _sending -= row.State == RecipientState.Sending ? 1 : 0;
        if (!row.Move(to))
        {
            broken($"I8: row {row.Address} became {to}");
        }
    }

    /// <summary>A transaction: the process can die before it, and after it but before it knows.</summary>
    private async Task<T> Commit<T>(Func<T> work)
    {
        await Task.Yield();
        if (IsSlow && random.Next(4) == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 300)), time);
        }

        while (Blind is not null)
        {
            await Task.Delay(BlindUntil - time.GetUtcNow(), time);
        }

        var result = Transactions.Run(work);
        Check();
        await Task.Yield();
        return result;
    }

    /// <summary>I1, I3, I7 and rule 17.</summary>
    private void Check()
    {
        if (_sending > w)
        {
            broken($"I7: {_sending} rows are sending, W is {w}");
        }

        foreach (var of in broadcasts)
        {
            if (of.IsFrozen && CountsDiffer(of))
            {
                broken("I3: the counts of the shards are not those of the rows");
            }
        }
    }

    private static bool CountsDiffer(SimulatedBroadcast of)
    {
        Span<long> states = stackalloc long[RecipientStates];
        foreach (var row in of.Rows)
        {
            states[(int)row.State]++;
        }

        foreach (var shard in of.Shards)
        {
            for (var state = 0; state < states.Length; state++)
            {
                states[state] -= shard.Counts[state];
            }
        }

        return states.ContainsAnyExcept(0);
    }

    private async Task<IReadOnlyList<Candidate>> Read(TakenShard shard, int limit, Func<SimulatedRow, bool> wanted)
    {
        await Task.Yield();
        IReadOnlyList<Candidate> rows = [.. Find(shard.Broadcast).RowsOf(shard).Where(wanted).Take(limit).Select(row => Of(shard, row))];
        await Task.Yield();
        return rows;
    }

    private static Candidate Of(TakenShard shard, SimulatedRow row) => new()
    {
        Shard = shard,
        Address = new AddressId(row.Address),
        Subscriber = new SubscriberId(row.Address),
        Attempts = row.Attempts,
        FirstAt = row.FirstAt,
        Email = row.IsErased ? "" : row.IsBroken ? "nobody" : string.Create(CultureInfo.InvariantCulture, $"p{row.Address}@example.com"),
        Uuid = "00000000000000000000000000000001",
        FirstName = "Ada",
        LastName = null,
        Fields = "{}",
        Tags = [],
    };
}
