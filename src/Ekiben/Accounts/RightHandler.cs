using Microsoft.AspNetCore.Authorization;

namespace Ekiben.Accounts;

/// <summary>Asks for one right.</summary>
internal sealed record RightRequirement(Right Right) : IAuthorizationRequirement;

/// <summary>Decides by the role in the database, not by the one in the cookie: a role that was taken away counts at the next request.</summary>
internal sealed class RightHandler(PlatformUsers users) : AuthorizationHandler<RightRequirement>
{
    protected override async Task HandleRequirementAsync(AuthorizationHandlerContext context, RightRequirement requirement)
    {
        if (await users.FindAsync(context.User, CancellationToken.None) is { } user && user.May(requirement.Right))
        {
            context.Succeed(requirement);
        }
    }
}
