using System.Data.Common;
using Ekiben.Broadcasts;
using Ekiben.Delivery;

namespace Ekiben.Storage;

/// <summary>
/// The rules of one ledger transaction (docs/ledger.md), the same on each database: which row may be claimed, what an outcome makes of it,
/// and how the per-shard counts change (rule 17). Each database brings the reads and the writes.
/// </summary>
internal abstract class Ledger(TimeProvider clock)
{
    protected const int NotResent = 0;
    protected const int Resent = 1;

    /// <summary>Uncertain for good without a second try: the policy is to hold, or the address was suppressed meanwhile.</summary>
    protected const int NeverResent = 2;

    private readonly List<(Failpoint Before, Failpoint After)> _around = [];

    /// <summary>The time of this transaction.</summary>
    public DateTimeOffset Now { get; private set; }

    /// <summary>How the counts of each shard change in it (rule 17).</summary>
    protected ShardCounts Counts { get; } = new();

    /// <summary>One connection's exchange: first what came of its last message, then its next claim.</summary>
    public ClaimAnswer Exchange(in Exchange exchange)
    {
        if (exchange.Outcome is { } outcome)
        {
            Around(Failpoint.BeforeOutcomeCommit, Failpoint.AfterOutcomeCommit);
            if (!AcceptsFirstTry(outcome))
            {
                Record(outcome);
            }
        }

        if (exchange.Failure is { } failure)
        {
            RecordRenderFailure(failure);
        }

        return exchange.Claim is not { } claim ? ClaimAnswer.Recorded.Instance : ClaimsFirstTry(claim) ?? Claim(claim);
    }

    /// <summary>
    /// Everything a claim depends on is read and the row written in this one transaction of the only writer: status, suppression,
    /// unsubscription, epoch and grant hold together at the commit (rule 11).
    /// </summary>
    private ClaimAnswer Claim(in ClaimRequest request)
    {
        if (ReadClaimable(request) is not { } row)
        {
            return new ClaimAnswer.Passed();
        }

        if (row.Status != "sending" || row.Epoch != request.Shard.Epoch)
        {
            return new ClaimAnswer.Stopped();
        }

        var now = Now.ToStored();
        var movable = row.State switch
        {
            RecipientState.Pending => true,
            RecipientState.Deferred => row.NotBefore <= now,
            RecipientState.Uncertain => row.Resent == NotResent,
            _ => false,
        };
        if (!movable || row.Attempts != request.AttemptsSeen)
        {
            return new ClaimAnswer.Passed();
        }

        if (row.Unreachable)
        {
            Suppress(request, row.State);
            return new ClaimAnswer.Passed();
        }

        if (row.PerHour is { } rate && Grant(request.Shard.Broadcast, rate, now) is { } wait)
        {
            return new ClaimAnswer.Wait(Times.FromStored(wait));
        }

        var isResend = row.State == RecipientState.Uncertain;
        var firstAt = row.FirstAt ?? request.FirstAt.ToStored();
        Move(request.Shard, request.Address, row.State, RecipientState.Sending, row.Attempts + 1, isResend ? Resent : row.Resent, notBefore: null, firstAt);
        if (isResend)
        {
            Counts.Of(request.Shard.Id).Resent++;
        }

        Around(Failpoint.BeforeClaimCommit, Failpoint.AfterClaimCommit);
        return new ClaimAnswer.Claimed(row.Attempts + 1, Times.FromStored(firstAt));
    }

    /// <summary>Unsubscribed, suppressed or deleted since the freeze. An uncertain row stays what it is, for good (rule 14).</summary>
    private void Suppress(in ClaimRequest request, RecipientState state)
    {
        if (state == RecipientState.Uncertain)
        {
            Move(request.Shard, request.Address, state, state, request.AttemptsSeen, NeverResent, null, null);
            return;
        }

        Move(request.Shard, request.Address, state, RecipientState.Suppressed, request.AttemptsSeen, NotResent, null, null);
    }

    /// <summary>Takes a grant for one row; the time to wait until when there is none (rule 22).</summary>
    private long? Grant(BroadcastId broadcast, int perHour, long now)
    {
        var answer = Throttle.Take(perHour, ReadThrottle(broadcast), now);
        if (answer.WaitUntilMs is { } wait)
        {
            return wait;
        }

        KeepThrottle(broadcast, answer.State);
        return null;
    }

