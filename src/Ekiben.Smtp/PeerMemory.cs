using System.Collections.Concurrent;

namespace Ekiben.Smtp;

/// <summary>
/// Remembers which servers, by host and port, offered PIPELINING and could not do it: for a day they get one command at a time. Thread-safe;
/// one for a process. Some servers throw away what they have read ahead when a message ends, others answer out of step.
/// </summary>
/// <param name="clock">Measures the day.</param>
public sealed class PeerMemory(TimeProvider clock)
{
    /// <summary>Servers get mended.</summary>
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>A connection that is lost once in a chain was lost for any reason; three in a row without a chain that worked have one.</summary>
    private const int MaxLosses = 3;

    private readonly ConcurrentDictionary<string, Entry> _peers = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>True while the peer is to be served one command at a time.</summary>
    /// <param name="peer">host:port.</param>
    public bool IsOneByOne(string peer) => _peers.TryGetValue(peer, out var entry) && entry.Until > clock.GetUtcNow();

    internal void Misbehaved(string peer) => _peers[peer] = new Entry(clock.GetUtcNow() + Day, 0);

    internal void LostInChain(string peer)
    {
        var entry = _peers.AddOrUpdate(peer, _ => new Entry(default, 1), (_, was) => was with { Losses = was.Losses + 1 });
        if (entry.Losses >= MaxLosses)
        {
            Misbehaved(peer);
        }
    }

    internal void ChainWorked(string peer)
    {
        // Almost always there is nothing to forget.
        if (!_peers.IsEmpty && _peers.TryGetValue(peer, out var entry) && entry.Losses > 0)
        {
            _peers.TryUpdate(peer, entry with { Losses = 0 }, entry);
        }
    }

    private sealed record Entry(DateTimeOffset Until, int Losses);
}
