namespace Ekiben.Tests.Simulation;

/// <summary>A clock that stands still until it is moved to its next timer.</summary>
internal sealed class SimulatedTime : TimeProvider
{
    private readonly PriorityQueue<(SimulatedTimer Timer, long Order), (long Due, long Order)> _due = new();
    private long _order;

    public long NowMs { get; private set; } = DateTimeOffset.UnixEpoch.AddYears(60).ToUnixTimeMilliseconds();

    public override long TimestampFrequency => 1000;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(NowMs);

    public override long GetTimestamp() => NowMs;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new SimulatedTimer(this, () => callback(state), dueTime);

    /// <summary>Goes to the next timer and lets it ring. False when there is none.</summary>
    public bool Next()
    {
        while (_due.TryDequeue(out var entry, out var at))
        {
            if (entry.Timer.IsSetFor(entry.Order))
            {
                NowMs = Math.Max(NowMs, at.Due);
                entry.Timer.Ring();
                return true;
            }
        }

        return false;
    }

    /// <summary>Goes on without ringing anything on its way: a busy machine.</summary>
    public void Pass(TimeSpan time) => NowMs += (long)time.TotalMilliseconds;

    /// <summary>Everything that waited belonged to a process that died.</summary>
    public void Forget() => _due.Clear();

    private sealed class SimulatedTimer : ITimer
    {
        private readonly SimulatedTime _time;
        private readonly Action _ring;
        private long _set;

        public SimulatedTimer(SimulatedTime time, Action ring, TimeSpan dueTime)
        {
            (_time, _ring) = (time, ring);
            Change(dueTime, Timeout.InfiniteTimeSpan);
        }

        public bool IsSetFor(long order) => _set == order;

        public void Ring()
        {
            _set = 0;
            _ring();
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _set = 0;
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                _set = ++_time._order;
                _time._due.Enqueue((this, _set), (_time.NowMs + (long)Math.Ceiling(dueTime.TotalMilliseconds), _set));
            }

            return true;
        }

        public void Dispose() => _set = 0;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
