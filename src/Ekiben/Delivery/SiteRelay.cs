using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Delivery;

/// <summary>That a site sends by a relay (<see cref="StoredRelay"/>), and how much. A live site without any sends by the server's own.</summary>
internal sealed class SiteRelay : ISiteOwned
{
    public const int MaxWeight = 100;

    public const int MaxPriority = 9;

    /// <summary>Each is asked when a message looks for a connection, and a person has to survey them.</summary>
    public const int MaxPerSite = 10;

    public SiteId SiteId { get; set; }

    public long RelayId { get; set; }

    /// <summary>Its share among the relays of the same priority, 1 to <see cref="MaxWeight"/>.</summary>
    public int Weight { get; set; } = 1;

    /// <summary>0 to <see cref="MaxPriority"/>: the lowest number that can be reached is used, the others stand by.</summary>
    public int Priority { get; set; }

    /// <summary>One sentence, or null when both are good.</summary>
    public static string? Fault(int weight, int priority) => weight is < 1 or > MaxWeight
        ? $"A weight is a number from 1 to {MaxWeight}."
        : priority is < 0 or > MaxPriority ? $"A priority is a number from 0, which goes first, to {MaxPriority}." : null;
}
