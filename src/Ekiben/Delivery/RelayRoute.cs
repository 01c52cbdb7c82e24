namespace Ekiben.Delivery;

/// <summary>A relay as one site uses it, and how it fares. What is written here is guarded by the lock of its <see cref="SiteRoutes"/>.</summary>
/// <param name="terms">Whose pool, and how much of it.</param>
/// <param name="since">When this server began to use it.</param>
internal sealed class RelayRoute(RouteTerms terms, DateTimeOffset since)
{
    private RelayRest? _rest;
    private long _taken;

    public RelayPool Pool { get; } = terms.Pool;

    public DateTimeOffset Since => since;

    public RouteTerms Terms { get; set; } = terms;

    /// <summary>Why nobody gets a new turn at it, as long as it lasts; null once it has answered for a message. Read without the lock too.</summary>
    public RelayRest? Rest
    {
        get => Volatile.Read(ref _rest);
        set => Volatile.Write(ref _rest, value);
    }

    /// <summary>How often it failed since it last answered.</summary>
    public int Failures { get; set; }

    /// <summary>How often it ever failed: an answer to a turn that began before the last failure says nothing new.</summary>
    public int Version { get; set; }

    /// <summary>Its rest is over and somebody tries it: the others wait for what comes of that.</summary>
    public bool IsTried { get; set; }

    /// <summary>The site does not send by it any more: what is on the wire is finished, and nothing follows.</summary>
    public bool IsGone { get; set; }

    /// <summary>Messages that it took since <see cref="Since"/>.</summary>
    public long Taken => Interlocked.Read(ref _taken);

    public void Took() => Interlocked.Increment(ref _taken);

    public bool Rests(DateTimeOffset now) => Rest is { } rest && rest.Until > now;

    /// <summary>Whether a turn may begin: it is well, or its rest is over and nobody tries it yet.</summary>
    public bool MayBegin(DateTimeOffset now) => Rest is null || (!IsTried && !Rests(now));
}

/// <summary>How a site uses a relay.</summary>
/// <param name="RelayId">The stored relay; null = the server's own, or the mailbox.</param>
/// <param name="Name">As people call it.</param>
/// <param name="Pool">Its connections.</param>
/// <param name="Weight">Its share among those of its priority.</param>
/// <param name="Priority">The lowest goes first.</param>
internal sealed record RouteTerms(long? RelayId, string Name, RelayPool Pool, int Weight = 1, int Priority = 0);

/// <summary>A relay is left alone for a while.</summary>
/// <param name="Until">When it is tried again.</param>
/// <param name="Reason">What it said, or what happened; a sentence.</param>
/// <param name="Refuses">5yz at the greeting, EHLO, AUTH or MAIL: waiting alone will hardly help (ledger.md rule 24).</param>
internal sealed record RelayRest(DateTimeOffset Until, string Reason, bool Refuses);
