namespace Ekiben.Delivery;

/// <summary>
/// A relay's connections, shared by all broadcasts that send through it: as many slots as the relay allows, handed out first come, first served (mails to one person before
/// broadcasts), each with the connection that it last had. A slot is two messages on the wire at most (ledger.md rule 12).
/// </summary>
internal sealed class RelayPool : IAsyncDisposable
{
    /// <summary>An idle connection older than this is closed rather than trusted: relays drop them quietly.</summary>
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(20);

    private readonly List<RelaySlot> _slots = [];
    private readonly Lock _lock = new();
    private readonly Queue<RelaySlot> _free = [];
    private readonly LinkedList<TaskCompletionSource<RelaySlot>> _waiting = [];
    private readonly LinkedList<TaskCompletionSource<RelaySlot>> _waitingAhead = [];

    public RelayPool(IRelay relay, TimeProvider clock)
    {
        Relay = relay;
        for (var i = 0; i < relay.Connections; i++)
        {
            var slot = new RelaySlot(this, clock);
            _slots.Add(slot);
            _free.Enqueue(slot);
        }
    }

    public IRelay Relay { get; }

    /// <summary>How many messages a lane sends before it should give its slot back: somebody waits for one, and mails to one person wait for nobody.</summary>
    /// <param name="fairShare">Messages between equals.</param>
    /// <param name="ahead">The lane is one of mails itself.</param>
    /// <returns>Null while nobody waits.</returns>
    public int? ShareWhileOthersWait(int fairShare, bool ahead)
    {
        lock (_lock)
        {
            return _waitingAhead.Count > 0 ? (ahead ? fairShare : 1) : _waiting.Count > 0 ? fairShare : null;
        }
    }

    /// <param name="ahead">Before all who wait without it.</param>
    /// <param name="cancel">Gives up waiting.</param>
    public async ValueTask<RelaySlot> RentAsync(CancellationToken cancel, bool ahead = false)
    {
        var queue = ahead ? _waitingAhead : _waiting;
        LinkedListNode<TaskCompletionSource<RelaySlot>> place;
        lock (_lock)
        {
            if (_free.TryDequeue(out var slot))
            {
                return slot;
            }

            place = queue.AddLast(new TaskCompletionSource<RelaySlot>(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        await using var giveUp = cancel.UnsafeRegister(_ =>
        {
            lock (_lock)
            {
                // Not there any more: it has its slot, and the caller takes it.
                if (place.List is null)
                {
                    return;
                }

                queue.Remove(place);
            }

            place.Value.TrySetCanceled(cancel);
        }, null);
        return await place.Value.Task;
    }

    private void Take(RelaySlot slot)
    {
        TaskCompletionSource<RelaySlot> next;
        lock (_lock)
        {
            if ((_waitingAhead.First ?? _waiting.First) is not { } first)
            {
                _free.Enqueue(slot);
                return;
            }

            first.List!.Remove(first);
            next = first.Value;
        }

        next.SetResult(slot);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var slot in _slots)
        {
            await slot.CloseAsync();
        }
    }

    internal sealed class RelaySlot(RelayPool pool, TimeProvider clock)
    {
        private long _idleSince;

        public IRelayConnection? Connection { get; private set; }

        /// <summary>The slot's connection, made anew where there is none that can be used.</summary>
        /// <exception cref="RelayUnavailableException">It cannot be made.</exception>
        public async ValueTask<IRelayConnection> ConnectAsync(CancellationToken cancel)
        {
            if (Connection is { } open && (!open.IsUsable || (_idleSince != 0 && clock.GetElapsedTime(_idleSince) > IdleLimit)))
            {
                await CloseAsync();
            }

            _idleSince = 0;
            return Connection ??= await pool.Relay.ConnectAsync(cancel);
        }

        public async ValueTask CloseAsync()
        {
            if (Connection is { } open)
            {
                Connection = null;
                await open.DisposeAsync();
            }
        }

        public void Return()
        {
            _idleSince = clock.GetTimestamp();
            pool.Take(this);
        }
    }
}
