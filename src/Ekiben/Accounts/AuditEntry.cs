using Ekiben.Storage;

namespace Ekiben.Accounts;

/// <summary>Who did what, when: approvals, stops, rates, keys, log-ins. Never changed, never deleted.</summary>
internal sealed class AuditEntry
{
    public long Id { get; set; }

    public SiteId? SiteId { get; set; }

    /// <summary><c>user:EMAIL</c>, <c>key:NAME</c>, <c>cli</c> or <c>engine</c>.</summary>
    public required string Actor { get; set; }

    /// <summary>A noun and what happened to it: <c>approval.given</c>, <c>broadcast.paused</c>.</summary>
    public required string Action { get; set; }

    /// <summary>What it happened to: <c>broadcast:42</c>.</summary>
    public required string Subject { get; set; }

    public string? Detail { get; set; }

    public DateTimeOffset At { get; set; }
}
