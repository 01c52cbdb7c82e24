using Ekiben.Broadcasts;

namespace Ekiben.Providers;

/// <summary>
/// What one site may send to one provider at the moment: a window of messages at once that grows while they are taken and is halved when the provider
/// wants less, rests after several deferrals in a row, and an hourly limit by the rule of a broadcast's rate (ledger.md rule 22). All runs of the site
/// pass it; where several wait, each has its turn. Kept in memory: a server that starts begins slowly again. Thread-safe.
/// </summary>
/// <param name="provider">Its name.</param>
/// <param name="since">When this process began: no grant of the hourly limit is given within one spacing of it, since the last process may have used one.</param>
internal sealed class ProviderGate(string provider, DateTimeOffset since)
{
    /// <summary>Messages at once in the beginning, as Postfix has it (initial_destination_concurrency).</summary>
    public const int FirstWindow = 5;

    /// <summary>Messages at once where no limit is set, as Postfix has it (default_destination_concurrency_limit).</summary>
    public const int DefaultConnections = 20;

    /// <summary>Deferrals in a row after which it rests: one may be about a recipient, three are about us.</summary>
    public const int ToleratedDeferrals = 3;

    /// <summary>The first rest; each that follows without a message taken between is twice as long.</summary>
    public static readonly TimeSpan FirstRest = TimeSpan.FromMinutes(1);

    /// <summary>The longest: providers lift their brakes within the hour as a rule.</summary>
    public static readonly TimeSpan LongestRest = TimeSpan.FromMinutes(30);

    /// <summary>How long what came free is kept for the run whose turn it is. One that has something else to wait for loses its turn.</summary>
    public static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();

    /// <summary>Runs that have rows set aside here and are told when it opens.</summary>
    private readonly List<ParkedRows> _told = [];

    /// <summary>Runs that were refused, in the order in which they may go.</summary>
    private readonly List<ParkedRows> _turns = [];

    private bool _isActive = true;
    private int? _connections;
    private int? _perHour;
    private int _open;
    private int _window = FirstWindow;
    private int _successes;

    /// <summary>Messages that ever passed: each has the number of its passing.</summary>
    private long _passed;

    /// <summary>What passed before the last halving says nothing new.</summary>
    private long _halvedAfter;

    private long _restedAfter;
    private int _deferredInRow;
    private TimeSpan _rest;
    private DateTimeOffset _restsUntil;
    private string _lastWord = "";
    private DateTimeOffset? _turnEndsAt;
    private ThrottleState _grants = new(since.ToUnixTimeMilliseconds(), 0);

    public string Provider => provider;

    private int Most => _connections ?? DefaultConnections;

    private int Free => Math.Min(_window, Most) - _open;

    /// <summary>What is set for it now. Whoever waits looks again.</summary>
    /// <param name="isActive">False lets everything pass.</param>
    /// <param name="connections">Messages at once, at most; null = <see cref="DefaultConnections"/>.</param>
    /// <param name="perHour">Messages an hour, at most; null = any number.</param>
    public void Set(bool isActive, int? connections, int? perHour)
    {
        lock (_lock)
        {
            (_isActive, _connections, _perHour) = (isActive, connections, perHour);
        }

        Tell(int.MaxValue);
    }

    /// <summary>Whether a message of the run could pass now; one that could not has asked for its turn.</summary>
    public GateAnswer Look(ParkedRows run, DateTimeOffset now)
    {
        lock (_lock)
        {
            return Ask(run, now);
        }
    }

    /// <summary>Lets one message pass, right before its row is claimed.</summary>
    /// <param name="run">Whose.</param>
    /// <param name="now">Now.</param>
    /// <param name="permit">To be given back by <see cref="Leave"/>; nothing where it did not pass.</param>
    public GateAnswer Enter(ParkedRows run, DateTimeOffset now, out ProviderPermit permit)
    {
        permit = default;
        lock (_lock)
        {
            if (Ask(run, now) is { IsOpen: false } closed)
            {
                return closed;
            }

            var position = _turns.IndexOf(run);
            if (position > 0 && position >= Free)
            {
                // Those before it did not come for what was kept for them; who looks again gets a turn again.
                _turns.RemoveRange(0, position);
            }

            _turns.Remove(run);
            _turnEndsAt = null;
            if (_perHour is { } perHour)
            {
                _grants = Throttle.Take(perHour, _grants, now.ToUnixTimeMilliseconds()).State;
            }

            _open++;
            permit = new ProviderPermit(this, ++_passed, _perHour is null ? null : _grants.GrantAtMs);
            return GateAnswer.Open;
        }
    }

    /// <summary>The message is off the wire, or never was on it.</summary>
    /// <param name="permit">What it passed by.</param>
    /// <param name="outcome">What came of it; null where it was not claimed after all, which costs nothing of the hourly limit.</param>
    /// <param name="now">Now.</param>
    public void Leave(in ProviderPermit permit, DeliveryOutcome? outcome, DateTimeOffset now)
    {
        int free;
        lock (_lock)
        {
            _open--;
            if (outcome is not null)
            {
                Learn(permit.Number, outcome, now);
            }
            else if (permit.GrantAtMs == _grants.GrantAtMs)
            {
                _grants = _grants with { Left = _grants.Left + 1 };
            }

            free = Free;
        }

        Tell(Math.Max(1, free));
    }

    /// <summary>The run has rows set aside here: it is told whenever that may have changed.</summary>
    public void BeginTelling(ParkedRows run)
    {
        lock (_lock)
        {
            if (!_told.Contains(run))
            {
                _told.Add(run);
            }
        }
    }

