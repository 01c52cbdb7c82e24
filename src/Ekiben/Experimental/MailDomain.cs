using Ekiben.Dns;

namespace Ekiben.Experimental;

/// <summary>What name servers say of a domain as a place for mail.</summary>
internal enum MailDomainState
{
    /// <summary>Nobody answered, or nobody is to be asked.</summary>
    Unknown,

    TakesMail,

    TakesNoMail,
}

/// <summary>Whether mail for a domain has somewhere to go (RFC 5321 §5.1): an MX, else an address of its own; a null MX (RFC 7505) says no.</summary>
internal static class MailDomain
{
    public static async Task<MailDomainState> AskAsync(DnsResolver resolver, string domain, CancellationToken cancel)
    {
        var exchangers = await resolver.MxAsync(domain, cancel);
        switch (exchangers.Outcome)
        {
            case DnsOutcome.Unanswered:
                return MailDomainState.Unknown;
            case DnsOutcome.NoName:
                return MailDomainState.TakesNoMail;
            case DnsOutcome.Found:
                return exchangers.Records.Any(exchanger => !exchanger.IsNull) ? MailDomainState.TakesMail : MailDomainState.TakesNoMail;
        }

        var addresses = await Task.WhenAll(resolver.AAsync(domain, cancel), resolver.AaaaAsync(domain, cancel));
        return addresses.Any(answer => answer.Outcome == DnsOutcome.Found) ? MailDomainState.TakesMail
            : addresses.All(answer => answer.IsAnswered) ? MailDomainState.TakesNoMail
            : MailDomainState.Unknown;
    }
}
