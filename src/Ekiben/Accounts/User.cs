using Microsoft.AspNetCore.Identity;

namespace Ekiben.Accounts;

/// <summary>A person who logs in to the platform.</summary>
internal sealed class User : IdentityUser
{
    /// <summary>For people; empty for accounts that the command line made.</summary>
    public string Name { get; set; } = "";

    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>What a person may do, from most to least.</summary>
internal static class Roles
{
    public const string Owner = "owner";
    public const string Approver = "approver";
    public const string Author = "author";
    public const string Viewer = "viewer";

    public static readonly IReadOnlyList<string> All = [Owner, Approver, Author, Viewer];
}
