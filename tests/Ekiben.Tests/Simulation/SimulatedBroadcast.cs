using Ekiben.Broadcasts;
using Ekiben.Storage;

namespace Ekiben.Tests.Simulation;

/// <summary>A broadcast as the database has it: what is in here survives a simulated crash.</summary>
/// <param name="id">From 1.</param>
/// <param name="people">Who will be frozen.</param>
/// <param name="perShard">Recipients a shard.</param>
/// <param name="policy">What becomes of the uncertain.</param>
internal sealed class SimulatedBroadcast(long id, int people, int perShard, UncertainPolicy policy)
{
    /// <summary>Address ids of two broadcasts differ, so that a recipient's address says whose it is.</summary>
    private const long AddressesEach = 1000;

    public BroadcastId Id { get; } = new(id);

    public int People => people;

    public UncertainPolicy Policy => policy;

    public DateTimeOffset SendAt { get; init; }

    public BroadcastStatus Status { get; set; } = BroadcastStatus.Scheduled;

    public bool IsStarted { get; private set; }

    public bool IsFrozen { get; private set; }

    /// <summary>How often somebody ordered a second try of one of its rows (rule 14).</summary>
    public int Orders { get; set; }

    public ThrottleState? Throttle { get; set; }

    public List<SimulatedRow> Rows { get; } = [];

    public List<SimulatedShard> Shards { get; } = [];

    /// <summary>Its rate now; null = none.</summary>
    public int? PerHour => Rates[^1].PerHour;

    /// <summary>The rate from each moment on, in milliseconds.</summary>
    public List<(long From, int? PerHour)> Rates { get; } = [];

    /// <summary>When rows were claimed, in milliseconds.</summary>
    public List<long> Claims { get; } = [];

    public bool MayMove => Rows.Exists(row => row.State is RecipientState.Pending or RecipientState.Deferred);

    public bool IsOver => Status switch
    {
        BroadcastStatus.Sent => true,
        BroadcastStatus.Canceled => !IsStarted || (IsFrozen && !MayMove && !Rows.Exists(row => row.State == RecipientState.Sending)),
        _ => false,
    };

    public static bool Owns(SimulatedBroadcast broadcast, long address) => address / AddressesEach == broadcast.Id.Value;

    public bool Begin()
    {
        var begins = Status == BroadcastStatus.Scheduled;
        (Status, IsStarted) = begins ? (BroadcastStatus.Sending, true) : (Status, IsStarted);
        return begins;
    }

    /// <summary>Rule 9: a range and the cursor, which is how many there are, in one transaction.</summary>
    public FreezeStep FreezeNext()
    {
        if (Status != BroadcastStatus.Sending || IsFrozen)
        {
            return FreezeStep.Stopped;
        }

        for (var range = 0; range < perShard && Rows.Count < people; range++)
        {
            Rows.Add(new SimulatedRow((Id.Value * AddressesEach) + Rows.Count));
        }

        return Rows.Count == people ? FreezeStep.Done : FreezeStep.More;
    }

    public bool CompleteFreeze()
    {
        if (!IsStarted || IsFrozen || !(Status == BroadcastStatus.Canceled || (Status == BroadcastStatus.Sending && Rows.Count == people)))
        {
            return false;
        }

        for (var first = 0; first < Rows.Count; first += perShard)
        {
            var last = Math.Min(first + perShard, Rows.Count) - 1;
            Shards.Add(new SimulatedShard((Id.Value * AddressesEach) + first, Rows[first].Address, Rows[last].Address, last - first + 1));
        }

        return IsFrozen = true;
    }

    public SimulatedRow Row(AddressId address) => Rows[(int)(address.Value - (Id.Value * AddressesEach))];

    public SimulatedShard ShardOf(SimulatedRow row) => Shards.Find(shard => row.Address >= shard.First && row.Address <= shard.Last)!;

    public IEnumerable<SimulatedRow> RowsOf(TakenShard shard) => Rows.Where(row => row.Address >= shard.First.Value && row.Address <= shard.Last.Value);
}

/// <summary>A shard with its counts by state (rule 17).</summary>
internal sealed class SimulatedShard
{
    public SimulatedShard(long id, long first, long last, int rows)
    {
        (Id, First, Last) = (new ShardId(id), first, last);
        Counts[(int)RecipientState.Pending] = rows;
    }

    public ShardId Id { get; }

    public long First { get; }

    public long Last { get; }

    public int Epoch { get; set; }

    public long[] Counts { get; } = new long[Enum.GetValues<RecipientState>().Length];

    public void Count(RecipientState from, RecipientState to)
    {
        Counts[(int)from]--;
        Counts[(int)to]++;
    }
}

/// <summary>One recipient, and what the simulation remembers of them beside the ledger.</summary>
internal sealed class SimulatedRow(long address)
{
    /// <summary>The ways of docs/ledger.md; what stays in its state is no move.</summary>
    private static readonly Dictionary<RecipientState, RecipientState[]> Ways = new()
    {
        [RecipientState.Pending] = [RecipientState.Sending, RecipientState.Suppressed, RecipientState.Canceled, RecipientState.RenderFailed],
        [RecipientState.Deferred] = [RecipientState.Sending, RecipientState.Suppressed, RecipientState.Canceled, RecipientState.RenderFailed],
        [RecipientState.Uncertain] = [RecipientState.Sending, RecipientState.Accepted],
        [RecipientState.Sending] =
        [
            RecipientState.Accepted, RecipientState.Refused, RecipientState.Deferred, RecipientState.Expired, RecipientState.Uncertain, RecipientState.Pending,
            RecipientState.Canceled,
        ],
    };

    public long Address => address;

    public RecipientState State { get; private set; }

    public int Attempts { get; set; }

    /// <summary>0 the second try is open, 1 it was claimed, 2 there will be none (rule 14).</summary>
    public int Resent { get; set; }

    public DateTimeOffset? NotBefore { get; set; }

    public DateTimeOffset? FirstAt { get; set; }

    /// <summary>Unsubscribed, suppressed or erased: a claim takes nothing from then on (I11).</summary>
    public bool IsUnreachable { get; set; }

    public bool IsErased { get; set; }

    /// <summary>No message can be made for this person.</summary>
    public bool IsBroken { get; set; }

    /// <summary>How often it became uncertain: only that allows another copy (I6).</summary>
    public int UncertainOutcomes { get; set; }

    /// <summary>Somebody ordered its second try.</summary>
    public bool IsOrdered { get; set; }

    /// <summary>Times that it became <c>sending</c>: each is one attempt on the wire at most.</summary>
    public int Claims { get; set; }

    /// <summary>The claim that was last put on the wire.</summary>
    public int Begun { get; set; }

    /// <summary>The claim for which the relay said 250; 0 = none.</summary>
    public int Accepted { get; set; }

    /// <summary>False when there is no such way (I8).</summary>
    public bool Move(RecipientState to)
    {
        var may = State == to ? to != RecipientState.Sending : Ways.TryGetValue(State, out var ways) && ways.Contains(to);
        State = to;
        return may;
    }
}
