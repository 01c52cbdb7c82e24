using System.CommandLine;
using Ekiben.Accounts;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Commands;

/// <summary><c>ekiben user</c>: the people who log in to the platform.</summary>
internal static class UserCommand
{
    /// <summary>A link made here is read from a terminal and opened soon.</summary>
    private static readonly TimeSpan LinkValidFor = TimeSpan.FromHours(24);

    private const int MaxPassword = 256;

    public static Command Create() => new("user", "Accounts for the platform.") { CreateUser() };

    private static Command CreateUser()
    {
        var email = new Argument<string>("EMAIL") { Description = "The account's e-mail address, also its name at log-in." };
        var role = new Option<string?>("--role") { Description = "What the account may do. Default: owner for the first account, author after it.", HelpName = "ROLE" };
        role.AcceptOnlyFromAmong([.. Roles.All]);
        var stdin = new Option<bool>("--password-stdin") { Description = "Read the password from standard input; without it a one-time log-in link is printed." };
        var command = new Command("create", "Create an account.") { email, role, stdin };
        command.SetAction(async (parsed, cancel) =>
        {
            var password = parsed.GetValue(stdin) ? await ReadPasswordAsync(cancel) : null;
            var options = CommonOptions.Read(parsed);
            await using var folder = await DataFolder.OpenAsync(options, cancel);
            await using var scope = folder.Services.CreateAsyncScope();
            var user = await CreateAsync(scope.ServiceProvider, parsed.GetRequiredValue(email), password, parsed.GetValue(role), cancel);
            if (password is null)
            {
                await using var db = folder.Database.OpenEverySite();
                var path = await folder.Services.GetRequiredService<LoginLinks>().CreateAsync(db, user, LinkValidFor, cancel);
                var address = ServeLock.ReadHolder(options.DataFolder)?.Address ?? options.Urls.Split(';')[0];
                Console.Out.WriteLine($"{address}{path}");
                Console.Error.WriteLine("The link logs in once, within 24 hours.");
            }

            return 0;
        });
        return command;
    }

    /// <summary>Makes the account with its role.</summary>
    /// <exception cref="CommandFailure">The address is taken, or the password too weak; the sentence says which.</exception>
    public static async Task<User> CreateAsync(IServiceProvider scope, string email, string? password, string? role, CancellationToken cancel)
    {
        var users = scope.GetRequiredService<UserManager<User>>();
        var roles = scope.GetRequiredService<RoleManager<IdentityRole>>();
        var chosen = role ?? (await users.Users.AnyAsync(cancel) ? Roles.Author : Roles.Owner);
        if (!await roles.RoleExistsAsync(chosen))
        {
            Check(await roles.CreateAsync(new IdentityRole(chosen)));
        }

        var user = new User { UserName = email, Email = email, EmailConfirmed = true, CreatedAt = scope.GetRequiredService<TimeProvider>().GetUtcNow() };
        Check(password is null ? await users.CreateAsync(user) : await users.CreateAsync(user, password));
        Check(await users.AddToRoleAsync(user, chosen));
        return user;
    }

    private static void Check(IdentityResult result)
    {
        if (!result.Succeeded)
        {
            throw new CommandFailure(string.Join(' ', result.Errors.Select(e => e.Description)));
        }
    }

    /// <summary>The first line of standard input.</summary>
    private static async Task<string> ReadPasswordAsync(CancellationToken cancel) =>
        await Console.In.ReadLineAsync(cancel) is { Length: > 0 and <= MaxPassword } line
            ? line
            : throw CommandFailure.Usage($"--password-stdin: give a password of at most {MaxPassword} characters as one line on standard input");
}