    private void Record(in OutcomeRecord record)
    {
        if (Read(record.Shard.Broadcast, record.Address) is not { } row)
        {
            return;
        }

        // Rule 15: evidence counts by its attempt, whatever happened to the shard meanwhile.
        if (row.Attempts != record.Attempt || row.State is not (RecipientState.Sending or RecipientState.Uncertain))
        {
            if (record.Outcome is DeliveryOutcome.Accepted late)
            {
                Attempt(record.Shard.Broadcast, record.Address, record.Attempt, "accepted", SmtpPhase.Dot, late.Reply);
            }

            return;
        }

        var (step, reply, phase) = (record.Decision.Step, ReplyOf(record.Outcome), PhaseOf(record.Outcome));
        var firstTry = row.Resent == NotResent;
        if (step == RetryStep.Accept)
        {
            Move(record.Shard, record.Address, row.State, RecipientState.Accepted, row.Attempts, row.Resent, null, row.FirstAt, reply);
            if (row.Attempts > 1)
            {
                Attempt(record.Shard.Broadcast, record.Address, record.Attempt, "accepted", phase, reply);
            }

            return;
        }

        if (step != RetryStep.GiveBack)
        {
            Attempt(record.Shard.Broadcast, record.Address, record.Attempt, Word(step), phase, reply);
        }

        // Rule 14: only "accepted" clears an uncertain row; after its second try it stays, with the last reply beside it.
        if (!firstTry)
        {
            Move(record.Shard, record.Address, row.State, RecipientState.Uncertain, row.Attempts, row.Resent, null, row.FirstAt, reply);
            return;
        }

        switch (step)
        {
            case RetryStep.MarkUncertain:
                Move(record.Shard, record.Address, row.State, RecipientState.Uncertain, row.Attempts, row.Holds ? NeverResent : NotResent, null, row.FirstAt, reply);
                if (row.State == RecipientState.Sending)
                {
                    Counts.Of(record.Shard.Id).UncertainEver++;
                }

                break;
            case RetryStep.GiveBack:
                GiveBack(record, row);
                break;
            case RetryStep.Defer:
                Move(record.Shard, record.Address, row.State, row.Canceled ? RecipientState.Canceled : RecipientState.Deferred,
                    row.Attempts, row.Resent, record.Decision.NotBefore?.ToStored(), row.FirstAt, reply);
                break;
            case RetryStep.Expire:
                Move(record.Shard, record.Address, row.State, RecipientState.Expired, row.Attempts, row.Resent, null, row.FirstAt, reply);
                break;
            case RetryStep.Refuse:
                Move(record.Shard, record.Address, row.State, RecipientState.Refused, row.Attempts, row.Resent, null, row.FirstAt, reply);
                if (record.Decision.Suppress)
                {
                    SuppressAddress(record.Shard.Site, record.Mailbox ?? record.Address, reply);
                }

                break;
            default:
                throw new InvalidOperationException($"no transition for {step}");
        }
    }

    /// <summary>Nobody has it: the row returns to where it came from, as if this attempt had not been (rule 13).</summary>
    private void GiveBack(in OutcomeRecord record, LedgerRow row)
    {
        var attempts = row.Attempts - 1;
        var (state, notBefore, firstAt) = attempts == 0
            ? (RecipientState.Pending, (long?)null, (long?)null)
            : (RecipientState.Deferred, Now.ToStored(), row.FirstAt);
        Move(record.Shard, record.Address, row.State, row.Canceled ? RecipientState.Canceled : state, attempts, row.Resent, notBefore, firstAt);
    }

    private void RecordRenderFailure(RenderFailure failure)
    {
        if (Read(failure.Shard.Broadcast, failure.Address) is not { } row || row.Attempts != failure.AttemptsSeen)
        {
            return;
        }

        var reply = new SmtpReply(0, "", failure.Reason.Length > SmtpReply.MaxText ? failure.Reason[..SmtpReply.MaxText] : failure.Reason);
        switch (row.State)
        {
            case RecipientState.Pending or RecipientState.Deferred when failure.PersonErased:
                Move(failure.Shard, failure.Address, row.State, RecipientState.Suppressed, row.Attempts, row.Resent, null, row.FirstAt);
                break;

            case RecipientState.Pending or RecipientState.Deferred:
                Move(failure.Shard, failure.Address, row.State, RecipientState.RenderFailed, row.Attempts, row.Resent, null, row.FirstAt, reply);
                break;

            // It was made once and cannot be made now: there will be no second try.
            case RecipientState.Uncertain when row.Resent == NotResent:
                Move(failure.Shard, failure.Address, row.State, RecipientState.Uncertain, row.Attempts, NeverResent, null, row.FirstAt, reply);
                break;
        }
    }

    /// <summary>Writes a row's new state and notes the change of its shard's counts.</summary>
    private void Move(
        TakenShard shard, AddressId address, RecipientState from, RecipientState to, int attempts, int resent, long? notBefore, long? firstAt, SmtpReply? reply = null)
    {
        Write(shard, address, new RowState(to, attempts, resent, notBefore, firstAt), reply);
        Counts.Of(shard.Id).Move(from, to);
    }

