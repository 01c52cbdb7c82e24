using System.Collections.Concurrent;
using System.IO.Enumeration;

namespace Ekiben.Sink;

/// <summary>What the rules say about one event: wait so long, then do what the rule says, if there is one.</summary>
internal readonly record struct FaultDecision(TimeSpan Delay, FaultRule? Rule);

/// <summary>
/// Decides which events are hit. Every rule counts its events over all connections; whether the n-th is hit depends on the rule,
/// n and the seed alone, so that a failing run can be played again.
/// </summary>
internal sealed class FaultPlan
{
    // A pair is two addresses of at most 256 characters: half a gigabyte at the very worst. Pairs over the limit are let through.
    private const int MaxGreylistedPairs = 500_000;

    private readonly CountedRule[][] _byPhase;
    private readonly TimeProvider _clock;

    public FaultPlan(IReadOnlyList<FaultRule> rules, ulong seed, TimeProvider clock)
    {
        _clock = clock;
        CloseAfter = rules.Where(rule => rule.Action == FaultAction.CloseAfter).Select(rule => rule.Messages).DefaultIfEmpty(int.MaxValue).Min();
        var counted = rules.Select((rule, index) => new CountedRule(rule, Scramble(seed + (ulong)index))).ToArray();
        _byPhase = [.. Enum.GetValues<FaultPhase>().Select(phase =>
            counted.Where(one => one.Rule.Phase == phase && one.Rule.Action != FaultAction.CloseAfter).ToArray())];
    }

    /// <summary>Messages after which a connection is closed.</summary>
    public int CloseAfter { get; }

    /// <summary>Whether any rule speaks of this phase: the fast answer for a sink without faults.</summary>
    public bool Watches(FaultPhase phase) => _byPhase[(int)phase].Length > 0;

    /// <summary>Counts one event and decides. Delays add up; the first other rule that hits wins, and rules after it do not count the event.</summary>
    /// <param name="phase">Where it is.</param>
    /// <param name="sender">MAIL FROM.</param>
    /// <param name="recipients">RCPT TO.</param>
    /// <param name="messagesOnConnection">Answered on the connection.</param>
    /// <param name="connection">Whose transaction it is.</param>
    public FaultDecision Decide(FaultPhase phase, string sender, IReadOnlyList<string> recipients, int messagesOnConnection, object connection)
    {
        var delay = TimeSpan.Zero;
        foreach (var counted in _byPhase[(int)phase])
        {
            if (!Hits(counted, sender, recipients, messagesOnConnection, connection))
            {
                continue;
            }

            if (counted.Rule.Action != FaultAction.Delay)
            {
                return new(delay, counted.Rule);
            }

            delay += counted.Rule.Delay;
        }

        return new(delay, null);
    }

    /// <summary>The connection's transaction is over.</summary>
    public void Idle(object connection)
    {
        foreach (var counted in _byPhase[(int)FaultPhase.Rcpt])
        {
            counted.Busy.TryRemove(connection, out _);
        }
    }

    private bool Hits(CountedRule counted, string sender, IReadOnlyList<string> recipients, int messagesOnConnection, object connection)
    {
        var rule = counted.Rule;
        if (messagesOnConnection < rule.Messages
            || rule.To is { } pattern && !recipients.Any(recipient => FileSystemName.MatchesSimpleExpression(pattern, recipient)))
        {
            return false;
        }

        if (rule.Above is { } above)
        {
            counted.Busy[connection] = true;
            if (counted.Busy.Count <= above)
            {
                return false;
            }
        }

        if (rule.Greylist > TimeSpan.Zero && !IsGrey(counted, sender, recipients[0]))
        {
            return false;
        }

        var number = Interlocked.Increment(ref counted.Events) - rule.After;
        return number >= 1 && number <= rule.First && number % rule.Every == 0 && (rule.Rate >= 1 || Draw(counted.Seed, number) < rule.Rate);
    }

    private bool IsGrey(CountedRule counted, string sender, string recipient)
    {
        var now = _clock.GetTimestamp();
        var pair = (sender, recipient);
        if (counted.FirstSeen.TryGetValue(pair, out var first))
        {
            return _clock.GetElapsedTime(first, now) < counted.Rule.Greylist;
        }

        return counted.FirstSeen.Count < MaxGreylistedPairs
            && _clock.GetElapsedTime(counted.FirstSeen.GetOrAdd(pair, now), now) < counted.Rule.Greylist;
    }

    private static double Draw(ulong seed, long number) => (Scramble(seed + (ulong)number) >> 11) / (double)(1UL << 53);

    /// <summary>The splitmix64 finaliser: neighbouring numbers come out unrelated.</summary>
    private static ulong Scramble(ulong x)
    {
        x += 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }

    private sealed class CountedRule(FaultRule rule, ulong seed)
    {
        public long Events;

        public FaultRule Rule { get; } = rule;

        public ulong Seed { get; } = seed;

        /// <summary>Connections with a recipient that matches in their transaction.</summary>
        public ConcurrentDictionary<object, bool> Busy { get; } = new(ReferenceEqualityComparer.Instance);

        public ConcurrentDictionary<(string Sender, string Recipient), long> FirstSeen { get; } = new();
    }
}
