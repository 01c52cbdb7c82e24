namespace Ekiben.Delivery;

/// <summary>
/// The relays of one site and which of them rest, shared by all its runs. A relay that fails rests for 1 s, 2 s, … 30 s, one that refuses us for
/// five minutes; then one turn tries it, and the others follow once it has answered for a message. Rows change while runs go on:
/// <see cref="Replace"/> keeps what is known of those that stay. Thread-safe.
/// </summary>
internal sealed class SiteRoutes(TimeProvider clock)
{
    private static readonly TimeSpan FirstRest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(30);

    /// <summary>Long enough that a refusal costs few connections, short enough that a mended password is soon noticed.</summary>
    public static readonly TimeSpan RefusalRest = TimeSpan.FromMinutes(5);

    private RelayRoute[] _all = [];
    private TaskCompletionSource _changed = new();
    private int _lanes = 1;

    /// <summary>Guards the routes and what runs count of them.</summary>
    public Lock Gate { get; } = new();

    /// <summary>By priority. A snapshot.</summary>
    public IReadOnlyList<RelayRoute> All => Volatile.Read(ref _all);

    /// <summary>As many lanes as the relays in use have connections for, at least one.</summary>
    public int Lanes => Volatile.Read(ref _lanes);

    /// <summary>Completes when another relay may be used, or <see cref="Lanes"/> changed. Take it before looking.</summary>
    public Task Changed
    {
        get
        {
            lock (Gate)
            {
                return _changed.Task;
            }
        }
    }

    /// <summary>What the site uses from now on.</summary>
    public void Replace(IReadOnlyList<RouteTerms> terms)
    {
        TaskCompletionSource? changed = null;
        lock (Gate)
        {
            if (_all.Select(route => route.Terms).SequenceEqual(terms.OrderBy(term => term.Priority)))
            {
                return;
            }

            var routes = terms.OrderBy(term => term.Priority).Select(term => Array.Find(_all, route => route.Pool == term.Pool) ?? new RelayRoute(term, clock.GetUtcNow())).ToArray();
            foreach (var route in _all)
            {
                route.IsGone = !routes.Contains(route);
            }

            foreach (var (route, term) in routes.Zip(terms.OrderBy(term => term.Priority)))
            {
                route.Terms = term;
            }

            Volatile.Write(ref _all, routes);
            CountLanes();
            changed = TakeChanged();
        }

        changed.SetResult();
    }

    /// <summary>No message gets through there: it rests.</summary>
    /// <param name="route">Which.</param>
    /// <param name="reason">A sentence.</param>
    /// <param name="refuses">It does not want us, which waiting will hardly mend.</param>
    /// <returns>Null while another may be used now or later; the sentence to hold with once every relay of the site refuses us, and then all are tried anew.</returns>
    public string? Failed(RelayRoute route, string reason, bool refuses)
    {
        TaskCompletionSource? changed = null;
        string? all = null;
        lock (Gate)
        {
            var now = clock.GetUtcNow();
            route.IsTried = false;
            route.Version++;
            // Many lanes hear of one failure: it counts once.
            if (!route.Rests(now) || (refuses && !route.Rest!.Refuses))
            {
                route.Rest = new RelayRest(now + (refuses ? RefusalRest : Length(route.Failures++)), reason, refuses);
                all = WhatAllSay(now);
                changed = CountLanes() ? TakeChanged() : null;
            }
        }

        changed?.SetResult();
        return all;
    }

    /// <summary>It answered for a message: whoever stands elsewhere because of it may come back.</summary>
    /// <param name="route">Which.</param>
    /// <param name="version">Of the route when the turn began.</param>
    public void Answered(RelayRoute route, int version)
    {
        if (route.Rest is null)
        {
            return;
        }

        TaskCompletionSource changed;
        lock (Gate)
        {
            if (route.Version != version)
            {
                return;
            }

            Forget(route);
            CountLanes();
            changed = TakeChanged();
        }

        changed.SetResult();
    }

    private static TimeSpan Length(int failures) => TimeSpan.FromTicks(Math.Min(FirstRest.Ticks << Math.Min(failures, 10), LongestRest.Ticks));

    /// <summary>A person decides about a hold, and mends something before: all are tried anew then.</summary>
    private string? WhatAllSay(DateTimeOffset now)
    {
        if (_all.Length == 0 || !Array.TrueForAll(_all, route => route.Rests(now) && route.Rest!.Refuses))
        {
            return null;
        }

        var sentence = _all is [var only] ? only.Rest!.Reason : "Every relay refuses us: " + string.Join("; ", _all.Select(Said)) + ".";
        Array.ForEach(_all, Forget);
        return sentence;
    }

    /// <summary>A relay and its reason, for a sentence that names several.</summary>
    public static string Said(RelayRoute route) => $"{route.Terms.Name} ({route.Rest?.Reason.TrimEnd('.')})";

    private static void Forget(RelayRoute route) => (route.Rest, route.Failures, route.IsTried) = (null, 0, false);

    /// <summary>True when the number is another than before.</summary>
    private bool CountLanes()
    {
        var well = Array.FindAll(_all, route => route.Rest is null);
        var group = RouteShares.FirstGroup(well.Length > 0 ? well : _all);
        var lanes = RouteShares.Lanes(group);
        var differs = lanes != _lanes;
        Volatile.Write(ref _lanes, lanes);
        return differs;
    }

    /// <summary>The caller holds the lock, and completes it outside: those who wait go on in its turn.</summary>
    private TaskCompletionSource TakeChanged()
    {
        var changed = _changed;
        _changed = new TaskCompletionSource();
        return changed;
    }
}
