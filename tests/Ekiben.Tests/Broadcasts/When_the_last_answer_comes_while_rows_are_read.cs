using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Storage;
using Ekiben.Tests.Simulation;

namespace Ekiben.Tests.Broadcasts;

/// <summary>
/// The feed finds nothing more to read while the last message is on a connection, and its outcome comes at any moment of that reading: its row is
/// handed out again, and the run does not end with a row that can move (which would hold the broadcast with a receipt that does not add up).
/// </summary>
public class When_the_last_answer_comes_while_rows_are_read
{
    /// <summary>More steps than the reading of one shard has.</summary>
    private const int Steps = 30;

    [Fact]
    public void A_message_that_was_not_sent_is_handed_out_again() =>
        TryEveryMoment(new DeliveryOutcome.NotSent(SmtpPhase.Mail, "cut"), new RetryDecision(RetryStep.GiveBack));

    [Fact]
    public void An_uncertain_message_is_handed_out_again() =>
        TryEveryMoment(new DeliveryOutcome.Uncertain(SmtpPhase.Dot, "cut"), new RetryDecision(RetryStep.MarkUncertain));

    [Fact]
    public void A_deferred_message_is_handed_out_again() => TryEveryMoment(
        new DeliveryOutcome.Deferred(SmtpPhase.Rcpt, new SmtpReply(450, "4.2.0", "later")),
        new RetryDecision(RetryStep.Defer) { NotBefore = new SimulatedTime().GetUtcNow().AddMinutes(5) });

    private static void TryEveryMoment(DeliveryOutcome outcome, RetryDecision decision)
    {
        for (var moment = 0; moment < Steps; moment++)
        {
            Assert.True(IsHandedOutAgain(outcome, decision, moment), $"not when it comes after {moment} steps");
        }
    }

    private static bool IsHandedOutAgain(DeliveryOutcome outcome, RetryDecision decision, int moment)
    {
        var (time, thread) = (new SimulatedTime(), new OneThread(new Random(1)));
        var broadcast = new SimulatedBroadcast(1, people: 1, perShard: 1, UncertainPolicy.Resend) { Rates = { (time.NowMs, null) } };
        var ledger = new MemoryLedger(time, new Random(1), [broadcast], w: 1, Assert.Fail);
        Candidate? first = null;
        Task<bool>? more = null;
        BroadcastFeed? feed = null;
        thread.Start(async () =>
        {
            await ledger.BeginFreezeAsync(broadcast.Id, default);
            await ledger.FreezeNextRangeAsync(broadcast.Id, new AudienceRule(new SiteId(1), [], [], null), default);
            await ledger.CompleteFreezeAsync(broadcast.Id, default);
            feed = new BroadcastFeed(ledger, await ledger.TakeShardsAsync(broadcast.Id, default), new RunRate(), new RunState(), time);
            var pages = feed.ReadPagesAsync(default).GetAsyncEnumerator(default);
            await pages.MoveNextAsync();
            first = Assert.Single(pages.Current);
            await ledger.ExchangeAsync(new Exchange(null, new ClaimRequest(first.Shard, first.Address, 0, time.GetUtcNow())), default);
            more = pages.MoveNextAsync().AsTask();
        });
        while (more is null)
        {
            Assert.True(thread.Step());
        }

        for (var step = 0; step < moment; step++)
        {
            thread.Step();
        }

        thread.Start(async () =>
        {
            await ledger.ExchangeAsync(new Exchange(new OutcomeRecord(first!.Shard, first.Address, 1, outcome, decision), null), default);
            feed!.Settle(first, decision.NotBefore, decision.Step == RetryStep.GiveBack);
        });
        while (!more.IsCompleted)
        {
            Assert.True(thread.Step() || time.Next());
        }

        return more.GetAwaiter().GetResult();
    }
}
