using System.Globalization;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Storage;

namespace Ekiben.Tests.Simulation;

/// <summary>
/// A relay that answers whatever it likes, late, or not at all; sometimes keeps a message whose reply is lost, and in some seeds says what is not
/// true. What it keeps is the truth about who got what (<see cref="Letterboxes"/>). It outlives the processes that speak to it.
/// </summary>
internal sealed partial class LyingRelay : IRelay
{
    private readonly MemoryLedger _ledger;
    private readonly SimulatedTime _time;
    private readonly Random _random;
    private readonly Letterboxes _boxes;
    private readonly Action<string> _broken;
    private readonly SimulatedProviders _providers;
    private readonly List<Connection> _open = [];

    /// <summary>0 takes most messages, 3 hardly any.</summary>
    private readonly int _mood;

    /// <summary>One answer in so many is a lie; 0 = it never lies.</summary>
    private readonly int _liesEvery;

    /// <summary>It closes a connection after so many messages; null = never.</summary>
    private readonly int? _closesAfter;

    private readonly bool _isSlow;

    /// <summary>It takes log-ins again from then on.</summary>
    private DateTimeOffset _refusesUntil;

    public LyingRelay(MemoryLedger ledger, SimulatedTime time, Random random, int connections, Letterboxes boxes, SimulatedProviders providers, Action<string> broken)
    {
        (_ledger, _time, _random, _boxes, _providers, _broken, Connections) = (ledger, time, random, boxes, providers, broken, connections);
        _mood = random.Next(4);
        _liesEvery = random.Next(5) == 0 ? random.Next(5, 40) : 0;
        _closesAfter = random.Next(3) == 0 ? random.Next(1, 8) : null;
        _isSlow = random.Next(2) == 0;
    }

    public int Connections { get; }

    public string Name => "the lying relay";

    /// <summary>Until then nobody reaches it, and whoever has a connection loses it.</summary>
    public DateTimeOffset DownUntil { get; set; }

    private bool IsDown => _time.GetUtcNow() < DownUntil;

    /// <summary>Somebody changed the password.</summary>
    public void Refuse(TimeSpan time) => _refusesUntil = _time.GetUtcNow() + time;

    /// <summary>The process that spoke to it died. It may still have got what was on its way.</summary>
    public void Drop()
    {
        foreach (var row in _open.SelectMany(connection => connection.OnTheirWay).ToList())
        {
            if (_random.Next(2) == 0)
            {
                _boxes.Keep(row);
            }
        }

        _open.Clear();
    }

    public async ValueTask<IRelayConnection> ConnectAsync(CancellationToken cancel)
    {
        await TripAsync(cancel);
        if (IsDown)
        {
            throw new RelayUnavailableException("it is down", isPermanent: false);
        }

        if (_time.GetUtcNow() < _refusesUntil)
        {
            throw new RelayUnavailableException("it does not know us any more", isPermanent: true);
        }

        switch (_random.Next(100))
        {
            case < 4:
                throw new RelayUnavailableException("it is away", isPermanent: false);
            case 4 when _random.Next(4) == 0:
                throw new RelayUnavailableException("it does not want us", isPermanent: true);
        }

        var connection = new Connection(this, _random.Next(1, 3));
        _open.Add(connection);
        if (_open.Count > Connections)
        {
            _broken($"{_open.Count} connections are open, {Connections} are allowed");
        }

        return connection;
    }

    private bool Happens(int oneIn) => _random.Next(oneIn * (1 + (4 * (3 - _mood)))) == 0;

    private bool Lies() => _liesEvery > 0 && _random.Next(_liesEvery) == 0;

    /// <summary>A journey there and back.</summary>
    private async ValueTask TripAsync(CancellationToken abort)
    {
        await Task.Yield();
        if (_isSlow && _random.Next(3) == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(1, 2000)), _time, abort);
        }

        abort.ThrowIfCancellationRequested();
    }

    private SimulatedRow RowOf(string recipient) =>
        _ledger.Find(new AddressId(long.Parse(recipient.AsSpan(1, recipient.IndexOf('@', StringComparison.Ordinal) - 1), CultureInfo.InvariantCulture)));

    /// <summary>I4 and rule 12: on disk before it is on the wire, and once for each claim.</summary>
    private void CheckBegin(SimulatedRow row)
    {
        if (row.State != RecipientState.Sending)
        {
            _broken($"I4: row {row.Address} is on the wire and {row.State}");
        }

        if (row.Begun == row.Claims)
        {
            _broken($"row {row.Address} is on the wire twice for one claim");
        }

        row.Begun = row.Claims;
    }
}
