using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Accounts;

/// <summary>A pair of publishable and secret key that opens the API of one site.</summary>
internal sealed class ApiKey : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    public required string Name { get; set; }

    /// <summary>32 characters, the user name of Basic authentication.</summary>
    public required string PublishableKey { get; set; }

    /// <summary>SHA-256 of the secret, which is random and shown once; a slow hash would add nothing.</summary>
    public required byte[] SecretHash { get; set; }

    /// <summary>Whether <c>approved: true</c> from this key counts as an approval.</summary>
    public bool MayApprove { get; set; } = true;

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset? RevokedAt { get; set; }
}
