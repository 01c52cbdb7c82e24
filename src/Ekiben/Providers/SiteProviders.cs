using System.Collections.Concurrent;

namespace Ekiben.Providers;

/// <summary>The providers of one site: which of them have a gate, and the gates. Thread-safe.</summary>
/// <param name="directory">From a domain to the name of its provider.</param>
/// <param name="since">When this process began.</param>
/// <param name="clock">The clock.</param>
internal sealed class SiteProviders(ProviderLookup directory, DateTimeOffset since, TimeProvider clock)
{
    /// <summary>Gates kept: some 5 MB. Beyond it the idle ones go.</summary>
    private const int MaxGates = 20_000;

    private readonly ConcurrentDictionary<string, ProviderGate> _gates = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private ProviderRules _rules = ProviderRules.None;

    /// <summary>Whether anything has to pass a gate. The free answer where it has not: neither a domain nor a provider is looked for.</summary>
    public bool IsActive => Rules is { IsOn: true } or { Limits.Count: > 0 };

    private ProviderRules Rules => Volatile.Read(ref _rules);

    /// <summary>The gate that mail to the address passes; null where it passes none.</summary>
    public ProviderGate? GateOf(ReadOnlySpan<char> email)
    {
        if (!IsActive || email.LastIndexOf('@') is not (>= 0 and var at))
        {
            return null;
        }

        var provider = directory(email[(at + 1)..]);
        return Rules is var rules && !rules.IsOn && !rules.Limits.ContainsKey(provider) ? null
            : _gates.TryGetValue(provider, out var gate) ? gate
            : Add(provider);
    }

    /// <summary>What is set now, for the gates that there are too.</summary>
    public void Apply(ProviderRules rules)
    {
        lock (_lock)
        {
            if (rules.SaysTheSameAs(_rules))
            {
                return;
            }

            Volatile.Write(ref _rules, rules);
            foreach (var gate in _gates.Values)
            {
                rules.Set(gate);
            }
        }
    }

    /// <summary>The gates that say something, for pages: those in use, with a limit, or resting; by name.</summary>
    public IReadOnlyList<ProviderState> States()
    {
        var now = clock.GetUtcNow();
        return [.. _gates.Values.Where(gate => !gate.IsIdle(now)).Select(gate => gate.State(now)).OrderBy(state => state.Provider, StringComparer.Ordinal)];
    }

    private ProviderGate Add(string provider)
    {
        lock (_lock)
        {
            if (_gates.Count >= MaxGates)
            {
                var now = clock.GetUtcNow();
                foreach (var (name, idle) in _gates.Where(one => one.Value.IsIdle(now)))
                {
                    _gates.TryRemove(name, out _);
                }
            }

            return _gates.GetOrAdd(provider, name =>
            {
                var gate = new ProviderGate(name, since);
                _rules.Set(gate);
                return gate;
            });
        }
    }
}

/// <summary>From a domain, in lower case, to the name of its provider; at once.</summary>
internal delegate string ProviderLookup(ReadOnlySpan<char> domain);

/// <summary>What is set for the providers of a site.</summary>
/// <param name="IsOn">Every provider has a gate; else only those with a limit.</param>
/// <param name="Limits">By the provider's name.</param>
internal sealed record ProviderRules(bool IsOn, IReadOnlyDictionary<string, ProviderRules.Limit> Limits)
{
    public static readonly ProviderRules None = new(false, new Dictionary<string, Limit>());

    public void Set(ProviderGate gate)
    {
        var isLimited = Limits.TryGetValue(gate.Provider, out var limit);
        gate.Set(IsOn || isLimited, limit.Connections, limit.PerHour);
    }

    public bool SaysTheSameAs(ProviderRules other) =>
        IsOn == other.IsOn && Limits.Count == other.Limits.Count && Limits.All(one => other.Limits.TryGetValue(one.Key, out var limit) && limit == one.Value);

    /// <summary>Messages at once and messages an hour, at most; null = what the gate does by itself, and any number.</summary>
    internal readonly record struct Limit(int? Connections, int? PerHour);
}
