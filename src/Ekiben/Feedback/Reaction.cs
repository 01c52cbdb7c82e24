using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Feedback;

/// <summary>Something that a recipient did with a message. The ledger is never changed by it: accepted stays accepted.</summary>
internal sealed class Reaction : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    public BroadcastId BroadcastId { get; set; }

    public SubscriberId SubscriberId { get; set; }

    public ReactionKind Kind { get; set; }

    /// <summary>The target of a click; null for an open.</summary>
    public string? Url { get; set; }

    /// <summary>How they unsubscribed; null for opens and clicks, and for what was recorded before ways were told apart.</summary>
    public UnsubscribeWay? Way { get; set; }

    public DateTimeOffset At { get; set; }
}

internal enum ReactionKind
{
    /// <summary>The pixel was fetched, by the person or by a machine on the way.</summary>
    Open,

    /// <summary>A link was followed, likewise.</summary>
    Click,

    /// <summary>They unsubscribed by the link of this message.</summary>
    Unsubscribe,
}

/// <summary>How a person used the link to unsubscribe.</summary>
internal enum UnsubscribeWay
{
    /// <summary>Their mail program's button (RFC 8058).</summary>
    OneClick,

    /// <summary>The button of the page behind the link.</summary>
    Page,
}
