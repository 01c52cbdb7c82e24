using Ekiben.Delivery;

namespace Ekiben.Tests.Delivery;

public class RetryPolicyTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("550", "5.1.1", RetryStep.Refuse, true)]
    [InlineData("550", "5.1.2", RetryStep.Refuse, true)]
    [InlineData("550", "5.1.3", RetryStep.Refuse, true)]
    [InlineData("550", "5.1.6", RetryStep.Refuse, true)]
    [InlineData("550", "5.1.10", RetryStep.Refuse, true)]
    [InlineData("550", "5.2.1", RetryStep.Refuse, true)]
    [InlineData("552", "5.2.2", RetryStep.Refuse, false)]
    [InlineData("554", "5.7.1", RetryStep.Refuse, false)]
    [InlineData("550", "", RetryStep.Refuse, false)]
    public void Only_codes_that_say_the_mailbox_does_not_exist_suppress(string code, string enhanced, object step, bool suppress)
    {
        foreach (var phase in new[] { SmtpPhase.Rcpt, SmtpPhase.Dot })
        {
            var outcome = new DeliveryOutcome.Refused(phase, new SmtpReply(int.Parse(code, System.Globalization.CultureInfo.InvariantCulture), enhanced, "no"));
            var decision = RetryPolicy.Decide(outcome, 1, Noon, Noon, 7);
            Assert.Equal((RetryStep)step, decision.Step);
            Assert.Equal(suppress, decision.Suppress);
            Assert.Null(decision.Hold);
        }
    }

    [Fact]
    public void A_sender_refused_at_MAIL_gives_the_row_back_and_holds()
    {
        var decision = RetryPolicy.Decide(new DeliveryOutcome.Refused(SmtpPhase.Mail, new SmtpReply(550, "5.7.1", "not you")), 1, Noon, Noon, 7);
        Assert.Equal(RetryStep.GiveBack, decision.Step);
        Assert.Contains("550 5.7.1 not you", decision.Hold, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 15)]
    [InlineData(3, 30)]
    [InlineData(4, 60)]
    [InlineData(5, 120)]
    [InlineData(40, 120)]
    public void Deferrals_come_back_on_schedule_give_or_take_a_tenth(int attempts, int minutes)
    {
        for (long spread = 0; spread < 300; spread++)
        {
            var decision = RetryPolicy.Decide(Deferral, attempts, Noon, Noon, spread);
            Assert.Equal(RetryStep.Defer, decision.Step);
            Assert.InRange((decision.NotBefore!.Value - Noon).TotalMinutes, minutes * 0.9, minutes * 1.1);
        }
    }

    [Fact]
    public void A_crowd_that_was_deferred_together_does_not_come_back_together() =>
        Assert.True(Enumerable.Range(0, 128).Select(i => RetryPolicy.Decide(Deferral, 1, Noon, Noon, i).NotBefore).Distinct().Count() > 100);

    [Fact]
    public void It_expires_three_days_after_its_own_first_attempt()
    {
        Assert.Equal(RetryStep.Defer, RetryPolicy.Decide(Deferral, 30, Noon, Noon.AddDays(3).AddSeconds(-1), 1).Step);
        Assert.Equal(RetryStep.Expire, RetryPolicy.Decide(Deferral, 30, Noon, Noon.AddDays(3), 1).Step);
    }

    [Fact]
    public void What_may_have_left_is_uncertain_and_what_cannot_have_is_given_back()
    {
        Assert.Equal(RetryStep.MarkUncertain, RetryPolicy.Decide(new DeliveryOutcome.Uncertain(SmtpPhase.Dot, "gone"), 1, Noon, Noon, 1).Step);
        Assert.Equal(RetryStep.GiveBack, RetryPolicy.Decide(new DeliveryOutcome.NotSent(SmtpPhase.Data, "gone"), 1, Noon, Noon, 1).Step);
    }

    [Theory]
    [InlineData("5.1.1 no such user", "5.1.1", "no such user")]
    [InlineData("no such user", "", "no such user")]
    [InlineData("5.1.1", "5.1.1", "")]
    [InlineData("1.2.3.4 is blocked", "", "1.2.3.4 is blocked")]
    [InlineData("4.7.0\r\nlater", "4.7.0", "later")]
    public void A_reply_is_split_into_its_enhanced_code_and_text(string line, string enhanced, string text) =>
        Assert.Equal(new SmtpReply(550, enhanced, text), SmtpReply.Of(550, line));

    private static DeliveryOutcome Deferral => new DeliveryOutcome.Deferred(SmtpPhase.Rcpt, new SmtpReply(450, "4.2.0", "later"));
}
