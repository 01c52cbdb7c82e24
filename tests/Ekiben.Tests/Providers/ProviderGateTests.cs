using CsCheck;
using Ekiben.Broadcasts;
using Ekiben.Providers;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Providers;

public sealed class ProviderGateTests : IDisposable
{
    private static readonly DeliveryOutcome Taken = new DeliveryOutcome.Accepted(new SmtpReply(250, "2.0.0", "ok"));
    private static readonly DeliveryOutcome Less = new DeliveryOutcome.Deferred(SmtpPhase.Rcpt, new SmtpReply(421, "4.7.28", "less, please."));

    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly ProviderGate _gate;
    private readonly ParkedRows _run;
    private readonly ParkedRows _other;

    public ProviderGateTests()
    {
        _gate = new ProviderGate("gmail", Now);
        (_run, _other) = (new ParkedRows(new WaitingPlace(_clock), _clock), new ParkedRows(new WaitingPlace(_clock), _clock));
    }

    private DateTimeOffset Now => _clock.GetUtcNow();

    private int Window => _gate.State(Now).Window;

    public void Dispose()
    {
        _run.Dispose();
        _other.Dispose();
    }

    [Fact]
    public void It_begins_with_five_and_grows_by_one_for_each_window_that_was_taken()
    {
        Assert.Equal(ProviderGate.FirstWindow, EnterAll().Count);
        for (var window = ProviderGate.FirstWindow; window < ProviderGate.DefaultConnections; window++)
        {
            Assert.Equal(window, Window);
            LeaveAll(Taken);
            EnterAll();
        }

        Assert.Equal(ProviderGate.DefaultConnections, _gate.State(Now).Open);
        LeaveAll(Taken);
        Assert.Equal(ProviderGate.DefaultConnections, Window);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(30)]
    public void A_limit_that_was_set_is_the_largest_window(int limit)
    {
        _gate.Set(isActive: true, limit, null);
        for (var round = 0; round < 40; round++)
        {
            EnterAll();
            LeaveAll(Taken);
        }

        Assert.Equal(limit, EnterAll().Count);
        // Lowered while they are on their way: nobody passes until fewer are.
        _gate.Set(isActive: true, 1, null);
        Assert.False(_gate.Enter(_run, Now, out _).IsOpen);
        LeaveAll(Taken);
        Assert.Single(EnterAll());
    }

    [Fact]
    public void The_window_is_halved_once_for_all_that_were_on_their_way_and_down_to_one()
    {
        EnterAll();
        var (first, second) = (_permits.Dequeue(), _permits.Dequeue());
        _gate.Leave(first, Less, Now);
        _gate.Leave(second, Less, Now);
        Assert.Equal(2, Window);
        LeaveAll(Taken);
        EnterAll();
        _gate.Leave(_permits.Dequeue(), Less, Now);
        Assert.Equal(1, Window);
        LeaveAll(Taken);
        EnterAll();
        LeaveAll(Less);
        Assert.Equal(1, Window);
    }

    [Fact]
    public void Three_deferrals_in_a_row_make_it_rest_each_time_twice_as_long_until_a_message_is_taken()
    {
        foreach (var minutes in (int[])[1, 2, 4, 8, 16, 30, 30])
        {
            Assert.Null(_gate.State(Now).RestsUntil);
            while (_gate.State(Now).RestsUntil is null)
            {
                EnterAll();
                LeaveAll(Less);
            }

            Assert.Equal(Now.AddMinutes(minutes), _gate.State(Now).RestsUntil);
            Assert.Equal(Now.AddMinutes(minutes), _gate.Enter(_run, Now, out _).Until);
            Assert.Equal("gmail rests after it said 421 4.7.28 less, please", _gate.WhyClosed(Now));
            _clock.Advance(TimeSpan.FromMinutes(minutes));
        }

        EnterAll();
        LeaveAll(Taken);
        for (var deferral = 1; deferral <= ProviderGate.ToleratedDeferrals; deferral++)
        {
            Assert.Null(_gate.State(Now).RestsUntil);
            Assert.True(_gate.Enter(_run, Now, out var permit).IsOpen);
            _gate.Leave(permit, Less, Now);
        }

        Assert.Equal(Now.AddMinutes(1), _gate.State(Now).RestsUntil);
    }

    [Fact]
    public void What_was_on_its_way_when_the_rest_began_neither_lengthens_nor_ends_it()
    {
        EnterAll();
        for (var deferral = 0; deferral < ProviderGate.ToleratedDeferrals; deferral++)
        {
            _gate.Leave(_permits.Dequeue(), Less, Now);
        }

        var until = _gate.State(Now).RestsUntil;
        Assert.Equal(Now.AddMinutes(1), until);
        _gate.Leave(_permits.Dequeue(), Less, Now);
        _gate.Leave(_permits.Dequeue(), Taken, Now);
        Assert.Equal(until, _gate.State(Now).RestsUntil);
        _clock.Advance(TimeSpan.FromMinutes(1));
        EnterAll();
        LeaveAll(Less);
        Assert.Equal(Now.AddMinutes(2), _gate.State(Now).RestsUntil);
    }

