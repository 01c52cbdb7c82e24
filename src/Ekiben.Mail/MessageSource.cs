using System.Text.Json;

namespace Ekiben.Mail;

/// <summary>How the author's content becomes HTML.</summary>
public enum MessageStyle
{
    /// <summary>Our plain style around the content (Bento's <c>plain</c>).</summary>
    Plain,
    /// <summary>The author's HTML untouched (Bento's <c>fancy</c>, <c>raw</c>, <c>html</c>).</summary>
    Html,
    /// <summary>Markdown, then the plain style.</summary>
    Markdown,
}

/// <summary>What templates see as <c>broadcast</c>.</summary>
public sealed record BroadcastFacts(string Id, string Name, DateTimeOffset CreatedAt);

/// <summary>Turns literal links into tracked ones. The site's decision, part of the manifest.</summary>
public sealed record Tracking
{
    /// <summary>Absolute http(s) address without query; a tracked link is <c>{Base}/c/{token}/{number}</c>, the pixel <c>{Base}/o/{token}</c>.</summary>
    public required Uri Base { get; init; }

    /// <summary>False leaves the pixel out.</summary>
    public bool Pixel { get; init; } = true;

    /// <summary>
    /// Signs a target that only exists after rendering (a link made by Liquid): gets the token and the target, answers URL-safe text.
    /// Such a link is <c>{Base}/c/{token}/u/{base64url(target)}/{signature}</c>. Null leaves those links untracked.
    /// Called for many messages at once: it must be thread-safe, and the same for the same input.
    /// </summary>
    public Func<string, string, string>? SignTarget { get; init; }
}

/// <summary>Everything that decides the content of a broadcast, all of it from the approved manifest.</summary>
public sealed record MessageSource
{
    /// <summary>Liquid, one line; at most 255 characters after rendering.</summary>
    public required string Subject { get; init; }
    /// <summary>Liquid; what clients show beside the subject. Null = none.</summary>
    public string? PreviewText { get; init; }
    /// <summary>Liquid in the language that <see cref="Style"/> names.</summary>
    public required string Content { get; init; }
    /// <summary>How <see cref="Content"/> becomes HTML.</summary>
    public required MessageStyle Style { get; init; }
    /// <summary>Liquid HTML with a <c>{{ content }}</c> slot; replaces the plain style. Null = none.</summary>
    public string? Layout { get; init; }
    /// <summary>The sender's bare address.</summary>
    public required string FromEmail { get; init; }
    /// <summary>The sender's name. Null = none.</summary>
    public string? FromName { get; init; }
    /// <summary><c>site.name</c>, and the phrase of List-Id.</summary>
    public required string SiteName { get; init; }
    /// <summary>32 hex characters; the first label of List-Id.</summary>
    public required string SiteId { get; init; }
    /// <summary>Liquid HTML below every message that has no unsubscribe link of its own, and below every plain or Markdown one.</summary>
    public string? FooterHtml { get; init; }
    /// <summary><c>broadcast</c> in templates.</summary>
    public required BroadcastFacts Broadcast { get; init; }
    /// <summary>The zone of dates in templates. Null = UTC.</summary>
    public TimeZoneInfo? TimeZone { get; init; }
    /// <summary>Null = links stay as written and there is no pixel.</summary>
    public Tracking? Tracking { get; init; }
    /// <summary>
    /// A mail that answers what its reader did (a receipt, a new password): no list, so nothing to unsubscribe from. It has neither list headers nor
    /// Precedence, and no footer.
    /// </summary>
    public bool IsTransactional { get; init; }
    /// <summary>Bounds the time of one rendering (<see cref="Ekiben.Liquid.TemplateLimits.Time"/>); nothing of it reaches the message. Null = steps alone bound it.</summary>
    public TimeProvider? Clock { get; init; }
}

/// <summary>The recipient's data, as frozen or as today's rows have it. A value: nothing is created for a message but what its templates read.</summary>
public readonly record struct Person
{

    /// <summary>Where the message goes.</summary>
    public required EmailAddress Address { get; init; }
    /// <summary>32 hex characters.</summary>
    public required string Uuid { get; init; }
    /// <summary>Null = unknown.</summary>
    public string? FirstName { get; init; }
    /// <summary>Null = unknown.</summary>
    public string? LastName { get; init; }
    /// <summary>Custom fields; values keep their JSON type. Null = none.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Fields { get; init; }
    /// <summary>Names of tags. Null = none.</summary>
    public IReadOnlyList<string>? Tags { get; init; }
    /// <summary>Top-level variables of a transactional mail; they win over ours. Null = none.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Personalizations { get; init; }
}

/// <summary>What makes this message this recipient's: the same on every attempt.</summary>
public readonly record struct MessageIdentity
{
    /// <summary>Without angle brackets; its domain belongs to the site.</summary>
    public required string MessageId { get; init; }
    /// <summary>The return path; not part of the message, kept beside it for the transport.</summary>
    public required string EnvelopeSender { get; init; }
    /// <summary>Of the first attempt.</summary>
    public required DateTimeOffset Date { get; init; }
    /// <summary>Absolute and escaped; https (http on loopback only), one-click (RFC 8058 §3.1), at most 900 octets.</summary>
    public required string UnsubscribeUrl { get; init; }
    /// <summary>The web version. Null = none.</summary>
    public Uri? BrowserUrl { get; init; }
    /// <summary>"now" in templates: the broadcast's start.</summary>
    public DateTimeOffset RenderClock { get; init; }
    /// <summary>Four parts separated by colons. Null = no header.</summary>
    public string? FeedbackId { get; init; }
    /// <summary>Stands in tracked links and the pixel; URL-safe; needed when the source has <see cref="Tracking"/>.</summary>
    public string? TrackingToken { get; init; }
    /// <summary>Bare addresses in Cc; null or empty = no such header.</summary>
    public IReadOnlyList<EmailAddress>? Copies { get; init; }
    /// <summary>A test goes to somebody else than the person whose message it is: this address stands in To. Null = the person.</summary>
    public EmailAddress? TestTo { get; init; }
}

/// <summary>What a person sees of a message before it is sent. Made by the path that sends.</summary>
public sealed record MessagePreview(string Subject, string Html, string Text, string? PreviewText);

/// <summary>A source that can't be compiled.</summary>
public sealed class CompileException : Exception
{
    /// <param name="field">subject, content, layout, preview_text, footer, from or site.</param>
    /// <param name="line">From 1; 0 where the fault has no place.</param>
    /// <param name="column">From 1; 0 where the fault has no place.</param>
    /// <param name="message">One sentence.</param>
    /// <param name="inner">The engine's error, if there is one.</param>
    public CompileException(string field, int line, int column, string message, Exception? inner = null) : base(message, inner) =>
        (Field, Line, Column) = (field, line, column);

    /// <summary>Which field is at fault.</summary>
    public string Field { get; }
    /// <summary>From 1, in that field.</summary>
    public int Line { get; }
    /// <summary>From 1, in that field.</summary>
    public int Column { get; }
}

/// <summary>A message that can't be made for this recipient; the row becomes <c>render_failed</c> with the message as its reason.</summary>
public sealed class RenderException(string reason, Exception? inner = null) : Exception(reason, inner);
