using System.Runtime.CompilerServices;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>
/// The order in which the rows of a run are tried: deferred rows when their time comes, pending rows shard by shard, uncertain rows last.
/// It ends when no row can move any more. Reading claims nothing: a row that is handed out twice is claimed once at most.
/// </summary>
internal sealed class BroadcastFeed
{
    /// <summary>Rows read at once when nothing limits the rate.</summary>
    private const int MaxPage = 200;

    /// <summary>While everything waits for its time: somebody who waits may be erased, and then there is nothing to wait for.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromMinutes(1);

    private readonly SendQueue _queue;
    private readonly RunState _state;
    private readonly TimeProvider _clock;
    private readonly RunRate _rate;
    private readonly Dictionary<ShardId, ShardCursor> _cursorOf;
    private readonly BroadcastId? _stream;
    private readonly Lock _lock = new();
    private TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _arrived;
    private ShardCursor[] _shards;
    private int _inFlight;

    /// <summary>Rows settled so far: a page that was read while one settled says nothing about that row.</summary>
    private long _settlements;

    private long _givenBack;

    /// <param name="queue">The ledger.</param>
    /// <param name="shards">What this run owns.</param>
    /// <param name="rate">With a rate, only a minute's worth is read ahead (three pages), so that people's data is fresh when they are written to.</param>
    /// <param name="state">Is told when there is nothing to do but to wait.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="stream">Set for a stream, which has no end: its id, whose new shards are taken when something arrived.</param>
    public BroadcastFeed(SendQueue queue, IReadOnlyList<TakenShard> shards, RunRate rate, RunState state, TimeProvider clock, BroadcastId? stream = null)
    {
        _stream = stream;
        _arrived = NewArrivals();
        _state = state;
        _queue = queue;
        _clock = clock;
        _rate = rate;
        _shards = [.. shards.Select(shard => new ShardCursor(shard))];
        _cursorOf = _shards.ToDictionary(cursor => cursor.Shard.Id);
    }

    /// <summary>Every row that may move, each once for each time that it may.</summary>
    public async IAsyncEnumerable<IReadOnlyList<Candidate>> ReadPagesAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        foreach (var cursor in _shards)
        {
            cursor.NextDueAt = await _queue.NextDueAsync(cursor.Shard, DateTimeOffset.UnixEpoch, cancel);
        }

