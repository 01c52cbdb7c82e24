using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Smtp.Tests;

/// <summary>A clock that the test moves, and that says how many steps had their time limit set: so that it is moved only when the limit runs.</summary>
internal sealed class SignallingClock : TimeProvider
{
    private readonly FakeTimeProvider _clock = new();
    private readonly Channel<bool> _steps = Channel.CreateUnbounded<bool>();

    public override long TimestampFrequency => _clock.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => _clock.GetUtcNow();

    public override long GetTimestamp() => _clock.GetTimestamp();

    public void Advance(TimeSpan time) => _clock.Advance(time);

    /// <summary>Waits until so many limits were set, by all timers together, since the last wait.</summary>
    public async Task WaitForStepsAsync(int count, CancellationToken cancel)
    {
        for (var i = 0; i < count; i++)
        {
            await _steps.Reader.ReadAsync(cancel);
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new Timer(_clock.CreateTimer(callback, state, dueTime, period), _steps.Writer);

    private sealed class Timer(ITimer inner, ChannelWriter<bool> steps) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var changed = inner.Change(dueTime, period);
            steps.TryWrite(true);
            return changed;
        }

        public void Dispose() => inner.Dispose();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
