using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Ekiben.Dns;

namespace Ekiben.Experimental;

/// <summary>What one list says.</summary>
internal enum ListingState
{
    /// <summary>Not asked, no answer, or the list refused to answer this resolver.</summary>
    Unknown,

    Listed,

    NotListed,
}

/// <summary>
/// Block lists that are asked over DNS (RFC 5782): a listed name or address has an A record in 127.0.0.0/8 under the list's zone. They are public
/// zones that answer small askers for nothing; what they say is theirs.
/// </summary>
internal sealed class BlockLists(DnsResolver resolver)
{
    /// <summary>By Bento's word for each; null: nothing to ask for that kind.</summary>
    private static readonly (string Word, string? ForDomains, string? ForAddresses)[] Lists =
    [
        ("just_registered", "fresh15.spameatingmonkey.net", null),
        ("spamhaus", "dbl.spamhaus.org", "zen.spamhaus.org"),
        ("nordspam", "dbl.nordspam.com", "bl.nordspam.com"),
        ("spfbl", "dnsbl.spfbl.net", "dnsbl.spfbl.net"),
        // Closed in 2024.
        ("sorbs", null, null),
        // Answers only under a key that it gives out.
        ("abusix", null, null),
    ];

    /// <summary>What was meant, as it is asked: A-labels, or the address turned round; null when it is neither a name nor an address.</summary>
    public static string? Asked(string text, out bool isAddress)
    {
        isAddress = IPAddress.TryParse(text, out var address);
        if (isAddress)
        {
            // RFC 5782 §2.1 and §2.4: the same labels as in reverse look-ups.
            var plain = address!.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
            return plain.AddressFamily == AddressFamily.InterNetwork
                ? string.Join('.', plain.GetAddressBytes().Reverse())
                : string.Join('.', Convert.ToHexStringLower(plain.GetAddressBytes()).Reverse());
        }

        try
        {
            var name = new IdnMapping().GetAscii(text.Trim().TrimEnd('.')).ToLowerInvariant();
            return name.Contains('.', StringComparison.Ordinal) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_') ? name : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>Every list's word with what it says.</summary>
    public async Task<IReadOnlyDictionary<string, ListingState>> AskAsync(string asked, bool isAddress, CancellationToken cancel)
    {
        var answers = await Task.WhenAll(Lists.Select(list => AskAsync(asked, isAddress ? list.ForAddresses : list.ForDomains, cancel)));
        return Lists.Zip(answers).ToDictionary(pair => pair.First.Word, pair => pair.Second, StringComparer.Ordinal);
    }

    private async Task<ListingState> AskAsync(string asked, string? zone, CancellationToken cancel)
    {
        if (zone is null)
        {
            return ListingState.Unknown;
        }

        var answer = await resolver.AAsync($"{asked}.{zone}", cancel);
        return answer.Outcome switch
        {
            DnsOutcome.Unanswered => ListingState.Unknown,
            DnsOutcome.Found when answer.Records.Any(IsListing) => ListingState.Listed,
            // 127.255.255.x: "I do not answer you"; anything outside 127/8: somebody sells that zone.
            DnsOutcome.Found => ListingState.Unknown,
            _ => ListingState.NotListed,
        };
    }

    private static bool IsListing(IPAddress code) => code.GetAddressBytes() is [127, not 255, _, _];
}
