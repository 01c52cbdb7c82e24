using Ekiben.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Accounts;

/// <summary>Logging in to the platform, by password or by a one-time link, within a request that can still set a cookie.</summary>
internal sealed class LogIns(
    SignInManager<User> signIn, UserManager<User> users, LoginLinks links, Database database, Db db, TimeProvider clock)
{
    /// <summary>Wrong passwords in a row before an account is closed for <see cref="LockoutSpan"/>.</summary>
    public const int MaxFailures = 5;

    public static readonly TimeSpan LockoutSpan = TimeSpan.FromMinutes(15);

    /// <summary>Longer passwords are refused before they are hashed: hashing is slow on purpose.</summary>
    private const int MaxPasswordLength = 256;

    public Task<bool> AnyAccountAsync(CancellationToken cancel) => db.Users.AnyAsync(cancel);

    /// <summary>False for an unknown address, a wrong password and a closed account alike: the answer must not tell which addresses have accounts.</summary>
    public async Task<bool> WithPasswordAsync(string email, string password, bool stay)
    {
        if (password.Length > MaxPasswordLength)
        {
            return false;
        }

        if (await users.FindByEmailAsync(email.Trim()) is not { } user)
        {
            // The same work as for a known address, so that the time does not tell either.
            users.PasswordHasher.HashPassword(new User(), password);
            return false;
        }

        var result = await signIn.PasswordSignInAsync(user, password, stay, lockoutOnFailure: true);
        if (result.Succeeded)
        {
            await AuditAsync(user, "login.succeeded", "by password");
        }
        else if (result.IsLockedOut)
        {
            await AuditAsync(user, "login.locked_out", null);
        }

        return result.Succeeded;
    }

    /// <summary>False when the link is unknown, used or expired.</summary>
    public async Task<bool> WithLinkAsync(string token, CancellationToken cancel)
    {
        if (await links.UseAsync(database, token, cancel) is not { } user)
        {
            return false;
        }

        await signIn.SignInAsync(user, isPersistent: false);
        await AuditAsync(user, "login.succeeded", "by link");
        return true;
    }

    private async Task AuditAsync(User user, string action, string? detail)
    {
        db.AuditLog.Add(new AuditEntry { Actor = "user:" + user.Email, Action = action, Subject = "user:" + user.Id, Detail = detail, At = clock.GetUtcNow() });
        await db.SaveChangesAsync();
    }
}
