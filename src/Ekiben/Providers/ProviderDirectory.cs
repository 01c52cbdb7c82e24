using System.Collections.Concurrent;
using Ekiben.Dns;

namespace Ekiben.Providers;

/// <summary>
/// Which provider a domain's mail goes to. Name servers are asked beside the sending and never by it: until an answer is there, and where there is
/// none, the domain stands for itself. Thread-safe.
/// </summary>
/// <param name="ask">A domain's mail exchangers, the best first.</param>
/// <param name="clock">Ends what is kept.</param>
internal sealed class ProviderDirectory(Func<string, CancellationToken, Task<DnsReply<MailExchanger>>> ask, TimeProvider clock) : IDisposable
{
    /// <summary>Domains kept: some 10 MB. Beyond it those whose time is over go, then all.</summary>
    public const int MaxKept = 50_000;

    /// <summary>Questions on their way at once.</summary>
    public const int MaxParallel = 8;

    /// <summary>Domains that wait to be asked about; one that finds no place is asked about when it is next seen.</summary>
    public const int MaxWaiting = 2_000;

    /// <summary>Questions in a row without an answer after which it is the name server that is silent, and not the domain.</summary>
    public const int ToleratedSilences = 5;

    /// <summary>How long an answer counts. Exchangers move seldom, and a domain that moved is counted with its old provider until then.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(1);

    /// <summary>A question without an answer is not asked again before, nor is a silent server.</summary>
    public static readonly TimeSpan SilenceKept = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, Entry> _kept = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _end = new();
    private readonly Lock _lock = new();
    private readonly Queue<Entry> _waiting = new();
    private int _asking;
    private int _silences;
    private DateTimeOffset _silentUntil;

    /// <summary>Nobody is asked before: the last questions stayed without an answer.</summary>
    public DateTimeOffset SilentUntil
    {
        get
        {
            lock (_lock)
            {
                return _silentUntil;
            }
        }
    }

    /// <summary>Whether a question waits or is on its way.</summary>
    public bool IsAsking
    {
        get
        {
            lock (_lock)
            {
                return _asking > 0;
            }
        }
    }

    /// <summary>The name of the provider, at once.</summary>
    /// <param name="domain">In lower case, as A-labels.</param>
    public string Of(ReadOnlySpan<char> domain)
    {
        var entry = _kept.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(domain, out var found) ? found : Add(domain.ToString());
        if (entry.Until <= clock.GetUtcNow())
        {
            Ask(entry);
        }

        return entry.Provider;
    }

    public void Dispose()
    {
        _end.Cancel();
        _end.Dispose();
    }

    private Entry Add(string domain)
    {
        if (_kept.Count >= MaxKept)
        {
            var now = clock.GetUtcNow();
            foreach (var (over, _) in _kept.Where(one => one.Value.Until <= now))
            {
                _kept.TryRemove(over, out _);
            }

            if (_kept.Count >= MaxKept)
            {
                _kept.Clear();
            }
        }

        var known = ProviderNames.Known(domain);
        return _kept.GetOrAdd(domain, new Entry(domain) { Provider = known ?? domain, Until = known is null ? DateTimeOffset.MinValue : DateTimeOffset.MaxValue });
    }

    private void Ask(Entry entry)
    {
        lock (_lock)
        {
            if (entry.IsAsked || _waiting.Count == MaxWaiting || clock.GetUtcNow() < _silentUntil)
            {
                return;
            }

            entry.IsAsked = true;
            _waiting.Enqueue(entry);
            if (_asking == MaxParallel)
            {
                return;
            }

            _asking++;
        }

        // Whoever sends goes on meanwhile.
        _ = Task.Run(() => AskAllAsync(_end.Token));
    }

    /// <summary>Asks about one domain after the other until none waits.</summary>
    private async Task AskAllAsync(CancellationToken end)
    {
        try
        {
            while (Next() is { } entry)
            {
                Take(entry, await ask(entry.Domain, end));
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The server ends: nobody asks any more.
        }
    }

    private Entry? Next()
    {
        lock (_lock)
        {
            if (_waiting.TryDequeue(out var entry))
            {
                return entry;
            }

            _asking--;
            return null;
        }
    }

    private void Take(Entry entry, DnsReply<MailExchanger> reply)
    {
        lock (_lock)
        {
            var now = clock.GetUtcNow();
            entry.IsAsked = false;
            if (reply.IsAnswered)
            {
                _silences = 0;
                // Without an exchanger mail goes to the domain's own host (RFC 5321 §5.1); a null MX takes none (RFC 7505).
                entry.Provider = reply.Records is [{ IsNull: false } best, ..] ? ProviderNames.OfExchanger(best.Host) : entry.Domain;
                entry.Until = now + Kept;
                return;
            }

            entry.Until = now + SilenceKept;
            if (++_silences < ToleratedSilences)
            {
                return;
            }

            (_silences, _silentUntil) = (0, now + SilenceKept);
            foreach (var waiting in _waiting)
            {
                waiting.IsAsked = false;
            }

            _waiting.Clear();
        }
    }

    /// <summary>What is known of a domain.</summary>
    private sealed class Entry(string domain)
    {
        private string _provider = "";
        private long _until;

        public string Domain => domain;

        public string Provider
        {
            get => Volatile.Read(ref _provider);
            set => Volatile.Write(ref _provider, value);
        }

        /// <summary>When it is asked about again.</summary>
        public DateTimeOffset Until
        {
            get => new(Volatile.Read(ref _until), TimeSpan.Zero);
            set => Volatile.Write(ref _until, value.Ticks);
        }

        /// <summary>A question waits or is on its way. Under the directory's lock.</summary>
        public bool IsAsked { get; set; }
    }
}
