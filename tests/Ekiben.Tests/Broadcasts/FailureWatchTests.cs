using Ekiben.Broadcasts;

namespace Ekiben.Tests.Broadcasts;

public class FailureWatchTests
{
    private static readonly DeliveryOutcome Accepted = new DeliveryOutcome.Accepted(new SmtpReply(250, "2.0.0", ""));
    private static readonly DeliveryOutcome NoSuchUser = new DeliveryOutcome.Refused(SmtpPhase.Rcpt, new SmtpReply(550, "5.1.1", "no such user"));
    private static readonly DeliveryOutcome Policy = new DeliveryOutcome.Refused(SmtpPhase.Dot, new SmtpReply(554, "5.7.1", "blocked"));

    [Fact]
    public void A_fifth_of_refusals_is_borne_and_more_is_not()
    {
        var watch = new FailureWatch();
        for (var i = 0; i < 200; i++)
        {
            Assert.Null(watch.Attempted(i % 5 == 4 ? NoSuchUser : Accepted));
        }

        Assert.False(watch.RefusalsAreSuspect);
        Assert.NotNull(watch.Attempted(NoSuchUser));
        Assert.True(watch.RefusalsAreSuspect);
    }

    [Fact]
    public void A_few_refusals_at_the_beginning_say_nothing()
    {
        var watch = new FailureWatch();
        for (var i = 0; i < 49; i++)
        {
            Assert.Null(watch.Attempted(NoSuchUser));
        }

        Assert.NotNull(watch.Attempted(NoSuchUser));
    }

    [Fact]
    public void Refusals_about_the_sender_stop_it_at_a_twentieth()
    {
        var watch = new FailureWatch();
        string? stopped = null;
        for (var i = 0; i < 200 && stopped is null; i++)
        {
            stopped = watch.Attempted(i % 19 == 0 ? Policy : Accepted);
        }

        Assert.Contains("about the sender", stopped, StringComparison.Ordinal);
    }

    [Fact]
    public void Ten_messages_that_cannot_be_made_in_a_row_stop_it_and_ten_in_a_thousand_do_not()
    {
        var first = new FailureWatch();
        for (var i = 0; i < 9; i++)
        {
            Assert.Null(first.RenderFailed("too long"));
        }

        Assert.Contains("too long", first.RenderFailed("too long"), StringComparison.Ordinal);

        var later = new FailureWatch();
        for (var i = 0; i < 2000; i++)
        {
            later.Composed();
        }

        for (var i = 0; i < 15; i++)
        {
            Assert.Null(later.RenderFailed("too long"));
        }
    }
}
