using System.Collections.Concurrent;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>What of a broadcast changes while a page shows it.</summary>
internal sealed record BroadcastNow(BroadcastStatus Status, string? StatusReason, DateTimeOffset UpdatedAt, DateTimeOffset? FrozenAt);

/// <summary>What moves of a broadcast that is on its way, as of one moment.</summary>
/// <param name="Now">Its status, times and rate.</param>
/// <param name="Receipt">The counts that each commit keeps; nobody recounted them.</param>
/// <param name="Forecast">When the next may go and all will have; null while nothing is sent.</param>
/// <param name="LastAnswers">What the relay last said that was not "taken" at once, newest first; read less often than the rest.</param>
/// <param name="At">When it was read.</param>
internal sealed record LiveLook(BroadcastNow Now, Receipt Receipt, Forecast? Forecast, IReadOnlyList<LastAnswer> LastAnswers, DateTimeOffset At);

/// <summary>
/// Looks at a broadcast that is on its way once a second, for all who watch it: a hundred open pages ask the database no more than one. While
/// nobody watches, nobody looks.
/// </summary>
internal sealed class LiveLooks(Receipts receipts, Traces traces, TimeProvider clock)
{
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>The relay's last answers are read with every n-th look.</summary>
    public const int AnswersEvery = 3;

    private const int MaxAnswers = 10;

    /// <summary>Broadcasts remembered that somebody watched; those that nobody does any more go when there are more.</summary>
    private const int MaxKept = 1_000;

    private readonly ConcurrentDictionary<BroadcastId, Watched> _watched = new();

    /// <summary>The last look if it is not older than a second, else the next.</summary>
    public Task<LiveLook?> LastAsync(BroadcastId id, CancellationToken cancel) =>
        _watched.TryGetValue(id, out var watched) && watched.Last is { } last && clock.GetUtcNow() - last.At is var age && age >= TimeSpan.Zero && age < Every
            ? Task.FromResult<LiveLook?>(last)
            : NextAsync(id, cancel);

    /// <summary>The next look: a second after the last one, at once when that is past. Null when the broadcast is gone.</summary>
    /// <param name="id">Which.</param>
    /// <param name="cancel">Stops waiting; the look goes on for the others.</param>
    public Task<LiveLook?> NextAsync(BroadcastId id, CancellationToken cancel)
    {
        var watched = _watched.GetOrAdd(id, _ => new Watched());
        lock (watched)
        {
            return (watched.Next ??= Task.Run(() => LookAsync(id, watched), CancellationToken.None)).WaitAsync(cancel);
        }
    }

    private async Task<LiveLook?> LookAsync(BroadcastId id, Watched watched)
    {
        try
        {
            // A clock that was set back must not stop the looks.
            if (watched.Last is { } last && clock.GetUtcNow() - last.At is var since && since >= TimeSpan.Zero && since < Every)
            {
                await Task.Delay(Every - since, clock);
            }

            var now = clock.GetUtcNow();
            if (await receipts.ReadLiveAsync(id, now, CancellationToken.None) is not { } live)
            {
                return watched.Last = null;
            }

            if (watched.Looks++ % AnswersEvery == 0)
            {
                watched.Answers = await traces.LastAnswersAsync(id, MaxAnswers, CancellationToken.None);
            }

            return watched.Last = new LiveLook(live.Now, live.Receipt, live.Forecast, watched.Answers, now);
        }
        finally
        {
            lock (watched)
            {
                watched.Next = null;
            }

            if (_watched.Count > MaxKept)
            {
                Forget();
            }
        }
    }

    private void Forget()
    {
        foreach (var (id, watched) in _watched)
        {
            lock (watched)
            {
                if (watched.Next is null)
                {
                    _watched.TryRemove(id, out _);
                }
            }
        }
    }

    private sealed class Watched
    {
        /// <summary>The look that is waited for; null while nobody does.</summary>
        public Task<LiveLook?>? Next { get; set; }

        public LiveLook? Last { get; set; }

        public long Looks { get; set; }

        public IReadOnlyList<LastAnswer> Answers { get; set; } = [];
    }
}
