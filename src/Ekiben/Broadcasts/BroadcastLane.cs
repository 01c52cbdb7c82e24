using System.Runtime.CompilerServices;
using Ekiben.Delivery;
using Ekiben.Mail;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>What the lanes of one run share.</summary>
/// <param name="Queue">The ledger.</param>
/// <param name="Relays">Which relay is next, and its connections.</param>
/// <param name="Feed">Is told when a row's attempt is over.</param>
/// <param name="Rows">Where rows come from, and where they wait for their providers.</param>
/// <param name="Maker">Makes messages.</param>
/// <param name="Messages">Where they are made.</param>
/// <param name="Watch">Notices failures that are not the recipients'.</param>
/// <param name="State">For people.</param>
/// <param name="Rate">How many lanes there may be, and when that changes.</param>
/// <param name="Clock">The clock.</param>
/// <param name="Hold">Holds the broadcast with a sentence.</param>
/// <param name="IsStream">Its rows are mails to one person, which go before broadcasts at the relay (ledger.md rule 25).</param>
internal sealed record LaneWork(
    SendQueue Queue, RelayTurns Relays, BroadcastFeed Feed, UpcomingRows Rows, IMessageMaker Maker, MessagePool Messages, FailureWatch Watch,
    RunState State, RunRate Rate, TimeProvider Clock, Func<string, CancellationToken, Task<bool>> Hold, bool IsStream = false);

