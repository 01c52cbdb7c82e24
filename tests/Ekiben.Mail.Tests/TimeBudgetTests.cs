namespace Ekiben.Mail.Tests;

public sealed class TimeBudgetTests
{
    private static readonly MessageSource Long = Sample.Source with { Content = "{% for i in (1..2000) %}.{% endfor %}" };

    [Fact]
    public void A_message_that_takes_longer_than_its_time_is_not_made()
    {
        var error = Assert.Throws<RenderException>(() => Sample.Compose(Long with { Clock = new LeapingClock() }));
        Assert.Contains("can't be rendered", error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(Sample.Compose(Long));
    }

    /// <summary>A second goes by between two looks.</summary>
    private sealed class LeapingClock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => ++_now;
    }
}
