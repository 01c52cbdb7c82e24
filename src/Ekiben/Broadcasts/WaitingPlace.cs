namespace Ekiben.Broadcasts;

/// <summary>
/// The one place where the lanes and the reader of a run wait for whatever lets them go on. Who waits takes <see cref="Version"/>, looks, and waits
/// until it is another: what changes between the look and the wait ends the wait at once, so nothing is missed and nobody looks in a circle.
/// </summary>
/// <param name="clock">Ends waits that have a time.</param>
internal sealed class WaitingPlace(TimeProvider clock)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<TaskCompletionSource> _lanes = new();
    private TaskCompletionSource? _reader;
    private long _version;

    /// <summary>Another number after each change.</summary>
    public long Version => Volatile.Read(ref _version);

    /// <summary>Something is as it was not. The reader looks, and so many lanes.</summary>
    /// <param name="lanes">What opened for one needs to wake one: whoever has waited longest looks first, and whoever is awake looks anyway.</param>
    public void Change(int lanes = int.MaxValue)
    {
        lock (_lock)
        {
            _version++;
            _reader?.TrySetResult();
            _reader = null;
            while (lanes > 0 && _lanes.First is { } first)
            {
                _lanes.RemoveFirst();
                // One whose time came in this moment looks by itself.
                lanes -= first.Value.TrySetResult() ? 1 : 0;
            }
        }
    }

    /// <summary>A lane waits until there was a change since <paramref name="seen"/>, or until a time.</summary>
    public async ValueTask WaitAsync(long seen, DateTimeOffset? until, CancellationToken cancel)
    {
        var awake = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        LinkedListNode<TaskCompletionSource> place;
        lock (_lock)
        {
            if (_version != seen)
            {
                return;
            }

            place = _lanes.AddLast(awake);
        }

        var left = until - clock.GetUtcNow();
        await using var timer = left is { } span
            ? clock.CreateTimer(static awake => ((TaskCompletionSource)awake!).TrySetResult(), awake, span > TimeSpan.Zero ? span : TimeSpan.Zero, Timeout.InfiniteTimeSpan)
            : null;
        await using (Canceling(awake, cancel))
        {
            try
            {
                await awake.Task;
            }
            finally
            {
                lock (_lock)
                {
                    place.List?.Remove(place);
                }
            }
        }
    }

    /// <summary>The reader, of which there is one, waits until there was a change since <paramref name="seen"/>.</summary>
    public async ValueTask WaitAsReaderAsync(long seen, CancellationToken cancel)
    {
        var awake = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_version != seen)
            {
                return;
            }

            _reader = awake;
        }

        await using (Canceling(awake, cancel))
        {
            await awake.Task;
        }
    }

    private static CancellationTokenRegistration Canceling(TaskCompletionSource awake, CancellationToken cancel) =>
        cancel.UnsafeRegister(static (awake, cancel) => ((TaskCompletionSource)awake!).TrySetCanceled(cancel), awake);
}
