using Ekiben.Delivery;
using Ekiben.Storage;
using Ekiben.Tests.Simulation;

namespace Ekiben.Tests.Broadcasts;

/// <summary>
/// An outcome comes at any moment of the feed's reading: its row is handed out again, and the run does not end with a row that can move (which would
/// hold the broadcast with a receipt that does not add up).
/// </summary>
public class When_the_last_answer_comes_while_rows_are_read
{
    /// <summary>More steps than the reading of one shard has.</summary>
    private const int Steps = 30;

    private static readonly DeliveryOutcome NotSent = new DeliveryOutcome.NotSent(SmtpPhase.Mail, "cut");
    private static readonly DeliveryOutcome Accepted = new DeliveryOutcome.Accepted(new SmtpReply(250, "2.0.0", "taken"));
    private static readonly RetryDecision GiveBack = new(RetryStep.GiveBack);

    [Fact]
    public void A_message_that_was_not_sent_is_handed_out_again() => TryEveryMoment(NotSent, GiveBack);

    [Fact]
    public void An_uncertain_message_is_handed_out_again() =>
        TryEveryMoment(new DeliveryOutcome.Uncertain(SmtpPhase.Dot, "cut"), new RetryDecision(RetryStep.MarkUncertain));

    [Fact]
    public void A_deferred_message_is_handed_out_again() => TryEveryMoment(
        new DeliveryOutcome.Deferred(SmtpPhase.Rcpt, new SmtpReply(450, "4.2.0", "later")),
        new RetryDecision(RetryStep.Defer) { NotBefore = new SimulatedTime().GetUtcNow().AddMinutes(5) });

    [Fact]
    public void A_message_that_comes_back_between_two_that_are_read_again_is_not_passed_over()
    {
        for (var moment = 0; moment < Steps; moment++)
        {
            var (feed, rows) = Begun(people: 3);
            feed.Settle(rows[0], NotSent, GiveBack);
            feed.Settle(rows[2], NotSent, GiveBack);
            AssertComes(feed, rows[1], NotSent, GiveBack, moment);
        }
    }

    /// <summary>It became uncertain while others were in flight, and the last of those settles before the feed looks again.</summary>
    [Fact]
    public void An_uncertain_message_is_not_left_behind_by_one_that_comes_back_after_it()
    {
        for (var moment = 0; moment < Steps; moment++)
        {
            var (feed, rows) = Begun(people: 3);
            var (uncertain, late, first) = (rows[0], rows[1], rows[2]);
            AssertComes(feed, first, NotSent, GiveBack, Steps);
            feed.Claim(first);
            feed.Settle(uncertain, new DeliveryOutcome.Uncertain(SmtpPhase.Dot, "cut"), new RetryDecision(RetryStep.MarkUncertain));
            feed.Settle(first, Accepted, RetryDecision.Accept);
            AssertComes(feed, late, NotSent, GiveBack, moment);
            feed.Claim(late);
            feed.Settle(late, Accepted, RetryDecision.Accept);
            AssertCame(feed, feed.ReadUntil(uncertain.Address), moment);
        }
    }

    private static void TryEveryMoment(DeliveryOutcome outcome, RetryDecision decision)
    {
        for (var moment = 0; moment < Steps; moment++)
        {
            var (feed, rows) = Begun(people: 1);
            AssertComes(feed, Assert.Single(rows), outcome, decision, moment);
        }
    }

    /// <summary>The feed reads on, and after so many steps the outcome of <paramref name="row"/> comes.</summary>
    private static void AssertComes(SimulatedFeed feed, Candidate row, DeliveryOutcome outcome, RetryDecision decision, int moment)
    {
        var comes = feed.ReadUntil(row.Address);
        feed.Step(moment);
        _ = feed.BeginSettle(row, outcome, decision);
        AssertCame(feed, comes, moment);
    }

    private static void AssertCame(SimulatedFeed feed, Task<bool> comes, int moment)
    {
        Assert.True(feed.Finish(comes), $"the feed waits for nothing when the outcome comes after {moment} steps");
        Assert.True(comes.GetAwaiter().GetResult(), $"it does not come again when the outcome comes after {moment} steps");
    }

    /// <summary>Everybody's message is claimed.</summary>
    private static (SimulatedFeed Feed, IReadOnlyList<Candidate> Rows) Begun(int people)
    {
        var feed = new SimulatedFeed(people);
        var rows = feed.Read();
        Assert.All(rows, feed.Claim);
        return (feed, rows);
    }
}