    [Fact]
    public void What_is_about_the_recipient_changes_nothing()
    {
        EnterAll();
        LeaveAll(new DeliveryOutcome.Refused(SmtpPhase.Rcpt, new SmtpReply(550, "5.1.1", "nobody")));
        EnterAll();
        LeaveAll(new DeliveryOutcome.Deferred(SmtpPhase.Rcpt, new SmtpReply(452, "4.2.2", "full")));
        Assert.Equal((ProviderGate.FirstWindow, 0), (Window, _gate.State(Now).Open));
    }

    [Fact]
    public void Never_more_than_its_limit_in_any_hour_whatever_becomes_of_the_messages() =>
        Gen.Select(Gen.Int[1, 20_000], Gen.Int[0, int.MaxValue]).Sample((perHour, seed) =>
        {
            const long hour = 3_600_000;
            var random = new Random(seed);
            var begun = Now;
            var gate = new ProviderGate("gmail", begun);
            gate.Set(isActive: true, 50, perHour);
            var (passed, open, now) = (new List<long>(), new List<(ProviderPermit Permit, long At)>(), begun);
            while ((now - begun).TotalHours < 2.2)
            {
                if (random.Next(3) > 0 && gate.Enter(_run, now, out var permit) is var answer && answer.IsOpen)
                {
                    open.Add((permit, now.ToUnixTimeMilliseconds()));
                }
                else
                {
                    now += TimeSpan.FromMilliseconds(random.Next(1, 2 + (int)(hour / perHour)));
                }

                if (open.Count > 0 && random.Next(2) == 0)
                {
                    var ended = open[0];
                    open.RemoveAt(0);
                    var isClaimed = random.Next(4) > 0;
                    gate.Leave(ended.Permit, isClaimed ? Taken : null, now);
                    if (isClaimed)
                    {
                        passed.Add(ended.At);
                    }
                }
            }

            passed.AddRange(open.Select(one => one.At));
            passed.Sort();
            // One that was not claimed gives its place to a later one of the same grant.
            var most = perHour + Throttle.GrantSize(perHour) - 1;
            return Enumerable.Range(0, Math.Max(0, passed.Count - most - 1)).All(i => passed[i + most + 1] - passed[i] >= hour);
        }, iter: 60);

    [Fact]
    public void A_server_that_starts_again_does_not_give_the_hour_a_grant_more()
    {
        _gate.Set(isActive: true, null, 60);
        Assert.Equal(Now.AddMinutes(1), _gate.Enter(_run, Now, out _).Until);
        Assert.Equal("gmail gets 60 messages an hour at most", _gate.WhyClosed(Now));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.True(_gate.Enter(_run, Now, out var permit).IsOpen);
        Assert.False(_gate.Enter(_run, Now, out _).IsOpen);
        // It was not claimed: the grant is for another.
        _gate.Leave(permit, null, Now);
        Assert.True(_gate.Enter(_run, Now, out _).IsOpen);
    }

    [Fact]
    public void Two_runs_that_wait_pass_in_turns()
    {
        _gate.Set(isActive: true, 1, null);
        Assert.True(_gate.Enter(_run, Now, out var permit).IsOpen);
        Assert.False(_gate.Look(_other, Now).IsOpen);
        Assert.False(_gate.Look(_run, Now).IsOpen);
        var (run, next) = (_run, _other);
        for (var round = 0; round < 10; round++)
        {
            _gate.Leave(permit, Taken, Now);
            Assert.Equal(Now + ProviderGate.Turn, _gate.Enter(run, Now, out _).Until);
            Assert.True(_gate.Enter(next, Now, out permit).IsOpen);
            Assert.Null(_gate.Look(next, Now).Until);
            (run, next) = (next, run);
        }
    }

    [Fact]
    public void A_run_that_does_not_come_for_its_turn_loses_it()
    {
        _gate.Set(isActive: true, 1, null);
        Assert.True(_gate.Enter(_run, Now, out var permit).IsOpen);
        Assert.False(_gate.Look(_other, Now).IsOpen);
        _gate.Leave(permit, Taken, Now);
        Assert.False(_gate.Enter(_run, Now, out _).IsOpen);
        _clock.Advance(ProviderGate.Turn);
        for (var round = 0; round < 3; round++)
        {
            Assert.True(_gate.Enter(_run, Now, out permit).IsOpen);
            _gate.Leave(permit, Taken, Now);
        }

        Assert.True(_gate.Enter(_other, Now, out _).IsOpen);
    }

    [Fact]
    public void Turned_off_it_lets_everything_pass()
    {
        EnterAll();
        for (var deferral = 0; deferral < ProviderGate.ToleratedDeferrals; deferral++)
        {
            _gate.Leave(_permits.Dequeue(), Less, Now);
        }

        _gate.Set(isActive: false, null, null);
        for (var i = 0; i < 100; i++)
        {
            Assert.True(_gate.Enter(i % 2 == 0 ? _run : _other, Now, out var permit).IsOpen);
            _permits.Enqueue(permit);
        }

        LeaveAll(Taken);
        Assert.Equal(0, _gate.State(Now).Open);
        Assert.Null(_gate.WhyClosed(Now));
    }

    private readonly Queue<ProviderPermit> _permits = new();

    private Queue<ProviderPermit> EnterAll()
    {
        while (_gate.Enter(_run, Now, out var permit).IsOpen)
        {
            _permits.Enqueue(permit);
        }

        return _permits;
    }

    private void LeaveAll(DeliveryOutcome outcome)
    {
        while (_permits.TryDequeue(out var permit))
        {
            _gate.Leave(permit, outcome, Now);
        }
    }
}
