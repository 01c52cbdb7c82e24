using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>Who changed a broadcast's rate, when, from what to what (ledger.md rule 5).</summary>
internal sealed class RateChange : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    public BroadcastId BroadcastId { get; set; }

    public required string Actor { get; set; }

    public DateTimeOffset At { get; set; }

    public int? FromPerHour { get; set; }

    public int? ToPerHour { get; set; }
}
