namespace Ekiben.Delivery;

/// <summary>
/// How many connections of each relay a run uses, so that they stand to each other as the weights do: pure arithmetic. The relay whose connections are
/// the fewest for its weight uses all of its own, and the others as many as fit to that.
/// </summary>
internal static class RouteShares
{
    /// <summary>Those of the lowest priority; the routes are in that order.</summary>
    public static RelayRoute[] FirstGroup(RelayRoute[] routes) => Array.FindAll(routes, route => route.Terms.Priority == routes[0].Terms.Priority);

    /// <summary>Lanes for a group: the sum of the shares, without their rounding. At least one.</summary>
    public static int Lanes(RelayRoute[] group)
    {
        if (Scarcest(group) is not { } scarcest)
        {
            return 1;
        }

        long weights = group.Sum(route => route.Terms.Weight);
        return (int)Math.Max(1, scarcest.Pool.Relay.Connections * weights / scarcest.Terms.Weight);
    }

    /// <summary>Connections of <paramref name="route"/> that a run uses beside the others of its group: rounded up, so that each has one.</summary>
    public static int Of(RelayRoute route, RelayRoute[] group)
    {
        var own = route.Pool.Relay.Connections;
        if (Scarcest(group) is not { } scarcest)
        {
            return own;
        }

        var weight = scarcest.Terms.Weight;
        return Math.Min(own, ((scarcest.Pool.Relay.Connections * route.Terms.Weight) + weight - 1) / weight);
    }

    private static RelayRoute? Scarcest(RelayRoute[] group) => group.MinBy(route => (double)route.Pool.Relay.Connections / route.Terms.Weight);
}
