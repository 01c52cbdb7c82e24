using System.Security.Cryptography;
using Ekiben.Storage;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Delivery;

/// <summary>Reads the relays that owners set up. Passwords are kept under Data Protection with a purpose of their own: a copy of the database alone opens none.</summary>
internal sealed class StoredRelays(Database database, IDataProtectionProvider protection)
{
    private readonly IDataProtector _passwords = protection.CreateProtector("ekiben.relay.password.v1");

    public string Protect(string password) => _passwords.Protect(password);

    /// <summary>The relays that the site names, by priority; none when it sends by the server's own.</summary>
    public IReadOnlyList<RelayUse> Of(SiteId site)
    {
        using var db = database.OpenEverySite();
        return [.. Uses(db).Where(use => use.Site == site)];
    }

    /// <summary>The relays that all sites name.</summary>
    public async Task<IReadOnlyList<RelayUse>> OfAllSitesAsync(CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        return await Uses(db).ToListAsync(cancel);
    }

    private static IQueryable<RelayUse> Uses(Db db) =>
        from use in db.SiteRelays.AsNoTracking()
        join relay in db.Relays on use.RelayId equals relay.Id
        orderby use.Priority, use.RelayId
        select new RelayUse { Site = use.SiteId, Relay = relay, Weight = use.Weight, Priority = use.Priority };

    /// <summary>The row as options with its password.</summary>
    /// <param name="relay">The row.</param>
    /// <param name="options">What to connect with.</param>
    /// <param name="problem">One sentence when the password cannot be read: the keys in the data folder are not those it was stored with.</param>
    public bool TryOpen(StoredRelay relay, out RelayOptions? options, out string? problem)
    {
        (options, problem) = (null, null);
        string? password = null;
        if (relay.ProtectedPassword is { } kept)
        {
            try
            {
                password = _passwords.Unprotect(kept);
            }
            catch (CryptographicException)
            {
                problem = $"The password of the relay “{relay.Name}” cannot be read: the keys in the data folder are not those it was stored with. Type it again.";
                return false;
            }
        }

        options = new RelayOptions { Host = relay.Host, Port = relay.Port, Tls = relay.Tls, User = relay.UserName, Password = password, Connections = relay.Connections, MessagesPerConnection = relay.MessagesPerConnection };
        return true;
    }
}

/// <summary>A relay and how a site uses it.</summary>
internal sealed class RelayUse
{
    public required SiteId Site { get; init; }

    public required StoredRelay Relay { get; init; }

    public required int Weight { get; init; }

    public required int Priority { get; init; }
}
