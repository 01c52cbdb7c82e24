using Ekiben.Storage;

namespace Ekiben.Providers;

/// <summary>What a provider gets at most, from every site or from one.</summary>
internal sealed class ProviderLimit
{
    /// <summary>Messages at once, at most: more than a relay can have on its way is no limit.</summary>
    public const int MaxConnections = 1_000;

    /// <summary>Messages an hour, at most.</summary>
    public const int MaxPerHour = 10_000_000;

    public long Id { get; set; }

    /// <summary>Null = every site, each by itself, unless it has a limit of its own for the provider.</summary>
    public SiteId? SiteId { get; set; }

    /// <summary>As <see cref="ProviderNames"/> has it.</summary>
    public required string Provider { get; set; }

    /// <summary>Messages at once; null = as many as the provider takes gladly (<see cref="ProviderGate"/>).</summary>
    public int? Connections { get; set; }

    /// <summary>Messages an hour; null = any number.</summary>
    public int? PerHour { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }
}
