using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Events;

/// <summary>Something that a person did elsewhere, as the site's own programs tell it.</summary>
internal sealed class Event : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    public SubscriberId SubscriberId { get; set; }

    /// <summary>Any word; those with <c>$</c> that <see cref="EventTypes"/> names also change the person.</summary>
    public required string Type { get; set; }

    /// <summary>JSON object of what was written into the person's fields.</summary>
    public string Fields { get; set; } = "{}";

    /// <summary>JSON object that stays with the event.</summary>
    public string Details { get; set; } = "{}";

    /// <summary>When it happened, as told; else when it was told.</summary>
    public DateTimeOffset At { get; set; }

    /// <summary>Of a purchase: a second one with the same key is not stored. At most 255 characters; unique in the site and type, null counts for nothing.</summary>
    public string? UniqueKey { get; set; }

    /// <summary>Of a purchase: the smallest unit of <see cref="Currency"/> (cents).</summary>
    public long? Amount { get; set; }

    /// <summary>Three capitals, ISO 4217.</summary>
    public string? Currency { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>The types that act on the person, beside being kept.</summary>
internal static class EventTypes
{
    public const string Subscribe = "$subscribe";
    public const string Unsubscribe = "$unsubscribe";
    public const string Tag = "$tag";
    public const string RemoveTag = "$remove_tag";
    public const string Purchase = "$purchase";

    /// <summary>What a filled form leaves.</summary>
    public const string Response = "$surveyFormCompleted";
}
