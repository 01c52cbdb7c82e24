using System.Net;
using System.Net.Sockets;

namespace Ekiben.Web;

/// <summary>
/// Slows the guessing of keys: so many wrong secrets from one network or against one key, then nothing is looked at until the window is over.
/// The limit by key is wider than the one by network, and does not touch a network from which that key was used rightly before:
/// one attacker cannot lock a key's owner out.
/// </summary>
internal sealed class BadLoginLimit(TimeProvider clock)
{
    /// <summary>Wrong tries from one network (an IPv4 address, an IPv6 /64) in a window.</summary>
    public const int PerNetwork = 20;

    /// <summary>Wrong tries against keys with the same beginning in a window, from all networks together.</summary>
    public const int PerKey = 100;

    /// <summary>How long wrong tries count.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    /// <summary>Entries kept of each kind; beyond it the oldest go, so an attack with many names costs memory once.</summary>
    public const int MaxEntries = 10_000;

    private const int PrefixLength = 8;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Tries> _tries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTimeOffset> _known = new(StringComparer.Ordinal);

    /// <summary>How long to wait before the next try is looked at; null when it may be looked at now.</summary>
    public TimeSpan? Wait(IPAddress? address, string key)
    {
        var (network, prefix) = (Network(address), Prefix(key));
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            return Full(network, PerNetwork, now) ?? (_known.ContainsKey(network + prefix) ? null : Full(prefix, PerKey, now));
        }
    }

    public void Failed(IPAddress? address, string key)
    {
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            Count(Network(address), now);
            Count(Prefix(key), now);
        }
    }

    public void Succeeded(IPAddress? address, string key)
    {
        lock (_lock)
        {
            Trim(_known, at => at);
            _known[Network(address) + Prefix(key)] = clock.GetUtcNow();
        }
    }

    private TimeSpan? Full(string name, int limit, DateTimeOffset now)
    {
        if (!_tries.TryGetValue(name, out var tries) || tries.Count < limit)
        {
            return null;
        }

        var wait = tries.Since + Window - now;
        return wait > TimeSpan.Zero ? wait : null;
    }

    private void Count(string name, DateTimeOffset now)
    {
        if (_tries.TryGetValue(name, out var tries) && now - tries.Since < Window)
        {
            _tries[name] = tries with { Count = tries.Count + 1 };
            return;
        }

        Trim(_tries, entry => entry.Since);
        _tries[name] = new Tries(now, 1);
    }

    /// <summary>Drops the older half of a full table.</summary>
    private static void Trim<T>(Dictionary<string, T> table, Func<T, DateTimeOffset> age)
    {
        if (table.Count < MaxEntries)
        {
            return;
        }

        foreach (var name in table.OrderBy(entry => age(entry.Value)).Take(MaxEntries / 2).Select(entry => entry.Key).ToList())
        {
            table.Remove(name);
        }
    }

    private static string Network(IPAddress? address)
    {
        if (address is null)
        {
            return "n:";
        }

        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        return address.AddressFamily == AddressFamily.InterNetworkV6
            ? "n:" + Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8))
            : "n:" + address;
    }

    private static string Prefix(string key) => "k:" + (key.Length <= PrefixLength ? key : key[..PrefixLength]);

    private sealed record Tries(DateTimeOffset Since, int Count);
}