        while (true)
        {
            var before = (Interlocked.Read(ref _settlements), Interlocked.Read(ref _givenBack));
            // Taken before anything is read: what arrives afterwards is looked for again.
            var arrived = Arrivals;
            var page = await NextPageAsync(cancel);
            if (page.Count > 0)
            {
                Interlocked.Add(ref _inFlight, page.Count);
                yield return page;
                continue;
            }

            // What is still on a connection may come back as deferred, given back or uncertain; what came back while nothing was found may have been missed.
            var settled = await SettledAsync(before, arrived, cancel);
            if (arrived.IsCompleted)
            {
                await TakeArrivalsAsync(cancel);
                continue;
            }

            if (settled)
            {
                continue;
            }

            if (await NextDueAsync(cancel) is { } dueAt)
            {
                await _state.WaitAsync("The relay deferred the rest, and the next is tried again then", dueAt, _clock, cancel, arrived, LookAgain);
            }
            else if (_stream is null)
            {
                yield break;
            }
            else
            {
                await arrived.WaitAsync(cancel);
            }
        }
    }

    /// <summary>The stream got rows since, or somebody opened the second try of rows that had none left.</summary>
    public void Arrived()
    {
        TaskCompletionSource arrived;
        lock (_lock)
        {
            arrived = _arrived;
            // A broadcast waits for this alone while rows are in flight (see WaitAsync).
            if (_stream is null)
            {
                _settled.TrySetResult();
            }
        }

        arrived.TrySetResult();
    }

    /// <summary>A broadcast's goes on in the turn of whoever says so, which holds no lock then: by way of the thread pool the simulator could not give the same twice.</summary>
    private TaskCompletionSource NewArrivals() => _stream is null ? new TaskCompletionSource() : new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    private Task Arrivals
    {
        get
        {
            lock (_lock)
            {
                return _arrived.Task;
            }
        }
    }

    /// <summary>Rows that were added behind those that were read, in the last shard or in new ones.</summary>
    private async Task TakeArrivalsAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            _arrived = NewArrivals();
        }

        var taken = _stream is { } stream ? await _queue.TakeShardsAsync(stream, cancel, _shards.Length == 0 ? -1 : _shards.Max(cursor => cursor.Shard.Number)) : [];
        lock (_lock)
        {
            foreach (var cursor in _shards)
            {
                cursor.GoOn();
            }

            foreach (var shard in taken)
            {
                _cursorOf.Add(shard.Id, new ShardCursor(shard));
            }

            _shards = [.. _shards, .. taken.Select(shard => _cursorOf[shard.Id])];
        }
    }

    /// <summary>The row's attempt is over and recorded, or there was none.</summary>
    public void Settle(Candidate candidate, DateTimeOffset? dueAt = null, bool givenBack = false)
    {
        lock (_lock)
        {
            var cursor = _cursorOf[candidate.Shard.Id];
            if (givenBack)
            {
                _givenBack++;
                cursor.RewindTo(candidate.Address);
                dueAt = _clock.GetUtcNow();
            }

            if (dueAt is { } at && (cursor.NextDueAt is null || at < cursor.NextDueAt))
            {
                cursor.NextDueAt = at;
            }

            _settlements++;
            if (Interlocked.Decrement(ref _inFlight) == 0 || givenBack)
            {
                _settled.TrySetResult();
            }
        }
    }

    private async Task<IReadOnlyList<Candidate>> NextPageAsync(CancellationToken cancel)
    {
        var now = _clock.GetUtcNow();
        var limit = _rate.PerHour is { } rate ? Math.Clamp(rate / 180, 1, MaxPage) : MaxPage;
        foreach (var cursor in _shards)
        {
            if (cursor.NextDueAt <= now)
            {
                // Cleared before the read: what an outcome sets meanwhile stays.
                lock (_lock)
                {
                    cursor.NextDueAt = null;
                }

                var due = await _queue.ReadDueAsync(cursor.Shard, RecipientState.Deferred, limit, cancel);
                var next = due.Count == limit ? now : await _queue.NextDueAsync(cursor.Shard, now, cancel);
                lock (_lock)
                {
                    cursor.NextDueAt = cursor.NextDueAt is { } set && (next is null || set < next) ? set : next;
                }

                if (due.Count > 0)
                {
                    return due;
                }
            }
        }

        foreach (var cursor in _shards)
        {
            while (cursor.TakePosition(_lock) is { } after)
            {
                var pending = await _queue.ReadPendingAsync(cursor.Shard, after, limit, cancel);
                if (pending.Count > 0)
                {
                    cursor.MoveTo(pending[^1].Address, _lock);
                    return pending;
                }

                cursor.Exhaust(_lock);
            }
        }

        foreach (var cursor in _shards)
        {
            if (!cursor.UncertainRead)
            {
                cursor.UncertainRead = true;
                cursor.UncertainAsOf = Interlocked.Read(ref _settlements);
                var uncertain = await _queue.ReadDueAsync(cursor.Shard, RecipientState.Uncertain, SendQueue.ShardSize, cancel);
                if (uncertain.Count > 0)
                {
                    return uncertain;
                }
            }
        }

        return [];
    }

    /// <summary>
    /// Waits for what is in flight, no longer than until a row is given back or due, or more arrives: one message whose relay is silent must not keep
    /// others. True when another look is worth it, false when nothing was in flight, nothing came back since the last look, and uncertain rows were
    /// looked for after the last outcome: one that became uncertain while another row was in flight was passed over until then.
    /// </summary>
    /// <param name="before">How many had settled, and were given back, before the last look.</param>
    /// <param name="arrived">Ends the wait too.</param>
    /// <param name="cancel">Ends the wait.</param>
    private async Task<bool> SettledAsync((long Settlements, long GivenBack) before, Task arrived, CancellationToken cancel)
    {
        TaskCompletionSource? settled = null;
        lock (_lock)
        {
            if (_givenBack != before.GivenBack)
            {
                return true;
            }

            if (_inFlight > 0)
            {
                settled = _settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
            else if (_settlements == before.Settlements && Array.TrueForAll(_shards, cursor => cursor.UncertainAsOf == _settlements))
            {
                return false;
            }
        }

        if (settled is not null)
        {
            await WaitAsync(settled, arrived, cancel);
        }

        if (Volatile.Read(ref _inFlight) == 0)
        {
            // Attempts of the last round may have become uncertain: they get their second try now.
            foreach (var cursor in _shards)
            {
                cursor.UncertainRead = false;
            }
        }

        return true;
    }

    /// <summary>Not by Task.WaitAsync, which goes by way of the thread pool: the simulator could not give the same twice.</summary>
    private async Task WaitAsync(TaskCompletionSource settled, Task arrived, CancellationToken cancel)
    {
        var due = _shards.Min(cursor => cursor.NextDueAt);
        await using var timer = due is { } at
            ? _clock.CreateTimer(static settled => ((TaskCompletionSource)settled!).TrySetResult(), settled, at - _clock.GetUtcNow() is { Ticks: > 0 } left ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan)
            : null;
        await using (cancel.UnsafeRegister(static (settled, cancel) => ((TaskCompletionSource)settled!).TrySetCanceled(cancel), settled))
        {
            await (_stream is null ? settled.Task : await Task.WhenAny(settled.Task, arrived));
        }
    }

    private async Task<DateTimeOffset?> NextDueAsync(CancellationToken cancel)
    {
        DateTimeOffset? next = null;
        foreach (var cursor in _shards)
        {
            cursor.NextDueAt = await _queue.NextDueAsync(cursor.Shard, DateTimeOffset.UnixEpoch, cancel);
            if (cursor.NextDueAt is { } at && (next is null || at < next))
            {
                next = at;
            }
        }

        return next;
    }

    /// <summary>How far a shard has been read.</summary>
    private sealed class ShardCursor(TakenShard shard)
    {
        private AddressId _after = new(shard.First.Value - 1);
        private bool _exhausted;

        /// <summary>The lowest row given back since the position was taken.</summary>
        private AddressId? _givenBack;

        public TakenShard Shard => shard;

        public DateTimeOffset? NextDueAt { get; set; }

        public bool UncertainRead { get; set; }

        /// <summary>How many rows had settled when uncertain rows were last looked for.</summary>
        public long UncertainAsOf { get; set; } = -1;

        /// <summary>Where the next read begins; null when nothing is left. Rows given back from now on are minded when it is done.</summary>
        public AddressId? TakePosition(Lock gate)
        {
            lock (gate)
            {
                _givenBack = null;
                return _exhausted ? null : _after;
            }
        }

        /// <summary>A read came as far as <paramref name="last"/>, but for what was given back before it and that it did not see.</summary>
        public void MoveTo(AddressId last, Lock gate)
        {
            lock (gate)
            {
                _after = _givenBack is { } lowest && lowest.Value <= last.Value ? new AddressId(lowest.Value - 1) : last;
            }
        }

        public void Exhaust(Lock gate)
        {
            lock (gate)
            {
                _exhausted = _givenBack is null;
            }
        }

        /// <summary>There may be more behind what was read, and uncertain rows to look at again. The caller holds the lock.</summary>
        public void GoOn() => (_exhausted, UncertainRead) = (false, false);

        /// <summary>This row is to be read again. The caller holds the lock.</summary>
        public void RewindTo(AddressId address)
        {
            _givenBack = _givenBack is { } lowest && lowest.Value < address.Value ? lowest : address;
            if (address.Value <= _after.Value)
            {
                _after = new AddressId(address.Value - 1);
            }

            _exhausted = false;
        }
    }
}