    /// <summary>A short way for what nearly every outcome is: the first try was accepted. False, and nothing written, when anything is otherwise.</summary>
    protected virtual bool AcceptsFirstTry(in OutcomeRecord record) => false;

    /// <summary>A short way for what nearly every claim is: a row never tried, of a broadcast without a rate. Null, and nothing written, when anything is otherwise.</summary>
    protected virtual ClaimAnswer.Claimed? ClaimsFirstTry(in ClaimRequest request) => null;

    /// <summary>A row and what decides whether it may be claimed; null when it is not there.</summary>
    protected abstract ClaimableRow? ReadClaimable(in ClaimRequest request);

    /// <summary>A row and what decides what an outcome makes of it; null when it is not there.</summary>
    protected abstract LedgerRow? Read(BroadcastId broadcast, AddressId address);

    protected abstract ThrottleState? ReadThrottle(BroadcastId broadcast);

    protected abstract void KeepThrottle(BroadcastId broadcast, ThrottleState state);

    /// <summary>Writes a row's new state; a null <paramref name="reply"/> leaves the one it has.</summary>
    protected abstract void Write(TakenShard shard, AddressId address, RowState row, SmtpReply? reply);

    protected abstract void SuppressAddress(SiteId site, AddressId address, SmtpReply? reply);

    /// <summary>Leaves a line in <c>attempts</c>.</summary>
    protected abstract void Attempt(BroadcastId broadcast, AddressId address, int number, string outcome, SmtpPhase phase, SmtpReply? reply);

    /// <summary>A command of this transaction, the same each time for one text: set all its parameters.</summary>
    public abstract DbCommand Prepared(string sql);

    /// <summary>The transaction is on disk and nobody has been answered.</summary>
    public void Committed() => _around.ForEach(points => Failpoints.Hit(points.After));

    /// <summary>Where a crash may be tried, before and after the commit of this transaction.</summary>
    public void Around(Failpoint before, Failpoint after)
    {
        if (Failpoints.Armed)
        {
            _around.Add((before, after));
        }
    }

    /// <summary>Everything is written; the commit comes next.</summary>
    protected void Completed() => _around.ForEach(points => Failpoints.Hit(points.Before));

    /// <summary>Starts over: also after a transaction that did not commit.</summary>
    protected void Begin()
    {
        Counts.Forget();
        _around.Clear();
        Now = clock.GetUtcNow();
    }

    /// <summary>A reply's text is kept once. Queue ids make "accepted" texts unique, so of those only the code is kept.</summary>
    public static SmtpReply Kept(SmtpReply reply) => reply.Code is >= 200 and < 300 ? reply with { Text = "" } : reply;

    private static SmtpReply? ReplyOf(DeliveryOutcome outcome) => outcome switch
    {
        DeliveryOutcome.Accepted accepted => accepted.Reply,
        DeliveryOutcome.Deferred deferred => deferred.Reply,
        DeliveryOutcome.Refused refused => refused.Reply,
        DeliveryOutcome.Uncertain uncertain => new SmtpReply(0, "", uncertain.Reason),
        DeliveryOutcome.NotSent notSent => new SmtpReply(0, "", notSent.Reason),
        _ => null,
    };

    private static SmtpPhase PhaseOf(DeliveryOutcome outcome) => outcome switch
    {
        DeliveryOutcome.Deferred deferred => deferred.Phase,
        DeliveryOutcome.Refused refused => refused.Phase,
        DeliveryOutcome.Uncertain uncertain => uncertain.Phase,
        DeliveryOutcome.NotSent notSent => notSent.Phase,
        _ => SmtpPhase.Dot,
    };

    private static string Word(RetryStep step) => step switch
    {
        RetryStep.Defer or RetryStep.Expire => "deferred",
        RetryStep.Refuse => "refused",
        RetryStep.MarkUncertain => "uncertain",
        _ => "accepted",
    };

    /// <summary>What the ledger knows of a row when an outcome comes in; times in stored milliseconds.</summary>
    protected sealed record LedgerRow(RecipientState State, int Attempts, int Resent, long? FirstAt, bool Canceled, bool Holds);

    /// <summary>What a claim depends on; <c>Status</c> is the broadcast's, <c>Epoch</c> the shard's, <c>PerHour</c> its rate.</summary>
    protected sealed record ClaimableRow(
        RecipientState State, int Attempts, int Resent, long? NotBefore, long? FirstAt, string Status, int? PerHour, int Epoch, bool Unreachable);

    /// <summary>What a row becomes.</summary>
    internal sealed record RowState(RecipientState State, int Attempts, int Resent, long? NotBefore, long? FirstAt);
}
