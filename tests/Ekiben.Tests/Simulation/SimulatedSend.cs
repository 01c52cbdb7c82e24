using Ekiben.Broadcasts;

namespace Ekiben.Tests.Simulation;

/// <summary>
/// One or two broadcasts from their start to their end under one seed: the product's feed, lanes, pool, rate, composing, retry policy, failure watch and
/// ledger rules over rows in memory and one to three lying relays, with crashes between any two steps and somebody who pushes every button.
/// </summary>
#pragma warning disable CA1001 // The ledger in memory has nothing to give back.
internal sealed class SimulatedSend
#pragma warning restore CA1001
{
    /// <summary>What does not end within so many steps never will.</summary>
    private const int MostSteps = 400_000;

    private readonly Random _random;
    private readonly SimulatedTime _time = new();
    private readonly List<SimulatedBroadcast> _broadcasts = [];
    private readonly MemoryLedger _ledger;
    private readonly Letterboxes _boxes;
    private readonly IReadOnlyList<LyingRelay> _relays;
    private readonly List<(LyingRelay Relay, int Weight, int Priority)> _uses = [];
    private readonly int? _crashEvery;
    private readonly int? _actEvery;
    private string? _broken;
    private SimulatedServer _server = null!;
    private int _lives;
    private int _steps;
    private ulong _trace;

    private SimulatedSend(int seed)
    {
        _random = new Random(seed);
        int[] connections = [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => _random.Next(1, 5))];
        for (var id = 1; id <= (_random.Next(3) == 0 ? 2 : 1); id++)
        {
            var broadcast = new SimulatedBroadcast(id, _random.Next(1, 61), _random.Next(1, 30), _random.Next(3) == 0 ? UncertainPolicy.Hold : UncertainPolicy.Resend)
            {
                SendAt = _time.GetUtcNow() + TimeSpan.FromSeconds(_random.Next(2) * _random.Next(300)),
            };
            broadcast.Rates.Add((_time.NowMs, _random.Next(3) == 0 ? Rate() : null));
            _broadcasts.Add(broadcast);
        }

        _ledger = new MemoryLedger(_time, _random, _broadcasts, 2 * connections.Sum(), Broken) { IsSlow = _random.Next(2) == 0 };
        _boxes = new Letterboxes(Broken);
        _relays = [.. connections.Select(each => new LyingRelay(_ledger, _time, _random, each, _boxes, Broken))];
        Reroute(all: true);
        _crashEvery = _random.Next(3) == 0 ? null : _random.Next(100, 1200);
        _actEvery = _random.Next(4) == 0 ? null : _random.Next(15, 400);
    }

    private bool IsOver => _broadcasts.TrueForAll(broadcast => broadcast.IsOver);

    /// <summary>Runs one seed. It throws where something that must hold does not.</summary>
    /// <returns>What happened, as one number: the same for the same seed.</returns>
    public static ulong Run(int seed)
    {
        var send = new SimulatedSend(seed);
        while (!send.IsOver)
        {
            send.LiveOnce();
        }

        send.CheckTheEnd();
        return send._trace;
    }

    private void Broken(string what) => _broken ??= what;

    private void ThrowIfBroken()
    {
        if (_broken is { } what)
        {
            throw new BrokenPromise($"{what} (life {_lives}, step {_steps})");
        }
    }

    /// <summary>One process, from its start to its crash, its stop or the end of the work.</summary>
    private void LiveOnce()
    {
        _time.Forget();
        _time.Pass(TimeSpan.FromMilliseconds(_random.Next(2) * _random.Next(600_000)));
        foreach (var relay in _relays)
        {
            relay.Drop();
        }

        _lives++;
        var thread = new OneThread(_random);
        _server = new SimulatedServer(_ledger, _broadcasts, _uses, _time, _random, Broken);
        var work = thread.Start(_server.ServeAsync);
        while (!work.IsCompleted)
        {
            if (++_steps == MostSteps)
            {
                Broken("no progress: it does not end");
            }

            if (_crashEvery is { } every && _random.Next(every) == 0)
            {
                return;
            }

            Act();
            if (!thread.Step() && !_time.Next() && !Urge())
            {
                Broken("no progress: nothing can happen any more");
            }

            _trace = ((_trace ^ (ulong)_time.NowMs) * 1_099_511_628_211) + (ulong)_steps;
            if (thread.Strange is { } strange)
            {
                Broken(strange);
            }

            ThrowIfBroken();
        }

        work.GetAwaiter().GetResult();
        if (_broadcasts.Exists(broadcast => broadcast.Rows.Exists(row => row.State == RecipientState.Sending)))
        {
            Broken("a process ended of itself and left a row sending");
        }

        ThrowIfBroken();
    }

    /// <summary>Somebody with the buttons, people who leave, and a world that is not always there.</summary>
    private void Act()
    {
        var broadcast = _broadcasts[_random.Next(_broadcasts.Count)];
        if (broadcast.Status is BroadcastStatus.Paused or BroadcastStatus.Held)
        {
            if (_random.Next(20) == 0)
            {
                Command(broadcast, BroadcastStatus.Sending);
            }

            return;
        }

        if (_actEvery is not { } every || _random.Next(every) != 0)
        {
            return;
        }

        switch (_random.Next(21))
        {
            case < 4:
                WithSomebody(broadcast, row => row.IsUnreachable = true);
                break;
            case < 6:
                WithSomebody(broadcast, row => _ledger.Erase(broadcast, row));
                break;
            case 6:
                WithSomebody(broadcast, row => row.IsBroken = !row.IsBroken);
                break;
            case < 10:
                Command(broadcast, BroadcastStatus.Paused);
                break;
            case 10 when _random.Next(4) == 0:
                Command(broadcast, BroadcastStatus.Canceled);
                break;
            case < 14:
                broadcast.Rates.Add((_time.NowMs, _random.Next(3) == 0 ? null : Rate()));
                break;
            case 14 or 15:
                _ledger.BlindUntil = _time.GetUtcNow() + TimeSpan.FromSeconds(_random.Next(1, 60));
                break;
            case 16 or 17:
                _relays[_random.Next(_relays.Count)].DownUntil = _time.GetUtcNow() + TimeSpan.FromSeconds(_random.Next(1, 1800));
                break;
            case 18:
                _server.Stop();
                break;
            case 19 when _relays.Count > 1 && _random.Next(2) == 0:
                _relays[_random.Next(_relays.Count)].Refuse(TimeSpan.FromSeconds(_random.Next(1, 1800)));
                break;
            case 19:
                Reroute(all: false);
                _server.Reroute(_uses);
                break;
            case 20:
                broadcast.Rows.ForEach(row => MemoryLedger.SendAgain(broadcast, row));
                break;
        }

        _server.Wake();
    }

    /// <summary>Nothing moves any more but by a person. False when there is nothing that a person could do.</summary>
    private bool Urge()
    {
        var waiting = _broadcasts.Where(broadcast => broadcast.Status is BroadcastStatus.Paused or BroadcastStatus.Held).ToList();
        waiting.ForEach(broadcast => Command(broadcast, BroadcastStatus.Sending));
        return waiting.Count > 0;
    }

    /// <summary>Pause, resume, cancel: one write that later claims read (rule 18).</summary>
    private void Command(SimulatedBroadcast broadcast, BroadcastStatus to)
    {
        if (broadcast.Status.Allows(to) && (to == BroadcastStatus.Canceled || broadcast.IsStarted))
        {
            broadcast.Status = to;
            _server.Wake();
        }
    }

    /// <summary>Which relays the site sends by, one at least, and how much: all of them, or those that somebody leaves.</summary>
    private void Reroute(bool all)
    {
        _uses.Clear();
        var kept = _random.Next(_relays.Count);
        _uses.AddRange(_relays.Where((_, number) => all || number == kept || _random.Next(2) == 0).Select(relay => (relay, _random.Next(1, 5), _random.Next(2))));
    }

    private void WithSomebody(SimulatedBroadcast broadcast, Action<SimulatedRow> act)
    {
        if (broadcast.Rows.Count > 0)
        {
            act(broadcast.Rows[_random.Next(broadcast.Rows.Count)]);
        }
    }

    private int Rate() => _random.Next(2) == 0 ? _random.Next(2, 60) : _random.Next(1000, 9000);

    /// <summary>I1, I2, I5, I6: everybody is accounted for, and copies exist only where the ledger says that they may.</summary>
    private void CheckTheEnd()
    {
        foreach (var broadcast in _broadcasts)
        {
            if (broadcast.Status == BroadcastStatus.Sent && broadcast.Rows.Count != broadcast.People)
            {
                Broken($"I1: {broadcast.Rows.Count} rows of {broadcast.People} people");
            }

            broadcast.Rows.ForEach(row => CheckTheEnd(broadcast, row));
        }

        ThrowIfBroken();
    }

    private void CheckTheEnd(SimulatedBroadcast broadcast, SimulatedRow row)
    {
        var (copies, lies) = (_boxes.CopiesOf(row.Address), _boxes.LiesTo(row.Address));
        var isDone = row.State is not (RecipientState.Pending or RecipientState.Sending or RecipientState.Deferred);
        var isKnown = row.State is RecipientState.Accepted or RecipientState.Uncertain;
        if (!isDone || (row.State == RecipientState.Canceled && broadcast.Status != BroadcastStatus.Canceled))
        {
            Broken($"I2: row {row.Address} of a broadcast that is {broadcast.Status} is {row.State}");
        }
        else if (row.State == RecipientState.Accepted && copies == 0 && lies == 0)
        {
            Broken($"I5: row {row.Address} is accepted and nobody has it");
        }
        else if (copies > 0 && !isKnown && lies == 0)
        {
            Broken($"I6: row {row.Address} has a copy and is {row.State}");
        }
        else if (copies > lies + (broadcast.Policy == UncertainPolicy.Hold && !row.IsOrdered ? 1 : Math.Min(2, 1 + row.UncertainOutcomes)))
        {
            Broken($"I6: row {row.Address} has {copies} copies");
        }
        else if (row.Accepted > 0 && !isKnown)
        {
            Broken($"row {row.Address} was accepted and is {row.State}");
        }
        else if (row.State == RecipientState.Suppressed && !row.IsUnreachable)
        {
            Broken($"row {row.Address} is suppressed and nobody asked for it");
        }
    }
}

/// <summary>Something that must hold does not.</summary>
internal sealed class BrokenPromise(string what) : Exception(what);
