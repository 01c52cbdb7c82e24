using Ekiben.Mail;
using Ekiben.Providers;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>
/// Rows between the feed and the lanes: the page being taken from, one behind it, and those that wait for their provider. A page at a time, so that no
/// row wakes a thread of its own.
/// </summary>
/// <param name="feed">Is told of rows that are to be read again, or were read twice.</param>
/// <param name="clock">The clock.</param>
/// <param name="providers">What messages have to pass before they are claimed; null = nothing.</param>
internal sealed class UpcomingRows(BroadcastFeed feed, TimeProvider clock, ProviderLanes? providers = null)
{
    private readonly WaitingPlace _place = new(clock);
    private readonly Lock _lock = new();
    private readonly List<Candidate> _stale = [];
    private ParkedRows? _parked;
    private IReadOnlyList<Candidate> _page = [];
    private IReadOnlyList<Candidate>? _behind;
    private int _next;
    private bool _isComplete;

    /// <summary>To be taken before a look that may find nothing, for <see cref="WaitAsync"/>.</summary>
    public long Version => _place.Version;

    /// <summary>There will be no more than what was taken.</summary>
    public bool IsOver
    {
        get
        {
            lock (_lock)
            {
                return _isComplete && Count == 0;
            }
        }
    }

    /// <summary>Rows that no lane has. Under the lock.</summary>
    private int Count => _page.Count - _next + (_behind?.Count ?? 0) + (_parked?.Count ?? 0);

    /// <summary>Waits for the place behind the page that is being taken from.</summary>
    public async ValueTask AddAsync(IReadOnlyList<Candidate> page, CancellationToken cancel)
    {
        while (true)
        {
            var seen = _place.Version;
            lock (_lock)
            {
                if (_behind is null)
                {
                    _behind = page;
                    break;
                }
            }

            await _place.WaitAsReaderAsync(seen, cancel);
        }

        _place.Change();
    }

    public void Complete()
    {
        lock (_lock)
        {
            _isComplete = true;
        }

        _place.Change();
    }

    /// <summary>The next row: one that waited for its provider, if it may go now, else one of the page. Null when none is there at the moment.</summary>
    public UpcomingRow? Take()
    {
        lock (_lock)
        {
            if (_parked is { } parked && TakeParked(parked) is { } waited)
            {
                return waited;
            }

            while (_parked is not { Count: >= ParkedRows.Most })
            {
                if (_next == _page.Count)
                {
                    if (_behind is not { } behind)
                    {
                        return null;
                    }

                    (_page, _next, _behind) = (behind, 0, null);
                    _place.Change(lanes: 0);
                }

                var candidate = _page[_next++];
                if (providers is not { IsActive: true } || MayGo(candidate))
                {
                    return new UpcomingRow(candidate, null);
                }
            }
        }

        return null;
    }

    /// <summary>Lets a message pass to its provider, right before its row is claimed; where it may not, its row is set aside, and the message is nobody's.</summary>
    public bool Enter(ComposedMessage message)
    {
        if (providers is not { IsActive: true } || providers.GateOf(message.Candidate) is not { } gate)
        {
            return true;
        }

        ParkedRows parked;
        lock (_lock)
        {
            parked = Parked();
        }

        var now = clock.GetUtcNow();
        if (gate.Enter(parked, now, out var permit).IsOpen)
        {
            message.Permit = permit;
            providers.Entered(gate);
            return true;
        }

        Park(parked, message.Candidate, gate, message.ParkedAt ?? now);
        return false;
    }

    /// <summary>The message is off the wire, or never was on it; what it passed by is given back.</summary>
    /// <param name="message">Which.</param>
    /// <param name="outcome">Null where it was not claimed.</param>
    public void Leave(ComposedMessage message, DeliveryOutcome? outcome)
    {
        if (message.Permit is { Gate: not null } permit)
        {
            message.Permit = default;
            providers!.Left(permit, outcome);
        }
    }

    /// <summary>Somebody leaves, and what it was woken for may be here still.</summary>
    public void WakeOthers() => _place.Change();

