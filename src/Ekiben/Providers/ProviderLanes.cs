using Ekiben.Storage;

namespace Ekiben.Providers;

/// <summary>What the lanes of one run do for each provider, in memory. Thread-safe.</summary>
/// <param name="site">The site's gates.</param>
/// <param name="clock">The clock.</param>
internal sealed class ProviderLanes(SiteProviders site, TimeProvider clock)
{
    /// <summary>Providers counted by their names; those that come later are counted together.</summary>
    private const int MaxNamed = 1_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<ProviderGate, Figures> _figures = [];
    private readonly Figures _others = new();

    /// <summary>Whether anything has to pass a gate.</summary>
    public bool IsActive => site.IsActive;

    public ProviderGate? GateOf(Candidate candidate) => site.GateOf(candidate.Email);

    /// <summary>A message passed.</summary>
    public void Entered(ProviderGate gate)
    {
        lock (_lock)
        {
            Of(gate).OnTheWire++;
        }
    }

    /// <summary>A message that passed is off the wire.</summary>
    /// <param name="permit">By which it passed.</param>
    /// <param name="outcome">What came of it; null = it never was on the wire.</param>
    public void Left(in ProviderPermit permit, DeliveryOutcome? outcome)
    {
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            var figures = Of(permit.Gate!);
            figures.OnTheWire--;
            switch (outcome)
            {
                case DeliveryOutcome.Accepted:
                    figures.Accepted.Add(now);
                    break;
                case DeliveryOutcome.Deferred:
                    figures.Deferred++;
                    break;
            }
        }

        permit.Gate!.Leave(permit, outcome, now);
    }

    /// <summary>The busiest providers, and the others together; empty while nothing passed a gate.</summary>
    public IReadOnlyList<ProviderLane> Busiest(int most)
    {
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            var lanes = _figures
                .Select(one => (State: one.Key.State(now), one.Value))
                .Select(one => new ProviderLane(one.State.Provider, 1, one.Value.OnTheWire, one.Value.Accepted.Sum(now), one.Value.Deferred, one.State.RestsUntil, one.State.LastWord))
                .OrderByDescending(lane => lane.OnTheWire).ThenByDescending(lane => lane.LastMinute).ThenByDescending(lane => lane.Deferred)
                .ThenBy(lane => lane.Provider, StringComparer.Ordinal).ToList();
            var rest = lanes.Skip(most).ToList();
            var unnamed = _others.Accepted.Sum(now) + _others.OnTheWire + _others.Deferred > 0 ? 1 : 0;
            return rest.Count + unnamed == 0 ? lanes :
            [
                .. lanes.Take(most),
                new ProviderLane(
                    null, rest.Count, rest.Sum(lane => lane.OnTheWire) + _others.OnTheWire, rest.Sum(lane => lane.LastMinute) + _others.Accepted.Sum(now),
                    rest.Sum(lane => lane.Deferred) + _others.Deferred, null, ""),
            ];
        }
    }

    private Figures Of(ProviderGate gate)
    {
        if (!_figures.TryGetValue(gate, out var figures))
        {
            if (_figures.Count >= MaxNamed)
            {
                return _others;
            }

            _figures.Add(gate, figures = new Figures());
        }

        return figures;
    }

    private sealed class Figures
    {
        public int OnTheWire { get; set; }

        public long Deferred { get; set; }

        public LastMinute Accepted { get; } = new();
    }
}

/// <summary>One provider of a run, or those beyond the busiest together.</summary>
/// <param name="Provider">Its name; null = the others.</param>
/// <param name="Providers">How many they are.</param>
/// <param name="OnTheWire">Messages on their way.</param>
/// <param name="LastMinute">Accepted in the last minute.</param>
/// <param name="Deferred">Deferred since the run began.</param>
/// <param name="RestsUntil">Nothing goes before; null = it does not rest.</param>
/// <param name="LastWord">What it said when it last wanted less; empty = it never did.</param>
internal sealed record ProviderLane(string? Provider, int Providers, int OnTheWire, int LastMinute, long Deferred, DateTimeOffset? RestsUntil, string LastWord);

/// <summary>How often something happened in the last minute, to ten seconds.</summary>
internal sealed class LastMinute
{
    private const int Parts = 6;
    private const long PartSeconds = 60 / Parts;

    private readonly int[] _counts = new int[Parts];
    private long _part;

    public void Add(DateTimeOffset now)
    {
        Forget(now);
        _counts[_part % Parts]++;
    }

    public int Sum(DateTimeOffset now)
    {
        Forget(now);
        return _counts.Sum();
    }

    private void Forget(DateTimeOffset now)
    {
        var part = now.ToUnixTimeSeconds() / PartSeconds;
        for (var over = Math.Max(_part + 1, part - Parts + 1); over <= part; over++)
        {
            _counts[over % Parts] = 0;
        }

        _part = Math.Max(_part, part);
    }
}
