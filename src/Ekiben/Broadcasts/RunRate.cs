namespace Ekiben.Broadcasts;

/// <summary>
/// The rate of a run while it may change (ledger.md rule 5). The claim reads the rate itself in its transaction, so this decides no more than
/// how many lanes there are, how far they read ahead, and that a lane which waits for a grant hears of a change at once.
/// </summary>
internal sealed class RunRate
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _changed = New();
    private int? _perHour;

    /// <summary>Attempts an hour; null = as fast as the relay takes.</summary>
    public int? PerHour
    {
        get
        {
            lock (_lock)
            {
                return _perHour;
            }
        }
    }

    /// <summary>Completes with the next change. Take it before reading <see cref="PerHour"/>.</summary>
    public Task Changed
    {
        get
        {
            lock (_lock)
            {
                return _changed.Task;
            }
        }
    }

    public void Set(int? perHour)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            if (perHour == _perHour)
            {
                return;
            }

            _perHour = perHour;
            (changed, _changed) = (_changed, New());
        }

        changed.SetResult();
    }

    /// <summary>A slow rate needs few lanes, and what few hold ready is fresh when its grant comes.</summary>
    public int LanesOf(int connections) => PerHour is { } rate ? Math.Min(connections, 1 + (rate / 1800)) : connections;

    /// <summary>Those who wait go on in the turn of whoever changes it, which holds no lock then.</summary>
    private static TaskCompletionSource New() => new();
}
