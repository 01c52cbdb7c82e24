using System.Net;
using System.Net.Sockets;
using DnsClient;
using DnsClient.Protocol;

namespace Ekiben.Dns;

/// <summary>
/// Asks name servers, with a time-out, and keeps what they said for a while. Nothing of it throws for what a server does: a question is answered
/// (also with "there is none") or it is not, and whoever asks says "unknown" then. Names that no server could know are not asked for.
/// </summary>
internal sealed class DnsResolver(EkibenOptions options, TimeProvider clock) : IDisposable
{
    /// <summary>How long one server has for one try; there are two tries.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    /// <summary>Questions on their way at once; more wait.</summary>
    public const int MaxParallel = 64;

    /// <summary>Answers kept; beyond it those that are over go, then all.</summary>
    public const int MaxKept = 10_000;

    private static readonly TimeSpan ShortestKept = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan LongestKept = TimeSpan.FromHours(1);

    /// <summary>For what is not there (RFC 2308 §5 would allow up to three hours).</summary>
    private static readonly TimeSpan NothingKept = TimeSpan.FromMinutes(5);

    /// <summary>So that a server that is away is not waited for by every request.</summary>
    private static readonly TimeSpan SilenceKept = TimeSpan.FromSeconds(30);

    private readonly Lazy<LookupClient?> _client = new(() => Open(options.Dns));
    private readonly SemaphoreSlim _parallel = new(MaxParallel);
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Name, QueryType Type), (DnsRecords Records, DateTimeOffset Until)> _kept = [];

    /// <summary>The domain's mail exchangers by preference, the best first.</summary>
    public async Task<DnsReply<MailExchanger>> MxAsync(string domain, CancellationToken cancel)
    {
        var answer = await AskAsync(domain, QueryType.MX, cancel);
        return new(answer.Outcome, answer.Exchangers);
    }

    /// <summary>Each TXT record with its strings put together (RFC 7208 §3.3).</summary>
    public async Task<DnsReply<string>> TxtAsync(string name, CancellationToken cancel)
    {
        var answer = await AskAsync(name, QueryType.TXT, cancel);
        return new(answer.Outcome, answer.Texts);
    }

    /// <summary>The canonical name that the name stands for, without the final dot.</summary>
    public async Task<DnsReply<string>> CnameAsync(string name, CancellationToken cancel)
    {
        var answer = await AskAsync(name, QueryType.CNAME, cancel);
        return new(answer.Outcome, answer.Names);
    }

    /// <summary>The names of an address (reverse look-up), without final dots.</summary>
    public async Task<DnsReply<string>> PtrAsync(IPAddress address, CancellationToken cancel)
    {
        var answer = await AskAsync(address.GetArpaName().TrimEnd('.'), QueryType.PTR, cancel);
        return new(answer.Outcome, answer.Names);
    }

    /// <summary>IPv4 addresses.</summary>
    public async Task<DnsReply<IPAddress>> AAsync(string name, CancellationToken cancel)
    {
        var answer = await AskAsync(name, QueryType.A, cancel);
        return new(answer.Outcome, answer.Addresses);
    }

    /// <summary>IPv6 addresses.</summary>
    public async Task<DnsReply<IPAddress>> AaaaAsync(string name, CancellationToken cancel)
    {
        var answer = await AskAsync(name, QueryType.AAAA, cancel);
        return new(answer.Outcome, answer.Addresses);
    }

    public void Dispose() => _parallel.Dispose();

    private async Task<DnsRecords> AskAsync(string name, QueryType type, CancellationToken cancel)
    {
        var asked = name.TrimEnd('.').ToLowerInvariant();
        if (!IsName(asked))
        {
            return Nothing(DnsOutcome.NoName, NothingKept);
        }

        if (Kept((asked, type)) is { } known)
        {
            return known;
        }

        if (_client.Value is not { } client)
        {
            return Nothing(DnsOutcome.Unanswered, SilenceKept);
        }

        await _parallel.WaitAsync(cancel);
        try
        {
            var answer = await AskAsync(client, asked, type, cancel);
            Keep((asked, type), answer);
            return answer;
        }
        finally
        {
            _parallel.Release();
        }
    }

    private static async Task<DnsRecords> AskAsync(LookupClient client, string name, QueryType type, CancellationToken cancel)
    {
        try
        {
            var response = await client.QueryAsync(name, type, cancellationToken: cancel);
            return response.Header.ResponseCode switch
            {
                DnsHeaderResponseCode.NoError => Read(response.Answers, type),
                DnsHeaderResponseCode.NotExistentDomain => Nothing(DnsOutcome.NoName, NothingKept),
                _ => Nothing(DnsOutcome.Unanswered, SilenceKept),
            };
        }
        catch (Exception silent) when (silent is DnsResponseException or DnsXidMismatchException or SocketException or IOException)
        {
            // No answer in time, a refused packet, or one that cannot be read: the same to whoever asked.
            return Nothing(DnsOutcome.Unanswered, SilenceKept);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return Nothing(DnsOutcome.Unanswered, SilenceKept);
        }
    }

    private static DnsRecords Read(IReadOnlyList<DnsResourceRecord> answers, QueryType type)
    {
        var wanted = answers.Where(record => (int)record.RecordType == (int)type).ToList();
        if (wanted.Count == 0)
        {
            return Nothing(DnsOutcome.NoRecords, NothingKept);
        }

        var lifetime = TimeSpan.FromSeconds(wanted.Min(record => record.InitialTimeToLive));
        return new DnsRecords(
            DnsOutcome.Found,
            [.. wanted.OfType<MxRecord>().Select(mx => new MailExchanger(mx.Preference, Plain(mx.Exchange))).OrderBy(mx => mx.Preference)],
            [.. wanted.OfType<TxtRecord>().Select(txt => string.Concat(txt.Text))],
            [.. wanted.OfType<AddressRecord>().Select(record => record.Address)],
            [.. wanted.OfType<CNameRecord>().Select(record => Plain(record.CanonicalName)), .. wanted.OfType<PtrRecord>().Select(record => Plain(record.PtrDomainName))],
            lifetime < ShortestKept ? ShortestKept : lifetime > LongestKept ? LongestKept : lifetime);
    }

    private static string Plain(DnsString name) => name.Value is "." ? "." : name.Value.TrimEnd('.').ToLowerInvariant();

    private static DnsRecords Nothing(DnsOutcome outcome, TimeSpan lifetime) => new(outcome, [], [], [], [], lifetime);

    /// <summary>RFC 1035 §2.3.4: 1 to 63 octets a label, 253 in all; A-labels, so ASCII.</summary>
    private static bool IsName(string name) =>
        name.Length is > 0 and <= 253 && name.Split('.').All(label => label.Length is > 0 and <= 63 && label.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '/'));

    private DnsRecords? Kept((string, QueryType) key)
    {
        lock (_lock)
        {
            return _kept.TryGetValue(key, out var found) && found.Until > clock.GetUtcNow() ? found.Records : null;
        }
    }

    private void Keep((string, QueryType) key, DnsRecords records)
    {
        var now = clock.GetUtcNow();
        lock (_lock)
        {
            if (_kept.Count >= MaxKept)
            {
                foreach (var (over, _) in _kept.Where(one => one.Value.Until <= now).ToList())
                {
                    _kept.Remove(over);
                }

                if (_kept.Count >= MaxKept)
                {
                    _kept.Clear();
                }
            }

            _kept[key] = (records, now + records.Lifetime);
        }
    }

    /// <summary>Null when nobody is to be asked, or the machine has no resolver. (The library's own default would then ask a company's public one.)</summary>
    private static LookupClient? Open(DnsOption option)
    {
        var servers = option == DnsOption.None ? []
            : option == DnsOption.System ? NameServer.ResolveNameServers(skipIPv6SiteLocal: true, fallbackToGooglePublicDns: false)
            : option.Servers.Select(server => new NameServer(server)).ToArray();
        return servers.Count == 0 ? null : new LookupClient(new LookupClientOptions([.. servers])
        {
            Timeout = Timeout,
            Retries = 1,
            // Answers are kept here, by the server's own clock.
            UseCache = false,
            ThrowDnsErrors = false,
            UseTcpFallback = true,
            // Whoever sends to lists asks about names that do not exist all the time.
            ContinueOnDnsError = false,
        });
    }
}
