using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>A finished rehearsal. It counts for as long as the broadcast gives the manifest that was rehearsed.</summary>
internal sealed class RehearsalReport : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    public BroadcastId BroadcastId { get; set; }

    /// <summary>Of the manifest (<see cref="Manifest.DigestOf"/>).</summary>
    public required string Digest { get; set; }

    /// <summary>Who asked for it: an actor's name.</summary>
    public required string StartedBy { get; set; }

    public DateTimeOffset StartedAt { get; set; }

    public DateTimeOffset FinishedAt { get; set; }

    /// <summary>A <see cref="RehearsalResult"/> as JSON.</summary>
    public required string Result { get; set; }
}
