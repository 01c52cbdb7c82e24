using System.Net;
using DnsClient;
using DnsClient.Protocol;

namespace Ekiben.Domains;

/// <summary>What was found at one name.</summary>
internal enum RecordState
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>There is none.</summary>
    Missing,

    /// <summary>There is one, and it is wrong.</summary>
    Wrong,

    /// <summary>Nobody answered, so nothing is known.</summary>
    Unknown,
}

/// <summary>A verdict on one record.</summary>
/// <param name="Name">Where it was looked for.</param>
/// <param name="What"><c>DKIM</c>, <c>SPF</c>, <c>DMARC</c> or <c>return path</c>.</param>
/// <param name="State">The verdict.</param>
/// <param name="Sentence">Why.</param>
internal sealed record RecordVerdict(string Name, string What, RecordState State, string Sentence);

/// <summary>Looks up what a sending domain publishes.</summary>
/// <param name="resolver">The name server to ask; null = the machine's.</param>
internal sealed class DomainCheck(IPEndPoint? resolver)
{
    /// <summary>For each question, asked twice: a resolver that has to go far takes a second or two.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <summary>RFC 7208 §4.6.4: receivers stop there with an error.</summary>
    private const int MaxSpfLookups = 10;

    private static readonly string[] LookupTerms = ["include:", "a", "mx", "ptr", "exists:", "redirect="];

    private readonly LookupClient _dns = new(Options(resolver));

    /// <summary>The key's own records, one verdict each.</summary>
    public async Task<IReadOnlyList<RecordVerdict>> KeyAsync(DomainKey key, CancellationToken cancel)
    {
        var verdicts = new List<RecordVerdict>();
        foreach (var record in DnsRecords.Dkim(key))
        {
            verdicts.Add(await TextAsync(record.Name, "DKIM", texts => JudgeKey(texts, record.Value), cancel));
        }

        return verdicts;
    }

    /// <summary>What the domain needs beside its key: SPF, DMARC, and a host that takes what comes back.</summary>
    public async Task<IReadOnlyList<RecordVerdict>> DomainAsync(string domain, CancellationToken cancel) =>
    [
        await TextAsync(domain, "SPF", JudgeSpf, cancel),
        await DmarcAsync(domain, cancel),
        await ReturnPathAsync(domain, cancel),
    ];

    private static (RecordState, string) JudgeKey(IReadOnlyList<string> texts, string wanted)
    {
        if (texts.Count > 1)
        {
            return (RecordState.Wrong, "There are several texts; receivers may take any of them. Leave one.");
        }

        var (found, expected) = (Tags(texts[0]), Tags(wanted));
        var key = found.GetValueOrDefault("p");
        return key switch
        {
            null => (RecordState.Wrong, "It has no p=, so it is no key."),
            "" => (RecordState.Wrong, "Its p= is empty: the key is revoked."),
            _ when key != expected["p"] => (RecordState.Wrong, "It holds another key than this server signs with."),
            _ when found.GetValueOrDefault("k", "rsa") != expected["k"] => (RecordState.Wrong, $"Its k= must be {expected["k"]}."),
            _ when found.GetValueOrDefault("v", "DKIM1") != "DKIM1" => (RecordState.Wrong, "Its v= must be DKIM1."),
            _ => (RecordState.Ok, "It holds this server's key."),
        };
    }

    private static (RecordState, string) JudgeSpf(IReadOnlyList<string> texts)
    {
        var records = texts.Where(text => text.Equals("v=spf1", StringComparison.OrdinalIgnoreCase) || text.StartsWith("v=spf1 ", StringComparison.OrdinalIgnoreCase)).ToList();
        if (records.Count != 1)
        {
            return records.Count == 0
                ? (RecordState.Missing, "There is no v=spf1 text: publish your relay's.")
                : (RecordState.Wrong, "There are several v=spf1 texts, which is an error to receivers (RFC 7208 §4.5). Make one of them.");
        }

        var lookups = records[0].Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(term => term.TrimStart('+', '-', '~', '?').ToLowerInvariant())
            .Count(term => LookupTerms.Any(kind => kind.Length > 3 ? term.StartsWith(kind, StringComparison.Ordinal) : term == kind || term.StartsWith(kind + ":", StringComparison.Ordinal) || term.StartsWith(kind + "/", StringComparison.Ordinal)));
        return lookups > MaxSpfLookups
            ? (RecordState.Wrong, $"It asks for {lookups} lookups; receivers stop at {MaxSpfLookups}.")
            : (RecordState.Ok, "There is one; whether it names your relay is for you to see.");
    }

