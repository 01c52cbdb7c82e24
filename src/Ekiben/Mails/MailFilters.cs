using Ekiben.Broadcasts;
using Ekiben.Mail;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Ekiben.Web;

namespace Ekiben.Mails;

/// <summary>From words in an address to a filter, for the list and for its CSV.</summary>
internal static class MailFilters
{
    /// <summary>False when a state or an origin is not one.</summary>
    /// <param name="key">Hashes an address.</param>
    /// <param name="q">A whole address, or a part of one.</param>
    /// <param name="state">A state in snake case; null or empty = all.</param>
    /// <param name="origin"><c>api</c> or <c>sequence</c>; null or empty = both.</param>
    /// <param name="filter">What to look for.</param>
    public static bool TryRead(InstanceKey key, string? q, string? state, string? origin, out MailFilter filter)
    {
        var hasState = Words.TryRead<RecipientState>(state, out var wanted);
        var hasOrigin = Words.TryRead<MailOrigin>(origin, out var from);
        var text = ListPage.Search(q);
        filter = EmailAddress.TryParse(text, out var address, out _)
            ? new MailFilter(wanted, from, AddressHash.Of(key, address.Normalised))
            : new MailFilter(wanted, from, Text: text);
        return hasState && hasOrigin;
    }
}
