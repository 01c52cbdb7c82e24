using Ekiben.Delivery;
using Ekiben.Storage;
using Ekiben.Tests.Simulation;

namespace Ekiben.Tests.Broadcasts;

/// <summary>Deferred rows come when they are due, also in the middle of a long broadcast; and nobody waits for somebody who is gone.</summary>
public class When_rows_wait_for_their_time
{
    private static readonly DeliveryOutcome Later = new DeliveryOutcome.Deferred(SmtpPhase.Rcpt, new SmtpReply(450, "4.2.0", "later"));

    [Fact]
    public void Each_is_tried_at_its_own_time_while_others_have_not_been_tried_at_all()
    {
        // At this rate the feed reads one row at a time.
        var feed = new SimulatedFeed(people: 20, perHour: 100);
        var first = Deferred(feed, minutes: 5);
        var second = Deferred(feed, minutes: 6);
        Assert.Equal(0, Assert.Single(feed.Read()).Attempts);
        feed.Time.Pass(TimeSpan.FromMinutes(5));
        Again(feed, first);
        Assert.Equal(0, Assert.Single(feed.Read()).Attempts);
        feed.Time.Pass(TimeSpan.FromMinutes(1));
        Again(feed, second);
    }

    [Fact]
    public async Task Where_the_rest_waits_and_is_erased_there_is_nothing_to_wait_for()
    {
        var feed = new SimulatedFeed(people: 1);
        var row = Deferred(feed, minutes: 120);
        var before = feed.Time.GetUtcNow();
        var more = feed.ReadUntil(row.Address);
        feed.Step(100);
        Assert.False(more.IsCompleted);
        feed.Ledger.Erase(feed.Broadcast, Assert.Single(feed.Broadcast.Rows));
        Assert.True(feed.Finish(more));
        Assert.False(await more);
        Assert.InRange(feed.Time.GetUtcNow() - before, TimeSpan.Zero, TimeSpan.FromMinutes(1));
    }

    private static Candidate Deferred(SimulatedFeed feed, int minutes)
    {
        var row = Assert.Single(feed.Read());
        feed.Claim(row);
        feed.Settle(row, Later, new RetryDecision(RetryStep.Defer) { NotBefore = feed.Time.GetUtcNow().AddMinutes(minutes) });
        return row;
    }

    private static void Again(SimulatedFeed feed, Candidate row)
    {
        var again = Assert.Single(feed.Read());
        Assert.Equal((row.Address, 1), (again.Address, again.Attempts));
        feed.Claim(again);
        feed.Settle(again, new DeliveryOutcome.Accepted(new SmtpReply(250, "2.0.0", "")), new RetryDecision(RetryStep.Accept));
    }
}
