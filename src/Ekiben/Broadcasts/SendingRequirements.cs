using Ekiben.Delivery;
using Ekiben.Sites;

namespace Ekiben.Broadcasts;

/// <summary>What a site needs before anything can go out (ledger.md rule 7). Test sites need nothing: they send into the mailbox.</summary>
internal sealed class SendingRequirements(EkibenOptions options, StoredRelays relays)
{
    /// <summary>One sentence with the option's name, or null when the site can send. Never a silent fall-back to the mailbox.</summary>
    public string? WhatIsMissing(Site site)
    {
        if (site.IsTest)
        {
            return null;
        }

        var named = relays.Of(site.Id);
        var usable = new List<RelayOptions>();
        string? unreadable = null;
        foreach (var use in named)
        {
            if (relays.TryOpen(use.Relay, out var relay, out var problem))
            {
                usable.Add(relay!);
            }
            else
            {
                unreadable = problem;
            }
        }

        if (named.Count == 0 && options.Relay is { } own)
        {
            usable.Add(own);
        }

        if (usable.Count == 0)
        {
            return unreadable ?? "There is no relay to send through: set one up under Settings, start the server with --relay smtp://host:port, or use a test site.";
        }

        if (usable.TrueForAll(relay => relay.IsLoopback))
        {
            return null;
        }

        return options.PublicUrl is { Scheme: "https", IsLoopback: false }
            ? null
            : "Recipients could not unsubscribe: start the server with --public-url https://…, an address that they can reach.";
    }
}
