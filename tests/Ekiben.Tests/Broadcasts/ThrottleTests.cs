using CsCheck;
using Ekiben.Broadcasts;

namespace Ekiben.Tests.Broadcasts;

public class ThrottleTests
{
    private const long HourMs = 3_600_000;

    [Fact]
    public void Never_more_than_N_in_any_hour_whatever_the_rate_and_whenever_it_is_asked() =>
        Gen.Select(Gen.Int[10, 250_000], Gen.Int[0, int.MaxValue]).Sample((perHour, seed) =>
        {
            var taken = Drive(perHour, seed, hours: 2.2);
            return BusiestHour(taken) <= perHour;
        }, iter: 60);

    [Theory]
    [InlineData(10)]
    [InlineData(1500)]
    [InlineData(3600)]
    [InlineData(7300)]
    [InlineData(250_000)]
    public void A_steady_sender_gets_nearly_all_of_its_rate(int perHour)
    {
        var taken = Drive(perHour, seed: null, hours: 3);
        var secondHour = taken.Count(at => at is >= HourMs and < 2 * HourMs);
        Assert.InRange(secondHour, perHour * 0.98, perHour);
    }

    [Fact]
    public void Nothing_is_saved_up_while_idle()
    {
        var state = Throttle.Take(7200, null, 0).State;
        var afterADay = Throttle.Take(7200, state, 24 * HourMs);
        Assert.Null(afterADay.WaitUntilMs);
        var second = Throttle.Take(7200, afterADay.State, 24 * HourMs);
        Assert.Null(second.WaitUntilMs);
        var third = Throttle.Take(7200, second.State, 24 * HourMs);
        Assert.NotNull(third.WaitUntilMs);
    }

    [Fact]
    public void A_lower_rate_counts_from_the_last_grant()
    {
        var fast = Throttle.Take(3600, null, 0).State;
        Assert.Equal(360_000, Throttle.Take(10, fast, 1_000).WaitUntilMs);
    }

    [Fact]
    public void Across_changes_of_the_rate_no_hour_has_more_than_the_larger_and_less_than_a_grant() =>
        Gen.Select(Gen.Int[10, 20_000], Gen.Int[10, 20_000], Gen.Int[0, int.MaxValue]).Sample((one, other, seed) =>
        {
            var random = new Random(seed);
            var larger = Math.Max(one, other);
            var taken = new List<long>();
            ThrottleState? state = null;
            var rate = one;
            for (long now = 0; now < HourMs * 2.2;)
            {
                rate = random.Next(0, 50) == 1 ? (rate == one ? other : one) : rate;
                var answer = Throttle.Take(rate, state, now);
                state = answer.State;
                if (answer.WaitUntilMs is null)
                {
                    taken.Add(now);
                }
                else
                {
                    now = random.Next(0, 5) == 1 ? now + random.Next(1, 60_000) : answer.WaitUntilMs.Value;
                }
            }

            return BusiestHour(taken) < larger + Throttle.GrantSize(larger);
        }, iter: 60);

    [Fact]
    public void A_clock_that_is_set_forward_and_back_gives_no_hour_more_than_the_rate_and_less_than_a_grant() =>
        Gen.Select(Gen.Int[10, 20_000], Gen.Int[0, int.MaxValue]).Sample((perHour, seed) =>
        {
            var random = new Random(seed);
            var taken = new List<long>();
            ThrottleState? state = null;
            var now = 100 * HourMs;
            for (var step = 0; step < 20_000 && taken.Count < 3 * perHour; step++)
            {
                now += random.Next(0, 400) switch
                {
                    0 => HourMs,
                    1 => -HourMs,
                    2 => -24 * HourMs,
                    3 => 24 * HourMs,
                    _ => 0,
                };
                var answer = Throttle.Take(perHour, state, now);
                state = answer.State;
                if (answer.WaitUntilMs is null)
                {
                    taken.Add(now);
                }
                else
                {
                    now = random.Next(0, 3) == 1 ? now + random.Next(1, 60_000) : answer.WaitUntilMs.Value;
                }
            }

            taken.Sort();
            return BusiestHour(taken) < perHour + Throttle.GrantSize(perHour);
        }, iter: 60);

    [Theory]
    [InlineData(1, 1500, 0)]
    [InlineData(1501, 1500, 60)]
    public void The_forecast_counts_the_gaps_between_grants(long people, int perHour, int minutes) =>
        Assert.Equal(minutes, Throttle.Duration(people, perHour).TotalMinutes, 0.1);

    /// <summary>Asks again and again, at random moments or as soon as it may, and gives the times at which it was let go.</summary>
    private static List<long> Drive(int perHour, int? seed, double hours)
    {
        var random = seed is { } some ? new Random(some) : null;
        var taken = new List<long>();
        ThrottleState? state = null;
        for (long now = 0; now < HourMs * hours;)
        {
            var answer = Throttle.Take(perHour, state, now);
            state = answer.State;
            if (answer.WaitUntilMs is null)
            {
                taken.Add(now);
                now += random?.Next(0, 4) == 1 ? random.Next(0, 2000) : 0;
            }
            else
            {
                now = random?.Next(0, 5) == 1 ? now + random.Next(1, 60_000) : answer.WaitUntilMs.Value;
            }
        }

        return taken;
    }

    private static int BusiestHour(List<long> taken)
    {
        var (busiest, first) = (0, 0);
        for (var last = 0; last < taken.Count; last++)
        {
            while (taken[last] - taken[first] >= HourMs)
            {
                first++;
            }

            busiest = Math.Max(busiest, last - first + 1);
        }

        return busiest;
    }
}