    /// <summary>At the domain, or else at one above it (RFC 9989's walk up the tree).</summary>
    private async Task<RecordVerdict> DmarcAsync(string domain, CancellationToken cancel)
    {
        var name = domain;
        while (true)
        {
            var verdict = await TextAsync($"_dmarc.{name}", "DMARC", JudgeDmarc, cancel);
            var parent = name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..];
            if (verdict.State != RecordState.Missing || !parent.Contains('.', StringComparison.Ordinal))
            {
                return verdict with { Name = verdict.State == RecordState.Missing ? $"_dmarc.{domain}" : verdict.Name };
            }

            name = parent;
        }
    }

    private static (RecordState, string) JudgeDmarc(IReadOnlyList<string> texts)
    {
        var records = texts.Where(text => Tags(text).GetValueOrDefault("v") == "DMARC1").ToList();
        return records.Count switch
        {
            0 => (RecordState.Missing, "There is no v=DMARC1 text: the big receivers want one, p=none is enough."),
            1 when Tags(records[0]).GetValueOrDefault("p", "none") is "none" or "quarantine" or "reject" => (RecordState.Ok, $"Its policy is {Tags(records[0]).GetValueOrDefault("p", "none")}."),
            1 => (RecordState.Wrong, "Its p= is none of none, quarantine and reject."),
            _ => (RecordState.Wrong, "There are several v=DMARC1 texts: receivers then act as if there were none. Leave one."),
        };
    }

    private async Task<RecordVerdict> ReturnPathAsync(string domain, CancellationToken cancel)
    {
        var (records, trouble) = await AskAsync(domain, QueryType.MX, cancel);
        var hosts = records.OfType<MxRecord>().OrderBy(record => record.Preference).ToList();
        var (state, sentence) = trouble is not null ? (RecordState.Unknown, trouble)
            : hosts.Count == 0 ? (RecordState.Missing, "There is no MX: reports about senders' addresses there come back to nobody.")
            : (RecordState.Ok, $"{hosts[0].Exchange.Value.TrimEnd('.')} takes what comes back.");
        return new RecordVerdict(domain, "return path", state, sentence);
    }

    private async Task<RecordVerdict> TextAsync(string name, string what, Func<IReadOnlyList<string>, (RecordState State, string Sentence)> judge, CancellationToken cancel)
    {
        var (records, trouble) = await AskAsync(name, QueryType.TXT, cancel);
        var texts = records.OfType<TxtRecord>().Select(record => string.Concat(record.Text)).ToList();
        var (state, sentence) = trouble is not null ? (RecordState.Unknown, trouble)
            : texts.Count == 0 ? (RecordState.Missing, "There is no such text record.")
            : judge(texts);
        return new RecordVerdict(name, what, state, sentence);
    }

    private async Task<(IReadOnlyList<DnsResourceRecord> Records, string? Trouble)> AskAsync(string name, QueryType type, CancellationToken cancel)
    {
        try
        {
            var answer = await _dns.QueryAsync(name, type, cancellationToken: cancel);
            return answer.HasError && answer.Header.ResponseCode != DnsHeaderResponseCode.NotExistentDomain
                ? ([], $"The name server says: {answer.ErrorMessage}.")
                : (answer.Answers, null);
        }
        catch (DnsResponseException silence)
        {
            return ([], silence.Code == DnsResponseCode.ConnectionTimeout ? "No name server answered in time." : $"The name server's answer cannot be used: {silence.DnsError}.");
        }
    }

    /// <summary>tag=value pairs (RFC 6376 §3.2), blanks in values dropped: they mean nothing in keys, and policies have none.</summary>
    private static Dictionary<string, string> Tags(string text)
    {
        var tags = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                tags.TryAdd(pair[..equals].Trim(), string.Concat(pair[(equals + 1)..].Where(c => !char.IsWhiteSpace(c))));
            }
        }

        return tags;
    }

    private static LookupClientOptions Options(IPEndPoint? resolver)
    {
        var options = resolver is null ? new LookupClientOptions() : new LookupClientOptions(resolver);
        options.Timeout = Patience;
        options.Retries = 1;
        // What is published is to be seen, not what was.
        options.UseCache = false;
        options.ThrowDnsErrors = false;
        options.ContinueOnDnsError = false;
        return options;
    }
}
