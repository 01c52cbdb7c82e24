namespace Ekiben.Delivery;

/// <summary>
/// Keeps messages that are costly to make from costing others. A template may create megabytes and stay within its budgets; what it creates is
/// garbage at once, and the collector stops every thread to take it away. So all that is created beyond <see cref="FreeBytes"/> a message is
/// paid for out of one allowance that refills with time, and who has overdrawn it waits before it makes the next. Ordinary mail creates some
/// hundred bytes and never pays. One instance for a process; thread-safe.
/// </summary>
/// <param name="clock">Refills the allowance.</param>
internal sealed class ComposePace(TimeProvider clock)
{
    /// <summary>Bytes that making one message may create and pay nothing.</summary>
    public const int FreeBytes = 64 * 1024;

    /// <summary>Bytes paid for in a second.</summary>
    public const long BytesASecond = 32 * 1024 * 1024;

    /// <summary>Bytes that are there after a rest: a few costly messages wait for nobody.</summary>
    public const long Burst = 8 * 1024 * 1024;

    private readonly Lock _lock = new();

    /// <summary>When all that was created so far is paid, in the clock's ticks.</summary>
    private long _paidAt = clock.GetTimestamp() - Ticks(clock, Burst);

    /// <summary>Pays for a message.</summary>
    /// <param name="created">Bytes that were allocated while it was made.</param>
    /// <returns>How long its maker has to wait before the next; zero as a rule.</returns>
    public TimeSpan Pay(long created)
    {
        if (created <= FreeBytes)
        {
            return TimeSpan.Zero;
        }

        lock (_lock)
        {
            var now = clock.GetTimestamp();
            _paidAt = Math.Max(_paidAt, now - Ticks(clock, Burst)) + Ticks(clock, created - FreeBytes);
            return _paidAt > now ? clock.GetElapsedTime(now, _paidAt) : TimeSpan.Zero;
        }
    }

    private static long Ticks(TimeProvider clock, long bytes) => (long)((double)bytes / BytesASecond * clock.TimestampFrequency);
}
