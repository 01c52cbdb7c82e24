using System.Security.Claims;
using Ekiben.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ekiben.Accounts;

/// <summary>A person in the platform and what their role lets them do.</summary>
internal sealed record PlatformUser(string Email, string Role)
{
    /// <summary>Lets mail go out: approve, release a hold.</summary>
    public bool MayApprove => May(Right.Approve);

    /// <summary>Stops mail or goes on with what was approved: pause, resume, cancel, take an approval back.</summary>
    public bool MayAct => May(Right.Write);

    public bool May(Right right) => right <= Role switch
    {
        Roles.Owner => Right.Own,
        Roles.Approver => Right.Approve,
        Roles.Author => Right.Write,
        _ => Right.Look,
    };

    public Actor Actor => new("user:" + Email, IsPerson: true, MayApprove);
}

/// <summary>
/// Finds who is behind a log-in. Asked again before every action: a page may stay open for days, and a role that was taken away
/// or a password that was changed must count at the next click, not at the next log-in.
/// </summary>
internal sealed class PlatformUsers(Database database, IOptions<IdentityOptions> identity)
{
    /// <summary>Null when the account is gone or its log-ins were ended.</summary>
    public async Task<PlatformUser?> FindAsync(ClaimsPrincipal principal, CancellationToken cancel)
    {
        var id = principal.FindFirstValue(identity.Value.ClaimsIdentity.UserIdClaimType);
        var stamp = principal.FindFirstValue(identity.Value.ClaimsIdentity.SecurityStampClaimType);
        if (id is null)
        {
            return null;
        }

        await using var db = database.OpenEverySite();
        var email = await db.Users.Where(u => u.Id == id && u.SecurityStamp == stamp).Select(u => u.Email).FirstOrDefaultAsync(cancel);
        if (email is null)
        {
            return null;
        }

        var held = await db.UserRoles.Where(r => r.UserId == id).Join(db.Roles, r => r.RoleId, role => role.Id, (_, role) => role.Name).ToListAsync(cancel);
        return new PlatformUser(email, Roles.All.FirstOrDefault(held.Contains) ?? Roles.Viewer);
    }
}
