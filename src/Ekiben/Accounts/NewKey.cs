using System.Security.Cryptography;
using System.Text;
using Ekiben.Storage;

namespace Ekiben.Accounts;

/// <summary>A key just made, with the only sight of its secret.</summary>
internal sealed record NewKey(ApiKey Key, string Secret)
{
    /// <summary>Adds it to the context; the caller saves. Both halves are 128 random bits as 32 hex characters (ledger.md rule 3).</summary>
    public static NewKey Add(Db db, SiteId site, string name, bool mayApprove, DateTimeOffset now)
    {
        var secret = Random();
        var key = new ApiKey
        {
            SiteId = site,
            Name = name,
            PublishableKey = Random(),
            SecretHash = SHA256.HashData(Encoding.UTF8.GetBytes(secret)),
            MayApprove = mayApprove,
            CreatedAt = now,
        };
        db.ApiKeys.Add(key);
        return new NewKey(key, secret);
    }

    public static string Random() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
}
