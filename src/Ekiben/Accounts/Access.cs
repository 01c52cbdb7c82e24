using Microsoft.AspNetCore.Components.Authorization;

namespace Ekiben.Accounts;

/// <summary>
/// What the person at this circuit may do, read from the database each time: a page stays open longer than a role may last, so every action asks here
/// before it acts, whatever the page showed.
/// </summary>
internal sealed class Access(PlatformUsers users, AuthenticationStateProvider states)
{
    public const string Refusal = "Your account may not do this any more. Load the page again to see what it may do.";

    /// <summary>Null when the account is gone or its log-ins were ended.</summary>
    public async Task<PlatformUser?> WhoAsync(CancellationToken cancel) => await users.FindAsync((await states.GetAuthenticationStateAsync()).User, cancel);

    /// <summary>The person, if they have the right now; else null, and the answer to them is <see cref="Refusal"/>.</summary>
    public async Task<PlatformUser?> WithAsync(Right right, CancellationToken cancel) =>
        await WhoAsync(cancel) is { } user && user.May(right) ? user : null;
}
