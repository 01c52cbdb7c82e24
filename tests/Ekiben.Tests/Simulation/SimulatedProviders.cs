using System.Globalization;
using Ekiben.Broadcasts;
using Ekiben.Providers;

namespace Ekiben.Tests.Simulation;

/// <summary>
/// Who runs the mailboxes behind the relay: each takes so many messages at once and says so when there are more, or for a while takes none. What is
/// set for them must hold whatever happens (the invariants I15 and I16 of docs/proof.md).
/// </summary>
internal sealed class SimulatedProviders
{
    private const int Count = 3;

    private readonly SimulatedTime _time;
    private readonly Random _random;
    private readonly int _w;
    private readonly Action<string> _broken;
    private readonly Provider[] _providers;
    private bool _isOn;

    /// <param name="time">The clock.</param>
    /// <param name="random">The seed's.</param>
    /// <param name="w">Rows on the wire, at most.</param>
    /// <param name="broken">Is told what does not hold.</param>
    public SimulatedProviders(SimulatedTime time, Random random, int w, Action<string> broken)
    {
        (_time, _random, _w, _broken) = (time, random, w, broken);
        _isOn = random.Next(2) == 0;
        var areLimited = random.Next(2) == 0;
        _providers = [.. Enumerable.Range(0, Count).Select(number => new Provider(
            Name(number),
            areLimited && random.Next(2) == 0 ? random.Next(1, 4) : null,
            areLimited && random.Next(3) == 0 ? (random.Next(2) == 0 ? random.Next(20, 200) : random.Next(3600, 12_000)) : null,
            random.Next(3) == 0 ? random.Next(1, 4) : int.MaxValue))];
    }

    private ProviderRules Rules => new(_isOn, _providers.Where(one => one.Connections is not null || one.PerHour is not null)
        .ToDictionary(one => one.Name, one => new ProviderRules.Limit(one.Connections, one.PerHour)));

    public static string Name(long number) => string.Create(CultureInfo.InvariantCulture, $"provider{number % Count}.example");

    /// <summary>The gates of a process that begins; what was on its way when the last one died is not any more.</summary>
    public SiteProviders Open()
    {
        foreach (var provider in _providers)
        {
            provider.OnTheWay = 0;
        }

        var site = new SiteProviders(domain => domain.ToString(), _time.GetUtcNow(), _time);
        site.Apply(Rules);
        return site;
    }

    /// <summary>Somebody turns the site's policy on or off. Limits stay.</summary>
    public void Turn(SiteProviders site)
    {
        _isOn = !_isOn;
        site.Apply(Rules);
    }

    public void Begin(SimulatedRow row)
    {
        var provider = Of(row);
        provider.OnTheWay++;
        provider.Begun.Add(_time.NowMs);
        if (provider.OnTheWay > provider.Connections)
        {
            _broken($"I15: {provider.OnTheWay} messages to {provider.Name} at once, {provider.Connections} are allowed");
        }

        // A grant is given at the gate, and a claim may wait for the database behind it: so many more can come late.
        if (provider.PerHour is { } perHour && perHour + Throttle.GrantSize(perHour) + _w is var most && provider.Begun.Count > most
            && _time.NowMs - provider.Begun[^(most + 1)] < 3_600_000)
        {
            _broken($"I16: more than {most} messages to {provider.Name} in an hour, {perHour} are allowed");
        }
    }

    public void End(SimulatedRow row) => Of(row).OnTheWay--;

    /// <summary>What it says when it wants less: null when it takes the message.</summary>
    public SmtpReply? Complaint(SimulatedRow row)
    {
        var provider = Of(row);
        if (_random.Next(300) == 0)
        {
            provider.BadUntil = _time.GetUtcNow() + TimeSpan.FromSeconds(_random.Next(1, 3600));
        }

        return provider.OnTheWay <= provider.Takes && provider.BadUntil <= _time.GetUtcNow() ? null
            : _random.Next(2) == 0 ? new SmtpReply(421, "4.7.28", "less") : new SmtpReply(450, "4.7.1", "less");
    }

    private Provider Of(SimulatedRow row) => _providers[row.Address % Count];

    /// <param name="name">Its only domain.</param>
    /// <param name="connections">What is set for it: messages at once.</param>
    /// <param name="perHour">What is set for it: messages an hour.</param>
    /// <param name="takes">Messages at once that it takes, which nobody knows.</param>
    private sealed class Provider(string name, int? connections, int? perHour, int takes)
    {
        public string Name => name;

        public int? Connections => connections;

        public int? PerHour => perHour;

        public int Takes => takes;

        public int OnTheWay { get; set; }

        public DateTimeOffset BadUntil { get; set; }

        /// <summary>When messages to it were begun, in milliseconds.</summary>
        public List<long> Begun { get; } = [];
    }
}