    /// <summary>Waits for what may make a row go: a page, an open gate, the end. No longer than until the first gate may be asked again.</summary>
    /// <param name="seen">The version before the look that found nothing.</param>
    /// <param name="state">Is told while the whole run waits for providers.</param>
    /// <param name="cancel">Ends the wait.</param>
    public async ValueTask WaitAsync(long seen, RunState state, CancellationToken cancel)
    {
        if (_parked?.NextOpening() is not { } opening)
        {
            await _place.WaitAsync(seen, null, cancel);
            return;
        }

        Wait? said = null;
        lock (_lock)
        {
            if (opening.Why is { } why && feed.InFlight == Count)
            {
                said = state.Waiting = new Wait(why, opening.At);
            }
        }

        await _place.WaitAsync(seen, opening.At, cancel);
        state.NoLonger(said);
    }

    /// <summary>The run ends: what is here is nobody's.</summary>
    public void Close() => _parked?.Dispose();

    private ParkedRows Parked() => _parked ??= new ParkedRows(_place, clock);

    private UpcomingRow? TakeParked(ParkedRows parked)
    {
        var taken = parked.Take(_stale);
        foreach (var row in _stale)
        {
            feed.Settle(row, givenBack: true);
        }

        _stale.Clear();
        return taken is { } waited ? new UpcomingRow(waited.Candidate, waited.Since) : null;
    }

    /// <summary>Whether the row's provider would take it now; if not it is set aside.</summary>
    private bool MayGo(Candidate candidate)
    {
        if (providers!.GateOf(candidate) is not { } gate)
        {
            return true;
        }

        var now = clock.GetUtcNow();
        if (gate.Look(Parked(), now).IsOpen)
        {
            return true;
        }

        Park(Parked(), candidate, gate, now);
        return false;
    }

    private void Park(ParkedRows parked, Candidate candidate, ProviderGate gate, DateTimeOffset since)
    {
        if (!parked.Add(candidate, gate, since))
        {
            // Read twice, and set aside already.
            feed.Settle(candidate);
        }
    }
}

/// <summary>A row for a lane.</summary>
/// <param name="Candidate">As it was read.</param>
/// <param name="ParkedAt">When it was first set aside; null = it was not.</param>
internal readonly record struct UpcomingRow(Candidate Candidate, DateTimeOffset? ParkedAt);

/// <summary>A message made for a row: not claimed yet, or begun as <see cref="Claim"/>.</summary>
internal sealed class ComposedMessage
{
    public required Candidate Candidate { get; set; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset Date { get; set; }

    public MessageBuffer Buffer { get; } = new();

    /// <summary>Null until the claim is on disk.</summary>
    public ClaimAnswer.Claimed? Claim { get; set; }

    /// <summary>When its row was first set aside for its provider; null = it was not.</summary>
    public DateTimeOffset? ParkedAt { get; set; }

    /// <summary>What it passed its provider's gate by; nothing where it did not, or had none to pass.</summary>
    public ProviderPermit Permit { get; set; }
}

/// <summary>Messages of the lanes of all runs: as many as are made or on the wire at once, each used again for the next.</summary>
internal sealed class MessagePool
{
    /// <summary>Octets of memory that a message may keep while it waits for the next: a newsletter needs 40 KB, a hostile one megabytes.</summary>
    private const int MostKept = 512 * 1024;

    private readonly Lock _lock = new();
    private readonly Stack<ComposedMessage> _free = new();

    /// <summary>An unclaimed message for the row, to be made.</summary>
    public ComposedMessage Rent(in UpcomingRow row, DateTimeOffset date)
    {
        lock (_lock)
        {
            if (_free.TryPop(out var message))
            {
                (message.Candidate, message.ParkedAt, message.Date, message.Claim) = (row.Candidate, row.ParkedAt, date, null);
                return message;
            }
        }

        return new ComposedMessage { Candidate = row.Candidate, ParkedAt = row.ParkedAt, Date = date };
    }

    public void Return(ComposedMessage message)
    {
        if (message.Buffer.Capacity > MostKept)
        {
            return;
        }

        lock (_lock)
        {
            _free.Push(message);
        }
    }
}
