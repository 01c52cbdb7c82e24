using System.Threading.Channels;

namespace Ekiben.Delivery;

/// <summary>
/// A relay's connections, shared by all broadcasts that send through it: as many slots as the relay allows, handed out first come, first served,
/// each with the connection that it last had. A slot is two messages on the wire at most (ledger.md rule 12).
/// </summary>
internal sealed class RelayPool : IAsyncDisposable
{
    /// <summary>An idle connection older than this is closed rather than trusted: relays drop them quietly.</summary>
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(20);

    private readonly Channel<RelaySlot> _free;
    private readonly List<RelaySlot> _slots = [];
    private int _waiting;

    public RelayPool(IRelay relay, TimeProvider clock)
    {
        Relay = relay;
        _free = Channel.CreateBounded<RelaySlot>(relay.Connections);
        for (var i = 0; i < relay.Connections; i++)
        {
            var slot = new RelaySlot(this, clock);
            _slots.Add(slot);
            _free.Writer.TryWrite(slot);
        }
    }

    public IRelay Relay { get; }

    /// <summary>True while somebody waits for a slot: then the others give theirs back now and then.</summary>
    public bool IsContended => Volatile.Read(ref _waiting) > 0;

    public async ValueTask<RelaySlot> RentAsync(CancellationToken cancel)
    {
        if (_free.Reader.TryRead(out var slot))
        {
            return slot;
        }

        Interlocked.Increment(ref _waiting);
        try
        {
            return await _free.Reader.ReadAsync(cancel);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
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
            pool._free.Writer.TryWrite(this);
        }
    }
}
