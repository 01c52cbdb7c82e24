namespace Ekiben.Accounts;

/// <summary>A link that logs a person in once: printed by <c>demo</c> and by the first start.</summary>
internal sealed class LoginLink
{
    public long Id { get; set; }

    public required byte[] TokenHash { get; set; }

    public required string UserId { get; set; }

    public DateTimeOffset ExpiresAt { get; set; }

    public DateTimeOffset? UsedAt { get; set; }
}
