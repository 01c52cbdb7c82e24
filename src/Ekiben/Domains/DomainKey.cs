using Ekiben.Mail;
using Ekiben.Mail.Dkim;
using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Domains;

/// <summary>
/// What a site signs one sending domain's mail with: a DKIM selector with its RSA key and, if wanted, an Ed25519 key under a selector of its
/// own. A domain may have several, of which the newest active one signs; the older ones stay so that their records can still be shown.
/// </summary>
internal sealed class DomainKey : ISiteOwned
{
    /// <summary>The end of the Ed25519 key's selector: two keys under one selector have undefined results (RFC 6376 §3.6.2.2).</summary>
    public const string Ed25519Suffix = "-ed25519";

    /// <summary>A DNS label has 63 octets (RFC 1035 §2.3.4), and the suffix must fit behind it.</summary>
    private const int MaxSelector = 50;

    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary>A-labels in lower case, without a dot at the end.</summary>
    public required string Domain { get; set; }

    /// <summary>One label. The same domain and selector cannot belong to two sites: they would be one record with two contents.</summary>
    public required string Selector { get; set; }

    /// <summary>p= of the RSA key's record: a SubjectPublicKeyInfo in base64.</summary>
    public required string RsaPublicKey { get; set; }

    /// <summary>PKCS #8, encrypted by <see cref="DomainKeys"/>.</summary>
    public required string RsaPrivateKey { get; set; }

    /// <summary>p= of the Ed25519 key's record: 32 octets in base64 (RFC 8463 §4.2). Null = RSA alone.</summary>
    public string? Ed25519PublicKey { get; set; }

    /// <summary>The seed, encrypted by <see cref="DomainKeys"/>.</summary>
    public string? Ed25519PrivateKey { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Since when it may sign; null while its record is waited for.</summary>
    public DateTimeOffset? ActiveAt { get; set; }

    /// <summary>When its records were last looked up.</summary>
    public DateTimeOffset? CheckedAt { get; set; }

    /// <summary>What was found then, one sentence.</summary>
    public string? CheckResult { get; set; }

    public string Ed25519Selector => Selector + Ed25519Suffix;

    /// <summary>A domain as people type it: any case, Unicode or A-labels (RFC 5891), a dot at the end or none. Null when it is none.</summary>
    public static string? NormaliseDomain(string text) =>
        EmailAddress.TryParse("x@" + text.Trim().TrimEnd('.'), out var address, out _) ? address.Domain : null;

    /// <summary>True for one label of letters, digits and hyphens that leaves room for the suffix, and does not end in it.</summary>
    public static bool IsSelector(string text) =>
        text.Length is > 0 and <= MaxSelector && DkimKey.IsLabel(text) && !text.EndsWith(Ed25519Suffix, StringComparison.Ordinal);
}
