using System.Net;

namespace Ekiben.Dns;

/// <summary>What became of a question.</summary>
internal enum DnsOutcome
{
    /// <summary>There are records.</summary>
    Found,

    /// <summary>The name exists and has none of these (RFC 2308 §2.2).</summary>
    NoRecords,

    /// <summary>There is no such name (NXDOMAIN), or what was asked cannot be one.</summary>
    NoName,

    /// <summary>Nobody was asked, nobody answered in time, or the server failed: nothing is known.</summary>
    Unanswered,
}

/// <summary>The records of one name and type, in the order of the answer; <see cref="Records"/> is empty unless they were found.</summary>
internal sealed record DnsReply<T>(DnsOutcome Outcome, IReadOnlyList<T> Records)
{
    /// <summary>Whether the answer can be relied on, be it that there is nothing.</summary>
    public bool IsAnswered => Outcome != DnsOutcome.Unanswered;
}

/// <summary>One mail exchanger (RFC 5321 §5.1). The null MX (RFC 7505) has the host <c>.</c>.</summary>
internal sealed record MailExchanger(int Preference, string Host)
{
    /// <summary>The domain says that it takes no mail.</summary>
    public bool IsNull => Host is "." or "";
}

/// <summary>One answer as it is kept: whatever type was asked for, its records have one of these types.</summary>
internal sealed record DnsRecords(
    DnsOutcome Outcome, IReadOnlyList<MailExchanger> Exchangers, IReadOnlyList<string> Texts, IReadOnlyList<IPAddress> Addresses, IReadOnlyList<string> Names, TimeSpan Lifetime);
