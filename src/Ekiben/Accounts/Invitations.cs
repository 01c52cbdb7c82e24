using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Ekiben.Mail;
using Ekiben.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Accounts;

/// <summary>Makes invitations and turns one into an account. Their page is <c>/welcome/TOKEN</c>.</summary>
internal sealed class Invitations(Database database, TimeProvider clock)
{
    /// <summary>Long enough for a weekend, short enough that a forgotten one opens nothing.</summary>
    public static readonly TimeSpan ValidFor = TimeSpan.FromDays(3);

    private static readonly TimeSpan FirstValidFor = TimeSpan.FromHours(24);

    private const int TokenBytes = 32;
    private const int MaxName = 200;
    private const int MaxPassword = 256;

    /// <summary>The path of a link that makes the first owner; null where there is an owner. Links of earlier starts end with it.</summary>
    public async Task<string?> FirstOwnerAsync(CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        if (await AnyOwnerAsync(db, cancel))
        {
            return null;
        }

        await using var write = await database.BeginWriteAsync(db, cancel);
        var now = clock.GetUtcNow();
        await db.Invitations.Where(i => i.Email == null && i.UsedAt == null).ExecuteUpdateAsync(set => set.SetProperty(i => i.UsedAt, now), cancel);
        var path = Add(db, null, Roles.Owner, Actor.Cli, FirstValidFor);
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        return path;
    }

    /// <summary>Adds an invitation to the context and returns its path; the caller saves.</summary>
    public string Add(Db db, string? email, string role, Actor by, TimeSpan validFor)
    {
        var token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenBytes));
        var now = clock.GetUtcNow();
        db.Invitations.Add(new Invitation { TokenHash = Hash(token), Email = email, Role = role, CreatedBy = by.Name, CreatedAt = now, ExpiresAt = now + validFor });
        return "/welcome/" + token;
    }

    /// <summary>The invitation of a token, while it can be used.</summary>
    public async Task<Invitation?> FindAsync(string token, CancellationToken cancel)
    {
        var (hash, now) = (Hash(token), clock.GetUtcNow());
        await using var db = database.OpenEverySite();
        return await db.Invitations.AsNoTracking().FirstOrDefaultAsync(i => i.TokenHash == hash && i.UsedAt == null && i.ExpiresAt > now, cancel);
    }

    /// <summary>Makes the account and uses the invitation up, in one transaction: of two at once one gets it.</summary>
    /// <param name="db">The context that <paramref name="users"/> writes with.</param>
    /// <param name="users">Checks the password and makes the account.</param>
    /// <param name="token">As it stood in the link.</param>
    /// <param name="asked">What the person typed.</param>
    /// <param name="cancel">Ends it before the commit.</param>
    /// <returns>The account, or one sentence on what to mend.</returns>
    public async Task<(User? User, string? Problem)> AcceptAsync(Db db, UserManager<User> users, string token, NewAccount asked, CancellationToken cancel)
    {
        if (await FindAsync(token, cancel) is not { } invitation)
        {
            return (null, "This link has been used or has expired.");
        }

        var name = asked.Name.Trim();
        if (name.Length is 0 or > MaxName || name.Any(char.IsControl))
        {
            return (null, $"Your name must have 1 to {MaxName} characters.");
        }

        if (!EmailAddress.TryParse(invitation.Email ?? asked.Email, out var email, out var fault))
        {
            return (null, fault);
        }

        if (asked.Password.Length > MaxPassword)
        {
            return (null, $"A password has at most {MaxPassword} characters.");
        }

        var now = clock.GetUtcNow();
        var user = new User { UserName = email.Normalised, Email = email.Normalised, Name = name, EmailConfirmed = true, CreatedAt = now };
        foreach (var validator in users.PasswordValidators)
        {
            if (await validator.ValidateAsync(users, user, asked.Password) is { Succeeded: false } weak)
            {
                return (null, Sentence(weak));
            }
        }

        // Slow on purpose, so it is done before the database's one writer is held.
        user.PasswordHash = users.PasswordHasher.HashPassword(user, asked.Password);
        await using var write = await database.BeginWriteAsync(db, cancel);
        if (await db.Invitations.Where(i => i.Id == invitation.Id && i.UsedAt == null).ExecuteUpdateAsync(set => set.SetProperty(i => i.UsedAt, now), cancel) == 0
            || (invitation.Email is null && await AnyOwnerAsync(db, cancel)))
        {
            return (null, "This link has been used or has expired.");
        }

        if (await users.CreateAsync(user) is { Succeeded: false } refused)
        {
            return (null, Sentence(refused));
        }

        await UserRoles.SetAsync(db, user.Id, invitation.Role, cancel);
        db.AuditLog.Add(new AuditEntry { Actor = "user:" + user.Email, Action = "user.joined", Subject = "user:" + user.Id, Detail = invitation.Role, At = now });
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        return (user, null);
    }

    private static Task<bool> AnyOwnerAsync(Db db, CancellationToken cancel) =>
        db.UserRoles.AnyAsync(held => db.Roles.Any(role => role.Id == held.RoleId && role.Name == Roles.Owner), cancel);

    private static string Sentence(IdentityResult result) => string.Join(' ', result.Errors.Select(error => error.Description));

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}

/// <summary>What somebody types to make their account.</summary>
internal sealed record NewAccount(string Name, string? Email, string Password);
