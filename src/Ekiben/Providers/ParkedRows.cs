using Ekiben.Broadcasts;
using Ekiben.Storage;

namespace Ekiben.Providers;

/// <summary>
/// The rows of a run whose provider's gate was closed when they were to go: set aside, so that a lane takes the next one, and first in the line once the gate opens.
/// They are as unclaimed as before: a run that ends forgets them, and the next reads them again. Thread-safe.
/// </summary>
/// <param name="place">Where the run's lanes wait.</param>
/// <param name="clock">The clock.</param>
internal sealed class ParkedRows(WaitingPlace place, TimeProvider clock) : IDisposable
{
    /// <summary>Rows of one run at once: some 20 MB. A run looks so far past a slow provider and no further.</summary>
    public const int Most = 20_000;

    /// <summary>A row that was set aside for longer is read again before its message is made: its person may have changed.</summary>
    public static readonly TimeSpan FreshFor = TimeSpan.FromMinutes(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<ProviderGate, AtGate> _byGate = [];
    private readonly HashSet<AddressId> _addresses = [];

    /// <summary>Gates that opened, as far as is known.</summary>
    private readonly Queue<AtGate> _ready = new();

    /// <summary>Gates that may be asked again at a time; an entry whose time is not its gate's any more says nothing.</summary>
    private readonly PriorityQueue<AtGate, DateTimeOffset> _timed = new();

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _addresses.Count;
            }
        }
    }

    /// <summary>Sets a row aside. False when it is here already: the feed reads a row again when one before it was given back.</summary>
    /// <param name="candidate">The row.</param>
    /// <param name="gate">Its provider's.</param>
    /// <param name="since">When it was first set aside since it was read.</param>
    public bool Add(Candidate candidate, ProviderGate gate, DateTimeOffset since)
    {
        lock (_lock)
        {
            if (!_addresses.Add(candidate.Address))
            {
                return false;
            }

            if (!_byGate.TryGetValue(gate, out var at))
            {
                _byGate.Add(gate, at = new AtGate(gate));
                gate.BeginTelling(this);
            }

            at.Rows.Enqueue(new ParkedRow(candidate, since));
            // It may have opened before it was told whom to tell.
            if (!IsClosed(at, clock.GetUtcNow()))
            {
                MakeReady(at);
                place.Change(lanes: 1);
            }
        }

        return true;
    }

    /// <summary>A row whose gate is open; null when there is none.</summary>
    /// <param name="stale">Gets those that are to be read again, which are here no more.</param>
    public ParkedRow? Take(List<Candidate> stale)
    {
        lock (_lock)
        {
            var now = clock.GetUtcNow();
            while (_timed.TryPeek(out var due, out var at) && at <= now)
            {
                _timed.Dequeue();
                if (due.LookAt == at)
                {
                    due.LookAt = null;
                    MakeReady(due);
                }
            }

            while (_ready.TryPeek(out var open))
            {
                if (open.Rows.Count == 0 || IsClosed(open, now))
                {
                    _ready.Dequeue();
                    open.IsReady = false;
                }
                else if (now - open.Rows.Peek().Since > FreshFor)
                {
                    // All of them at once: each read goes by pages.
                    while (open.Rows.Count > 0)
                    {
                        stale.Add(Remove(open).Candidate);
                    }
                }
                else
                {
                    return Remove(open);
                }
            }
        }

        return null;
    }

    /// <summary>When the first gate may be asked again, and why not before; null where that is no matter of time.</summary>
    public (DateTimeOffset At, string? Why)? NextOpening()
    {
        lock (_lock)
        {
            while (_timed.TryPeek(out var next, out var at))
            {
                if (next.LookAt == at)
                {
                    return (at, next.Gate.WhyClosed(clock.GetUtcNow()));
                }

                _timed.Dequeue();
            }
        }

        return null;
    }

    /// <summary>The gate may have opened.</summary>
    /// <param name="gate">Which.</param>
    /// <param name="lanes">For how many messages.</param>
    public void Opened(ProviderGate gate, int lanes)
    {
        lock (_lock)
        {
            if (!_byGate.TryGetValue(gate, out var at))
            {
                return;
            }

            MakeReady(at);
        }

        place.Change(lanes);
    }

    /// <summary>The run ends.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var gate in _byGate.Keys)
            {
                gate.EndTelling(this);
            }

            _byGate.Clear();
            _addresses.Clear();
        }
    }

    private ParkedRow Remove(AtGate at)
    {
        var row = at.Rows.Dequeue();
        _addresses.Remove(row.Candidate.Address);
        if (at.Rows.Count == 0)
        {
            at.LookAt = null;
            _byGate.Remove(at.Gate);
            at.Gate.EndTelling(this);
        }

        return row;
    }

    private void MakeReady(AtGate at)
    {
        if (!at.IsReady)
        {
            at.IsReady = true;
            _ready.Enqueue(at);
        }
    }

    /// <summary>Asks the gate; what is closed until a time is looked at again then.</summary>
    private bool IsClosed(AtGate at, DateTimeOffset now)
    {
        var answer = at.Gate.Look(this, now);
        if (answer.IsOpen || answer.Until is not { } until)
        {
            return !answer.IsOpen;
        }

        if (at.LookAt != until)
        {
            at.LookAt = until;
            _timed.Enqueue(at, until);
            if (_timed.Peek() == at)
            {
                // Lanes that sleep may know of later times only.
                place.Change(lanes: 1);
            }
        }

        return true;
    }

    /// <summary>The rows at one gate, in the order in which they came.</summary>
    private sealed class AtGate(ProviderGate gate)
    {
        public ProviderGate Gate => gate;

        public Queue<ParkedRow> Rows { get; } = new();

        public bool IsReady { get; set; }

        public DateTimeOffset? LookAt { get; set; }
    }
}

/// <summary>A row that was set aside.</summary>
/// <param name="Candidate">As it was read.</param>
/// <param name="Since">When it was first set aside.</param>
internal readonly record struct ParkedRow(Candidate Candidate, DateTimeOffset Since);
