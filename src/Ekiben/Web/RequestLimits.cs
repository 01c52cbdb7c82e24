namespace Ekiben.Web;

/// <summary>How much one request may bring.</summary>
internal static class RequestLimits
{
    /// <summary>Of a whole request: 100 broadcasts of ordinary size fit many times over.</summary>
    public const int MaxBodyBytes = 16 << 20;

    /// <summary>What a larger body may have and still be answered 413 in good order; beyond it the connection is cut.</summary>
    public const int MaxDroppedBytes = 64 << 20;

    /// <summary>Of one broadcast's content or one layout; Gmail clips a message at a tenth of it.</summary>
    public const int MaxContentBytes = 1 << 20;

    public const int MaxBroadcasts = 100;

    public const int MaxSubscribers = 1000;

    public const int MaxEvents = 1000;

    /// <summary>Documents say 60, clients split at 100.</summary>
    public const int MaxEmails = 100;

    public const int MaxCommands = 100;

    /// <summary>JSON nesting.</summary>
    public const int MaxDepth = 32;
}