/// <summary>
/// One of a run's lanes to the relay: takes a slot, and message by message exchanges the outcome of the last for the claim of the next.
/// Where the relay takes chained transactions that claim is made while the message between them waits for its 354, and begun behind that
/// message's end: two rows are <c>sending</c> on a connection then, else one, and never one that is not on it (ledger.md rule 12).
/// </summary>
/// <param name="work">What it shares with the others.</param>
/// <param name="number">From 0. It ends early when a lower rate needs no lane of that number; the first never does.</param>
/// <param name="ending">Cancelled to stop the whole run, by this lane too.</param>
/// <param name="abort">Ends waiting for the relay.</param>
internal sealed partial class BroadcastLane(LaneWork work, int number, CancellationTokenSource ending, CancellationToken abort)
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Messages of a turn: a lane sends them before it gives its slot to a lane that waits, so that a big broadcast does not keep a small one out, and
    /// before it goes to the site's relay that is next.
    /// </summary>
    private const int FairShare = 20;

    /// <summary>
    /// Messages in a row that the relay may drop with their connections, two at most on each, before it is taken for one that cannot be reached.
    /// Relays close connections now and then, and a message behind the last one that they take is dropped with it.
    /// </summary>
    private const int ToleratedLosses = 4;

    private RelayPool.RelaySlot? _slot;

    /// <summary>Ours from before the slot is rented until after it is returned.</summary>
    private RelayTurn? _turn;

    /// <summary>Where the last turn was.</summary>
    private RelayRoute? _route;

    /// <summary>The next turn is at another relay.</summary>
    private bool _moves;

    private int _sinceRented;

    /// <summary>Claimed and begun on the slot's connection.</summary>
    private ComposedMessage? _begun;

    /// <summary>Made and not claimed, because the rate or the relay says to wait.</summary>
    private ComposedMessage? _made;

    /// <summary>Not before is another message made: the last one was costly to make. Null as a rule.</summary>
    private DateTimeOffset? _nextMadeAt;

    /// <summary>What came of the last message, not recorded yet.</summary>
    private OutcomeRecord? _outcome;

    private Candidate? _outcomeOf;
    private TimeSpan _backOff = FirstBackOff;

    /// <summary>Messages in a row that were not sent, and why the last one was not.</summary>
    private int _notSent;

    private string _whyNotSent = "";

    /// <summary>This lane gives its slot back: somebody waits for one and it sent what it may, or the site's next relay is another.</summary>
    private bool HadItsShare => _moves || _turn is { Route.IsGone: true }
        || (_turn?.Route.Pool.ShareWhileOthersWait(FairShare, work.IsStream) is { } share && _sinceRented >= share);

    public async Task RunAsync()
    {
        try
        {
            while (!ending.IsCancellationRequested && (_begun is not null || number < work.Rate.LanesOf(work.Relays.Lanes)))
            {
                // Taken before anything is looked for: what comes meanwhile is looked for again.
                var seen = work.Rows.Version;
                if (_begun is not null)
                {
                    await CompleteAsync();
                }
                else if (_made is null && _nextMadeAt is { } at)
                {
                    await PauseAsync();
                    await work.State.WaitAsync("Its messages take much memory to make, so they are made more slowly than others", at, work.Clock, ending.Token);
                    _nextMadeAt = null;
                }
                else if (await NextAsync() is { } message)
                {
                    await BeginAsync(message);
                }
                else if (_nextMadeAt is null)
                {
                    // Nothing is ready: what is known is recorded now, not when the next message comes.
                    await PauseAsync();
                    if (work.Rows.IsOver)
                    {
                        return;
                    }

                    await work.Rows.WaitAsync(seen, work.State, ending.Token);
                }
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Stopped while waiting; what is on the wire is finished below.
        }
        finally
        {
            await FinishAsync();
            work.Rows.WakeOthers();
        }
    }

    /// <summary>The next row's message; null when no row is there. What cannot be made is recorded at once and stops nobody else.</summary>
    [AsyncMethodBuilder(typeof(PooledAsync<>))]
    private async ValueTask<ComposedMessage?> NextAsync()
    {
        if (_made is { } waiting)
        {
            _made = null;
            return waiting;
        }

        while (_nextMadeAt is null && work.Rows.Take() is { } row)
        {
            var (candidate, date) = (row.Candidate, work.Clock.GetUtcNow());
            var message = work.Messages.Rent(row, date);
            var wait = TimeSpan.Zero;
            try
            {
                work.Maker.Compose(candidate, date, message.Buffer, out wait);
                work.Watch.Composed();
                return message;
            }
            catch (RenderException exception)
            {
                work.Messages.Return(message);
                // The address of an erased person is blank (ledger.md rule 1); that says nothing about the template.
                var erased = candidate.Email.Length == 0;
                var failure = new RenderFailure(candidate.Shard, candidate.Address, candidate.Attempts, exception.Message, erased);
                await work.Queue.ExchangeAsync(new Exchange(null, null, failure), CancellationToken.None);
                work.Feed.Settle(candidate);
                if (!erased && work.Watch.RenderFailed(exception.Message) is { } tooMany && await work.Hold(tooMany, CancellationToken.None))
                {
                    ending.Cancel();
                    return null;
                }
            }
            finally
            {
                _nextMadeAt = wait > TimeSpan.Zero ? date + wait : null;
            }
        }

        return null;
    }

    /// <summary>With nothing begun: connects, claims, begins. The message is kept for the next turn where something has to be waited for.</summary>
    private async ValueTask BeginAsync(ComposedMessage message)
    {
        _made = message;
        if (_notSent >= ToleratedLosses)
        {
            // One more is enough to wait again, until the relay answers for a message.
            _notSent = ToleratedLosses - 1;
            await LeaveAsync($"{_route!.Pool.Relay.Name} takes connections but no message: {_whyNotSent}", refuses: false);
            return;
        }

        if (await ConnectAsync() is not { } connection || !Enter(message))
        {
            return;
        }

        // Taken before the claim reads the rate: a change after it ends the wait.
        var changed = work.Rate.Changed;
        var claim = await ClaimAsync(message);
        if (claim.IsClaimed)
        {
            Begin(connection, message);
        }
        else if (claim.Until is { } until)
        {
            await PauseAsync();
            await work.State.WaitAsync("The rate allows the next message then", until, work.Clock, ending.Token, changed);
        }
    }

    /// <summary>
    /// Finishes the message that is begun. Where the connection takes two, the last outcome is exchanged for the next claim meanwhile, and the
    /// next is begun behind it.
    /// </summary>
    [AsyncMethodBuilder(typeof(PooledAsync))]
    private async ValueTask CompleteAsync()
    {
        var (connection, message) = (_slot!.Connection!, _begun!);
        ComposedMessage? next = null;
        if (connection.Capacity > 1)
        {
            var prepared = connection.PrepareAsync(abort);
            try
            {
                next = await ClaimNextAsync(connection);
            }
            finally
            {
                await prepared;
            }
        }

        _begun = null;
        if (next is not null)
        {
            Begin(connection, next);
        }

        await TakeOutcomeAsync(connection, message);
    }

    /// <summary>The row to begin behind the one that is begun, claimed; null when there is none, or none may be now.</summary>
    [AsyncMethodBuilder(typeof(PooledAsync<>))]
    private async ValueTask<ComposedMessage?> ClaimNextAsync(IRelayConnection connection)
    {
        var mayChain = _nextMadeAt is null && connection.IsUsable && !ending.IsCancellationRequested && !HadItsShare;
        if (mayChain && await NextAsync() is { } message)
        {
            _made = message;
            if (Enter(message))
            {
                // To be told to wait is no reason to wait here: the message that is begun goes first.
                return (await ClaimAsync(message)).IsClaimed ? message : null;
            }
        }

        if (_outcome is not null)
        {
            await ExchangeAsync(null);
        }

        return null;
    }

    /// <summary>Lets what was made pass to its provider. Where that wants no more now, the row waits elsewhere, and the lane goes on with another.</summary>
    private bool Enter(ComposedMessage message)
    {
        if (work.Rows.Enter(message))
        {
            return true;
        }

        _made = null;
        work.Messages.Return(message);
        return false;
    }

    /// <summary>Exchanges for the claim of what was made. What may not go at all is gone: it is another's message by then.</summary>
    /// <returns>Whether it may go; if not, until when to wait, or null.</returns>
    [AsyncMethodBuilder(typeof(PooledAsync<>))]
    private async ValueTask<(bool IsClaimed, DateTimeOffset? Until)> ClaimAsync(ComposedMessage message)
    {
        var candidate = message.Candidate;
        var answer = await ExchangeAsync(new ClaimRequest(candidate.Shard, candidate.Address, candidate.Attempts, message.Date));
        if (answer is not ClaimAnswer.Claimed)
        {
            work.Rows.Leave(message, null);
        }

        if (answer is ClaimAnswer.Wait wait)
        {
            return (false, wait.Until);
        }

        _made = null;
        if (answer is ClaimAnswer.Claimed claimed)
        {
            message.Claim = claimed;
            if (work.State.Waiting is not null)
            {
                work.State.Waiting = null;
            }

            return (true, null);
        }

        Forget(message);
        if (answer is ClaimAnswer.Stopped)
        {
            ending.Cancel();
        }

        return (false, null);
    }

    private void Begin(IRelayConnection connection, ComposedMessage message)
    {
        var candidate = message.Candidate;
        connection.Begin(work.Maker.Envelope(candidate, message.Buffer.Bytes));
        _begun = message;
    }

    [AsyncMethodBuilder(typeof(PooledAsync))]
    private async ValueTask TakeOutcomeAsync(IRelayConnection connection, ComposedMessage message)
    {
        var (candidate, claim) = (message.Candidate, message.Claim!);
        DeliveryOutcome? outcome = null;
        try
        {
            outcome = await connection.CompleteAsync(abort);
        }
        finally
        {
            work.Rows.Leave(message, outcome);
        }

        if (outcome is DeliveryOutcome.NotSent notSent)
        {
            (_notSent, _whyNotSent) = (_notSent + 1, notSent.Reason);
        }
        else
        {
            (_notSent, _backOff) = (0, FirstBackOff);
        }

        if (outcome is DeliveryOutcome.Accepted)
        {
            _turn!.Route.Took();
        }

        var problem = work.Watch.Attempted(outcome);
        var decision = RetryPolicy.Decide(outcome, claim.Attempt, claim.FirstAt, work.Clock.GetUtcNow(), candidate.Address.Value, work.IsStream);
        if (decision.Suppress && work.Watch.RefusalsAreSuspect)
        {
            decision = decision with { Suppress = false };
        }

        if (_outcome is not null)
        {
            await ExchangeAsync(null);
        }

        (_outcomeOf, _outcome) = (candidate, new OutcomeRecord(candidate.Shard, candidate.Address, claim.Attempt, outcome, decision) { Mailbox = candidate.Mail?.Mailbox });
        work.Messages.Return(message);
        var refused = decision.Hold is { } refusal ? work.Relays.Failed(_turn!.Route, refusal, refuses: true) : null;
        if (decision.Hold is not null)
        {
            // Where others take it, they do.
            _moves = true;
        }
        else if (outcome is not (DeliveryOutcome.NotSent or DeliveryOutcome.Uncertain))
        {
            work.Relays.Answered(_turn!);
        }

        if ((refused ?? problem) is { } reason)
        {
            await ExchangeAsync(null);
            await work.Hold(reason, CancellationToken.None);
            ending.Cancel();
        }

        _sinceRented++;
        if (_sinceRented % FairShare == 0 && !work.Relays.GoesOn(_turn!))
        {
            _moves = true;
        }

        if (_begun is null && HadItsShare)
        {
            await PauseAsync();
        }
    }
}
