using System.Security.Cryptography;
using Ekiben.Mail.Dkim;
using Ekiben.Storage;
using Microsoft.AspNetCore.DataProtection;

namespace Ekiben.Domains;

/// <summary>
/// Makes keys, and opens those that were stored. Private keys are encrypted at rest by the keys in <c>DATA/keys</c>, under a purpose that
/// names the site, domain and selector: a row copied to another place opens nothing there, and the database alone opens nothing at all.
/// </summary>
internal sealed class DomainKeys(IDataProtectionProvider protection)
{
    private const string Purpose = "Ekiben.Domains.DkimKey.v1";

    /// <summary>A new key, not stored yet.</summary>
    public DomainKey Create(SiteId site, string domain, string selector, bool ed25519, DateTimeOffset now)
    {
        var protector = Protector(site, domain, selector);
        using var rsa = RSA.Create(DkimKey.MinRsaBits);
        var key = new DomainKey
        {
            SiteId = site,
            Domain = domain,
            Selector = selector,
            RsaPublicKey = Convert.ToBase64String(rsa.ExportSubjectPublicKeyInfo()),
            RsaPrivateKey = Convert.ToBase64String(protector.Protect(rsa.ExportPkcs8PrivateKey())),
            CreatedAt = now,
        };
        if (ed25519)
        {
            var seed = RandomNumberGenerator.GetBytes(DkimKey.Ed25519Octets);
            key.Ed25519PublicKey = Convert.ToBase64String(DkimKey.Ed25519PublicKey(seed));
            key.Ed25519PrivateKey = Convert.ToBase64String(protector.Protect(seed));
        }

        return key;
    }

    /// <summary>What signs with this key; null when its private keys cannot be read here.</summary>
    public MessageSigner? Open(DomainKey key)
    {
        try
        {
            var protector = Protector(key.SiteId, key.Domain, key.Selector);
            return new MessageSigner(
                key,
                protector.Unprotect(Convert.FromBase64String(key.RsaPrivateKey)),
                key.Ed25519PrivateKey is { } seed ? protector.Unprotect(Convert.FromBase64String(seed)) : null);
        }
        catch (Exception unreadable) when (unreadable is CryptographicException or FormatException or ArgumentException)
        {
            return null;
        }
    }

    private IDataProtector Protector(SiteId site, string domain, string selector) =>
        protection.CreateProtector([Purpose, site.ToString(), domain, selector]);
}
