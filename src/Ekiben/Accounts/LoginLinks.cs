using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Accounts;

/// <summary>
/// Links that log a person in once. The database keeps the SHA-256 of the token alone, so who reads it cannot log in;
/// the token is random, so a slow hash would add nothing.
/// </summary>
internal sealed class LoginLinks(TimeProvider clock)
{
    private const int TokenBytes = 32;

    /// <summary>Makes a link for <paramref name="user"/> and returns its path, <c>/login/TOKEN</c>. Saves by itself unless a transaction is open.</summary>
    public async Task<string> CreateAsync(Db db, User user, TimeSpan validFor, CancellationToken cancel = default)
    {
        var token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenBytes));
        db.LoginLinks.Add(new LoginLink { TokenHash = Hash(token), UserId = user.Id, ExpiresAt = clock.GetUtcNow() + validFor });
        await db.SaveChangesAsync(cancel);
        return "/login/" + token;
    }

    /// <summary>Whether the link would still log somebody in. Changes nothing.</summary>
    public Task<bool> IsUsableAsync(Db db, string token, CancellationToken cancel)
    {
        var (hash, now) = (Hash(token), clock.GetUtcNow());
        return db.LoginLinks.AnyAsync(l => l.TokenHash == hash && l.UsedAt == null && l.ExpiresAt > now, cancel);
    }

    /// <summary>Uses the link up and returns whose it is; null when it is unknown, used or expired. Of two at once, one gets the person.</summary>
    public async Task<User?> UseAsync(Database database, string token, CancellationToken cancel)
    {
        var (hash, now) = (Hash(token), clock.GetUtcNow());
        await using var db = database.OpenEverySite();
        await using var write = await database.BeginWriteAsync(db, cancel);
        var used = await db.LoginLinks
            .Where(l => l.TokenHash == hash && l.UsedAt == null && l.ExpiresAt > now)
            .ExecuteUpdateAsync(link => link.SetProperty(l => l.UsedAt, now), cancel);
        if (used == 0)
        {
            return null;
        }

        var user = await db.Users.FirstOrDefaultAsync(u => db.LoginLinks.Any(l => l.TokenHash == hash && l.UserId == u.Id), cancel);
        await write.CommitAsync(cancel);
        return user;
    }

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}
