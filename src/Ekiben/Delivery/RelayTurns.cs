namespace Ekiben.Delivery;

/// <summary>
/// Which relay a lane of one run goes to next. A turn is some messages over one connection. Turns go round among the relays of the lowest priority that
/// can be reached, by weight (smooth weighted round robin: 3 to 1 is A A B A), and no relay has more connections at once than its share. Nothing
/// is left to chance: the same turns give the same order. Thread-safe.
/// </summary>
internal sealed class RelayTurns(SiteRoutes routes, TimeProvider clock)
{
    /// <summary>When somebody tries the last relay that is left: how soon another looks what came of it.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private readonly Dictionary<RelayRoute, Share> _shares = [];

    /// <summary>As many as the relays in use have connections for.</summary>
    public int Lanes => routes.Lanes;

    /// <summary>Another relay may be used. Take it before <see cref="Next"/>.</summary>
    public Task Changed => routes.Changed;

    /// <summary>Whether a lane can go elsewhere when a relay fails.</summary>
    public bool HasOthers => routes.All.Count > 1;

    /// <summary>Begins a turn, to be given back with <see cref="End"/>; null when every relay rests, or there is none any more.</summary>
    public RelayTurn? Next()
    {
        lock (routes.Gate)
        {
            if (Choose(null) is not { } chosen)
            {
                return null;
            }

            Take(chosen);
            ShareOf(chosen.Route).Held++;
            chosen.Route.IsTried = chosen.Route.Rest is not null;
            return new RelayTurn(chosen.Route, chosen.Route.Version);
        }
    }

    /// <summary>Why <see cref="Next"/> gave none, naming each relay, and when to ask again; null when the site has none.</summary>
    public (string Reason, DateTimeOffset Until)? Rest()
    {
        lock (routes.Gate)
        {
            if (routes.All is not { Count: > 0 } all)
            {
                return null;
            }

            var now = clock.GetUtcNow();
            var resting = all.Where(route => route.Rests(now)).ToList();
            return ("No relay takes messages: " + string.Join("; ", all.Where(route => route.Rest is not null).Select(SiteRoutes.Said)),
                resting.Count == 0 ? now + LookAgain : resting.Min(route => route.Rest!.Until));
        }
    }

    /// <summary>Whether a turn that is over is followed by another at the same relay; if not, the lane ends it and asks for the next.</summary>
    public bool GoesOn(RelayTurn turn)
    {
        lock (routes.Gate)
        {
            // Somebody else could not reach it, and this lane's connection works.
            if (!turn.Route.IsGone && turn.Route.Rest is not null)
            {
                return true;
            }

            if (Choose(turn.Route) is not { } chosen || chosen.Route != turn.Route)
            {
                return false;
            }

            Take(chosen);
            return true;
        }
    }

    /// <summary>The lane's connection is somebody else's now.</summary>
    public void End(RelayTurn turn)
    {
        lock (routes.Gate)
        {
            ShareOf(turn.Route).Held--;
            if (turn.Route.Version == turn.Version)
            {
                // It was tried and nothing was learned: the next may.
                turn.Route.IsTried = false;
            }
        }
    }

    /// <inheritdoc cref="SiteRoutes.Failed"/>
    public string? Failed(RelayRoute route, string reason, bool refuses) => routes.Failed(route, reason, refuses);

    /// <summary>The relay answered for a message of this turn.</summary>
    public void Answered(RelayTurn turn) => routes.Answered(turn.Route, turn.Version);

    /// <param name="at">Where the asking lane has a connection already, which it would leave; null = nowhere.</param>
    private Choice? Choose(RelayRoute? at)
    {
        var all = routes.All;
        if (all.Count <= 1)
        {
            // The only one is always tried: its lanes wait for themselves.
            return all.Count == 0 ? null : new Choice(all[0], [all[0]]);
        }

        var now = clock.GetUtcNow();
        var may = all.Where(route => route.MayBegin(now)).ToArray();
        if (may.Length == 0)
        {
            return null;
        }

        var group = RouteShares.FirstGroup(may);
        var well = Array.FindAll(group, route => route.Rest is null);
        var free = Array.FindAll(group, route => route.Rest is not null || ShareOf(route).Held - (route == at ? 1 : 0) < RouteShares.Of(route, well));
        var among = free.Length > 0 ? free : group;
        return new Choice(among.MaxBy(route => ShareOf(route).Credit + route.Terms.Weight)!, among);
    }

    /// <summary>The one chosen pays what all of them got.</summary>
    private void Take(Choice choice)
    {
        foreach (var route in choice.Among)
        {
            ShareOf(route).Credit += route.Terms.Weight;
            ShareOf(choice.Route).Credit -= route.Terms.Weight;
        }
    }

    private Share ShareOf(RelayRoute route)
    {
        if (!_shares.TryGetValue(route, out var share))
        {
            _shares.Add(route, share = new Share());
        }

        return share;
    }

    private sealed record Choice(RelayRoute Route, RelayRoute[] Among);

    private sealed class Share
    {
        public int Held { get; set; }

        public int Credit { get; set; }
    }
}

/// <summary>Some messages over one connection of a relay.</summary>
/// <param name="Route">Which.</param>
/// <param name="Version">Of the route when the turn began.</param>
internal sealed record RelayTurn(RelayRoute Route, int Version);
