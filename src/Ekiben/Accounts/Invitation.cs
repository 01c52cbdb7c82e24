namespace Ekiben.Accounts;

/// <summary>A link with which somebody makes their own account, once. The first start prints one for the owner.</summary>
internal sealed class Invitation
{
    public long Id { get; set; }

    /// <summary>SHA-256 of the token, which is random: who reads the database cannot use it.</summary>
    public required byte[] TokenHash { get; set; }

    /// <summary>Whose account it makes; null for the first owner, who types it.</summary>
    public string? Email { get; set; }

    public required string Role { get; set; }

    /// <summary><c>user:EMAIL</c>, or <c>cli</c> for the first owner's.</summary>
    public required string CreatedBy { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>Set when it was used or taken back.</summary>
    public DateTimeOffset? UsedAt { get; set; }
}
