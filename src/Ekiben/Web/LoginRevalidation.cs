using Ekiben.Accounts;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;

namespace Ekiben.Web;

/// <summary>Ends the log-in of pages that stay open when the account is gone or its password was changed.</summary>
internal sealed class LoginRevalidation(ILoggerFactory loggers, PlatformUsers users) : RevalidatingServerAuthenticationStateProvider(loggers)
{
    protected override TimeSpan RevalidationInterval => TimeSpan.FromMinutes(1);

    protected override async Task<bool> ValidateAuthenticationStateAsync(AuthenticationState authenticationState, CancellationToken cancellationToken) =>
        await users.FindAsync(authenticationState.User, cancellationToken) is not null;
}
