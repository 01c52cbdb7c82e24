using Ekiben.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Accounts;

/// <summary>Changes of accounts inside the transaction that the caller has open. There is always an owner.</summary>
internal static class UserRoles
{
    private const string LastOwner = "There must be an owner: make somebody else one first.";

    /// <summary>Gives the account this role and no other.</summary>
    public static async Task SetAsync(Db db, string userId, string role, CancellationToken cancel)
    {
        var stored = await db.Roles.FirstOrDefaultAsync(known => known.Name == role, cancel);
        if (stored is null)
        {
            stored = new IdentityRole(role) { NormalizedName = role.ToUpperInvariant() };
            db.Roles.Add(stored);
        }

        await db.UserRoles.Where(held => held.UserId == userId).ExecuteDeleteAsync(cancel);
        db.UserRoles.Add(new IdentityUserRole<string> { UserId = userId, RoleId = stored.Id });
    }

    /// <summary>Another role ends the account's log-ins: what they opened was opened under the old one.</summary>
    /// <returns>One sentence when it cannot be.</returns>
    public static async Task<string?> ChangeAsync(Db db, User user, string role, CancellationToken cancel)
    {
        if (role != Roles.Owner && await IsLastOwnerAsync(db, user.Id, cancel))
        {
            return LastOwner;
        }

        await SetAsync(db, user.Id, role, cancel);
        EndLogIns(user);
        return null;
    }

    public static void EndLogIns(User user) => user.SecurityStamp = Guid.NewGuid().ToString("N");

    /// <returns>One sentence when it cannot be.</returns>
    public static async Task<string?> RemoveAsync(Db db, User user, CancellationToken cancel)
    {
        if (await IsLastOwnerAsync(db, user.Id, cancel))
        {
            return LastOwner;
        }

        await db.LoginLinks.Where(link => link.UserId == user.Id).ExecuteDeleteAsync(cancel);
        db.Users.Remove(user);
        return null;
    }

    private static async Task<bool> IsLastOwnerAsync(Db db, string userId, CancellationToken cancel)
    {
        var owners = await db.UserRoles.Where(held => db.Roles.Any(role => role.Id == held.RoleId && role.Name == Roles.Owner))
            .Select(held => held.UserId).Take(2).ToListAsync(cancel);
        return owners is [var only] && only == userId;
    }
}
