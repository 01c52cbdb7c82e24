using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Delivery;

/// <summary>Changes of which relays a site sends by, in the caller's transaction and with their line in the audit log. Runs follow by themselves.</summary>
internal static class SiteRelayChanges
{
    /// <summary>Has the site send by the relay, or changes how much.</summary>
    /// <param name="db">Of the site, or of every site.</param>
    /// <param name="site">Which.</param>
    /// <param name="relay">By which.</param>
    /// <param name="weight">Null = as it is, 1 when it is new.</param>
    /// <param name="priority">Null = as it is, 0 when it is new.</param>
    /// <param name="actor">Who.</param>
    /// <param name="now">When.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>One sentence when it cannot be, or null.</returns>
    public static async Task<string?> UseAsync(Db db, Site site, StoredRelay relay, int? weight, int? priority, Actor actor, DateTimeOffset now, CancellationToken cancel)
    {
        if (site.IsTest)
        {
            return $"{site.Name} is a test site: its mail goes into the mailbox and never to a relay.";
        }

        var uses = await db.SiteRelays.Where(use => use.SiteId == site.Id).ToListAsync(cancel);
        if (uses.Find(use => use.RelayId == relay.Id) is not { } use)
        {
            if (uses.Count >= SiteRelay.MaxPerSite)
            {
                return $"A site has {SiteRelay.MaxPerSite} relays at most.";
            }

            db.SiteRelays.Add(use = new SiteRelay { SiteId = site.Id, RelayId = relay.Id });
        }

        (use.Weight, use.Priority) = (weight ?? use.Weight, priority ?? use.Priority);
        if (SiteRelay.Fault(use.Weight, use.Priority) is { } fault)
        {
            return fault;
        }

        var detail = string.Create(CultureInfo.InvariantCulture, $"{relay.Name}: weight {use.Weight}, priority {use.Priority}");
        db.AuditLog.Add(new AuditEntry { SiteId = site.Id, Actor = actor.Name, Action = "site.relay_set", Subject = $"site:{site.Id}", Detail = detail, At = now });
        return null;
    }

    /// <summary>The site sends by the relay no more: what is on the wire there finishes, the rest goes by the others.</summary>
    /// <returns>One sentence when it cannot be, or null.</returns>
    public static async Task<string?> LeaveAsync(Db db, Site site, StoredRelay relay, Actor actor, DateTimeOffset now, CancellationToken cancel)
    {
        if (await db.SiteRelays.FirstOrDefaultAsync(use => use.SiteId == site.Id && use.RelayId == relay.Id, cancel) is not { } use)
        {
            return $"{site.Name} does not send by “{relay.Name}”.";
        }

        db.SiteRelays.Remove(use);
        db.AuditLog.Add(new AuditEntry { SiteId = site.Id, Actor = actor.Name, Action = "site.relay_removed", Subject = $"site:{site.Id}", Detail = relay.Name, At = now });
        return null;
    }
}
