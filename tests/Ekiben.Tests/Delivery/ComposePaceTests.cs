using Ekiben.Delivery;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Delivery;

/// <summary>What a costly message costs its own broadcast, and nobody else.</summary>
public class ComposePaceTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void Ordinary_messages_never_wait_even_where_others_have_overdrawn()
    {
        var pace = new ComposePace(_clock);
        Assert.NotEqual(TimeSpan.Zero, pace.Pay(10 * ComposePace.BytesASecond));
        Assert.Equal(TimeSpan.Zero, pace.Pay(ComposePace.FreeBytes));
    }

    [Fact]
    public void A_few_costly_messages_after_a_rest_wait_for_nobody()
    {
        var pace = new ComposePace(_clock);
        Assert.Equal(TimeSpan.Zero, pace.Pay(ComposePace.Burst / 2));
        Assert.Equal(TimeSpan.Zero, pace.Pay(ComposePace.Burst / 2));
        Assert.NotEqual(TimeSpan.Zero, pace.Pay(ComposePace.Burst / 2));
    }

    [Fact]
    public void Who_waits_as_told_creates_no_more_than_the_allowance()
    {
        var pace = new ComposePace(_clock);
        const long cost = 2_000_000;
        var start = _clock.GetTimestamp();
        long created = 0;
        while (_clock.GetElapsedTime(start) < TimeSpan.FromSeconds(10))
        {
            _clock.Advance(pace.Pay(cost));
            created += cost;
        }

        var paid = (10 * ComposePace.BytesASecond) + ComposePace.Burst;
        Assert.InRange(created, paid * 0.95, (paid + (cost * 2)) * 1.05);
    }
}
