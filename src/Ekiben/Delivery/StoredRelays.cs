using System.Security.Cryptography;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Delivery;

/// <summary>Reads the relays that owners set up. Passwords are kept under Data Protection with a purpose of their own: a copy of the database alone opens none.</summary>
internal sealed class StoredRelays(Database database, IDataProtectionProvider protection)
{
    private readonly IDataProtector _passwords = protection.CreateProtector("ekiben.relay.password.v1");

    public string Protect(string password) => _passwords.Protect(password);

    /// <summary>The site's own relay; null when it names none.</summary>
    /// <returns>The row as stored.</returns>
    public StoredRelay? Of(Site site)
    {
        if (site.RelayId is not { } id)
        {
            return null;
        }

        using var db = database.OpenEverySite();
        return db.Relays.AsNoTracking().FirstOrDefault(relay => relay.Id == id);
    }

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

        options = new RelayOptions { Host = relay.Host, Port = relay.Port, Tls = relay.Tls, User = relay.UserName, Password = password, Connections = relay.Connections };
        return true;
    }
}
