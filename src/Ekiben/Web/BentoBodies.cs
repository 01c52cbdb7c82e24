using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ekiben.Web;

// What Bento's routes take, for the description of the API and for sites that are strict: a field that is not here is unknown there. Handlers read the
// JSON itself, since clients write many of these in several ways (a list with commas, one object for a list of one). JsonElement: any value.

/// <summary>Of <c>POST /batch/broadcasts</c>.</summary>
internal sealed record BroadcastsBody(IReadOnlyList<BroadcastBody> Broadcasts);

/// <summary>One broadcast to be made; <c>segement_id</c> is a misspelling that clients copied.</summary>
internal sealed record BroadcastBody(
    string Name,
    string Subject,
    string? Content,
    string? Type,
    FromBody? From,
    JsonElement? InclusiveTags,
    JsonElement? ExclusiveTags,
    string? SegmentId,
    [property: JsonPropertyName("segement_id")] string? SegmentIdAsOnceWritten,
    int? BatchSizePerHour,
    string? SendAt,
    bool? Approved,
    string? LayoutId,
    string? PreviewText,
    string? UncertainPolicy);

/// <summary>A sender: an author of the site.</summary>
internal sealed record FromBody(string? Email, string? Name);

/// <summary>Of <c>POST /batch/subscribers</c>.</summary>
internal sealed record SubscribersBody(IReadOnlyList<SubscriberBody> Subscribers);

/// <summary>Of <c>POST /fetch/subscribers</c>.</summary>
internal sealed record OneSubscriberBody(SubscriberBody Subscriber);

/// <summary>A person: every other key is a custom field.</summary>
internal sealed record SubscriberBody(string Email, string? FirstName, string? LastName, JsonElement? Tags, JsonElement? RemoveTags, JsonElement? Fields)
{
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; init; }
}

/// <summary>Of <c>POST /fetch/commands</c>.</summary>
internal sealed record CommandsBody(IReadOnlyList<CommandBody> Command);

/// <summary>One command on one person; the query is a tag, a field with its value, or an address.</summary>
internal sealed record CommandBody(string Command, string Email, JsonElement? Query);

/// <summary>Of <c>POST /batch/events</c>.</summary>
internal sealed record EventsBody(IReadOnlyList<EventBody> Events);

/// <summary>Something that a person did.</summary>
internal sealed record EventBody(string Type, string Email, JsonElement? Fields, JsonElement? Details, string? Date);

/// <summary>Of <c>POST /batch/emails</c>; <c>transactional</c> here is for all.</summary>
internal sealed record EmailsBody(IReadOnlyList<EmailBody> Emails, bool? Transactional);

/// <summary>One mail to one person; <c>from</c> is an author of the site, personalizations are variables of its Liquid.</summary>
internal sealed record EmailBody(
    JsonElement To, JsonElement? From, string Subject, string? HtmlBody, string? TextBody, bool? Transactional, JsonElement? Personalizations, JsonElement? Cc, JsonElement? Bcc);

/// <summary>Of <c>POST /fetch/sequences/{id}/emails/templates</c>.</summary>
internal sealed record StepBody(StepFields EmailTemplate);

/// <summary>A step of a sequence; <c>to</c> is taken and left alone, since a step goes to whoever is enrolled.</summary>
internal sealed record StepFields(
    string Subject, string Html, string? InboxSnippet, string? DelayInterval, int? DelayIntervalCount, string? EditorChoice, JsonElement? Cc, JsonElement? Bcc, JsonElement? To);

/// <summary>Of the routes that make or delete a tag.</summary>
internal sealed record TagBody(NameBody Tag);

internal sealed record NameBody(string Name);

/// <summary>Of <c>POST /fetch/fields</c>.</summary>
internal sealed record FieldBody(KeyBody Field);

internal sealed record KeyBody(string Key);

/// <summary>Of <c>/fetch/segments/{id}/match</c>: one person, also inside <c>subscriber</c>.</summary>
internal sealed record MatchBody(string? Email, string? Uuid, PersonBody? Subscriber);

internal sealed record PersonBody(string? Email, string? Uuid);

/// <summary>Of <c>PATCH /fetch/emails/templates/{id}</c>.</summary>
internal sealed record TemplateBody(TemplateChanges EmailTemplate);

internal sealed record TemplateChanges(string? Subject, string? Html);

/// <summary>Of <c>POST /data_deletion_requests</c>, as JSON or as a form.</summary>
internal sealed record DeletionBody(DeletionOf DataDeletionRequest);

internal sealed record DeletionOf(string Email);

/// <summary>Of <c>POST /fetch/search</c>: every other key is a custom field that must be equal.</summary>
internal sealed record SearchBody(
    int? Page, string? Email, JsonElement? Tags, JsonElement? TagNames, JsonElement? TagIds,
    TimesBody? CreatedAt, TimesBody? UpdatedAt, TimesBody? LastEventAt, TimesBody? UnsubscribedAt, JsonElement? Fields)
{
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; init; }
}

/// <summary>Limits of a time.</summary>
internal sealed record TimesBody(string? Gt, string? Gte, string? Lt, string? Lte);

/// <summary>Of <c>POST /experimental/validation</c>.</summary>
internal sealed record ValidationBody(string Email, string? Name, string? UserAgent, string? Ip);

/// <summary>Of <c>POST /experimental/jesses_ruleset</c>.</summary>
internal sealed record RulesetBody(string Email, bool? BlockFreeProviders, bool? Wiggleroom, string? Name, string? UserAgent, string? Ip);

/// <summary>Of <c>POST /experimental/content_moderation</c>.</summary>
internal sealed record ContentBody(string Content);

/// <summary>Of <c>POST /experimental/gender</c>.</summary>
internal sealed record GenderBody(string Name);

/// <summary>Of <c>POST /experimental/blacklist</c>; one of the three.</summary>
internal sealed record BlacklistBody(string? Domain, string? Ip, string? IpAddress);