    /// <summary>The run has nothing set aside here any more. Its turn it keeps, for the row that it took last.</summary>
    public void EndTelling(ParkedRows run)
    {
        lock (_lock)
        {
            _told.Remove(run);
        }
    }

    /// <summary>Why nothing of it can go before a certain time, for people; null where that is no matter of time.</summary>
    public string? WhyClosed(DateTimeOffset now)
    {
        lock (_lock)
        {
            return !_isActive ? null
                : now < _restsUntil ? $"{provider} rests after it said {_lastWord}".TrimEnd('.')
                : _perHour is { } perHour && IsSpent(perHour, now) is not null ? $"{provider} gets {perHour} messages an hour at most"
                : null;
        }
    }

    /// <summary>For pages.</summary>
    public ProviderState State(DateTimeOffset now)
    {
        lock (_lock)
        {
            return new ProviderState(provider, _open, Math.Min(_window, Most), _connections, _perHour, now < _restsUntil ? _restsUntil : null, _lastWord);
        }
    }

    /// <summary>Whether it may be forgotten: it would say nothing that a new one does not.</summary>
    public bool IsIdle(DateTimeOffset now)
    {
        lock (_lock)
        {
            return _open == 0 && _told.Count == 0 && _connections is null && _perHour is null && now >= _restsUntil;
        }
    }

    private GateAnswer Ask(ParkedRows run, DateTimeOffset now)
    {
        if (!_isActive)
        {
            return GateAnswer.Open;
        }

        if (now < _restsUntil)
        {
            return new GateAnswer(false, _restsUntil);
        }

        if (_perHour is { } perHour && IsSpent(perHour, now) is { } grantAt)
        {
            return new GateAnswer(false, grantAt);
        }

        var position = _turns.IndexOf(run);
        var ahead = position < 0 ? _turns.Count : position;
        if (Free > ahead)
        {
            return GateAnswer.Open;
        }

        if (position < 0)
        {
            _turns.Add(run);
        }

        if (Free <= 0)
        {
            return new GateAnswer(false, null);
        }

        _turnEndsAt ??= now + Turn;
        return now >= _turnEndsAt ? GateAnswer.Open : new GateAnswer(false, _turnEndsAt);
    }

    /// <summary>When the hourly limit allows the next; null = now.</summary>
    private DateTimeOffset? IsSpent(int perHour, DateTimeOffset now) =>
        Throttle.Take(perHour, _grants, now.ToUnixTimeMilliseconds()).WaitUntilMs is { } at ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null;

    private void Learn(long number, DeliveryOutcome outcome, DateTimeOffset now)
    {
        switch (ProviderFeedback.Of(outcome))
        {
            case ProviderVerdict.Took:
                if (number > _restedAfter)
                {
                    (_deferredInRow, _rest) = (0, TimeSpan.Zero);
                }

                if (++_successes >= _window)
                {
                    (_successes, _window) = (0, Math.Min(Most, _window + 1));
                }

                break;
            case ProviderVerdict.WantsLess:
                (_successes, _lastWord) = (0, ProviderFeedback.Words(outcome));
                if (number > _halvedAfter)
                {
                    (_window, _halvedAfter) = (Math.Max(1, Math.Min(_window, Most) / 2), _passed);
                }

                if (number > _restedAfter && ++_deferredInRow >= ToleratedDeferrals)
                {
                    _rest = _rest == TimeSpan.Zero ? FirstRest : _rest + _rest > LongestRest ? LongestRest : _rest + _rest;
                    (_restsUntil, _restedAfter) = (now + _rest, _passed);
                }

                break;
        }
    }

    /// <summary>Never under the lock: those who are told have locks of their own, and ask this gate under them.</summary>
    private void Tell(int lanes)
    {
        ParkedRows[] told;
        lock (_lock)
        {
            if (_told.Count == 0)
            {
                return;
            }

            told = [.. _told];
        }

        foreach (var run in told)
        {
            run.Opened(this, lanes);
        }
    }
}

/// <summary>Whether a gate lets a message pass.</summary>
/// <param name="IsOpen">It does, or would.</param>
/// <param name="Until">When it may be asked again; null = when a message that passed has left.</param>
internal readonly record struct GateAnswer(bool IsOpen, DateTimeOffset? Until)
{
    public static readonly GateAnswer Open = new(true, null);
}

/// <summary>The right to one message on its way to one provider; without a gate there is none to give back.</summary>
/// <param name="Gate">What was passed.</param>
/// <param name="Number">From 1, in the order of passing.</param>
/// <param name="GrantAtMs">The grant of the hourly limit that it used; null = there is no such limit.</param>
internal readonly record struct ProviderPermit(ProviderGate? Gate, long Number, long? GrantAtMs);

/// <summary>One provider on one site, as it is now.</summary>
/// <param name="Provider">Its name.</param>
/// <param name="Open">Messages on their way.</param>
/// <param name="Window">As many may be.</param>
/// <param name="Connections">The limit that was set; null = none.</param>
/// <param name="PerHour">The hourly limit that was set; null = none.</param>
/// <param name="RestsUntil">Nothing goes before; null = it does not rest.</param>
/// <param name="LastWord">What it said when it last wanted less; empty = it never did.</param>
internal sealed record ProviderState(string Provider, int Open, int Window, int? Connections, int? PerHour, DateTimeOffset? RestsUntil, string LastWord);
