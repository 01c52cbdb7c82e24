using System.Threading.Channels;
using Ekiben.Delivery;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>
/// One of a run's lanes to the relay: takes a slot, and message by message exchanges the outcome of the last for the claim of the next.
/// While it holds a claimed row it holds a connection, so rows <c>sending</c> never exceed the slots (ledger.md rule 12).
/// </summary>
internal sealed class BroadcastLane(
    SendQueue queue, RelayPool pool, BroadcastFeed feed, MessageBuffers buffers, FailureWatch watch, RunState state, TimeProvider clock,
    Func<string, CancellationToken, Task<bool>> hold)
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(30);

    /// <summary>Messages that a lane sends before it gives its slot to a lane that waits, so that a big broadcast does not keep a small one out.</summary>
    private const int FairShare = 20;

    private RelayPool.RelaySlot? _slot;
    private int _sinceRented;
    private ComposedMessage? _sent;
    private OutcomeRecord? _outcome;
    private TimeSpan _backOff = FirstBackOff;

    /// <param name="ready">Messages to send.</param>
    /// <param name="ending">Cancelled to stop the whole run, by this lane too.</param>
    /// <param name="abort">Ends waiting for the relay.</param>
    public async Task RunAsync(ChannelReader<ComposedMessage> ready, CancellationTokenSource ending, CancellationToken abort)
    {
        try
        {
            while (!ending.IsCancellationRequested)
            {
                if (!ready.TryRead(out var message))
                {
                    // Nothing is ready: what is known is recorded now, not when the next message comes.
                    await PauseAsync();
                    if (!await ready.WaitToReadAsync(ending.Token))
                    {
                        return;
                    }

                    continue;
                }

                await SendAsync(message, ending, abort);
                buffers.Return(message.Buffer);
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Stopped while waiting: nothing of ours is on the wire.
        }
        finally
        {
            await PauseAsync();
        }
    }

    /// <summary>Connects, claims, sends; waits where the relay or the rate says so.</summary>
    private async Task SendAsync(ComposedMessage message, CancellationTokenSource ending, CancellationToken abort)
    {
        while (!ending.IsCancellationRequested)
        {
            if (await ConnectAsync(ending) is not { } connection)
            {
                continue;
            }

            var claim = new ClaimRequest(message.Candidate.Shard, message.Candidate.Address, message.Candidate.Attempts, message.Date);
            var answer = await ExchangeAsync(claim);
            switch (answer)
            {
                case ClaimAnswer.Claimed claimed:
                    state.WaitingFor = null;
                    await AttemptAsync(message, claimed, connection, ending, abort);
                    return;
                case ClaimAnswer.Wait wait:
                    await PauseAsync();
                    await WaitAsync("the rate", wait.Until, ending.Token);
                    continue;
                case ClaimAnswer.Stopped:
                    feed.Settle(message.Candidate);
                    await ending.CancelAsync();
                    return;
                default:
                    feed.Settle(message.Candidate);
                    return;
            }
        }

        feed.Settle(message.Candidate);
    }

    private async Task AttemptAsync(
        ComposedMessage message, ClaimAnswer.Claimed claimed, IRelayConnection connection, CancellationTokenSource ending, CancellationToken abort)
    {
        var candidate = message.Candidate;
        var outcome = await connection.SendAsync(
            new OutgoingMessage(candidate.Shard.Site, message.EnvelopeSender, candidate.Email, message.Buffer.Bytes), abort);
        var problem = watch.Attempted(outcome);
        var decision = RetryPolicy.Decide(outcome, claimed.Attempt, claimed.FirstAt, clock.GetUtcNow(), candidate.Address.Value);
        if (decision.Suppress && watch.RefusalsAreSuspect)
        {
            decision = decision with { Suppress = false };
        }

        (_sent, _outcome) = (message, new OutcomeRecord(candidate.Shard, candidate.Address, claimed.Attempt, outcome, decision));
        if ((decision.Hold ?? problem) is { } reason)
        {
            await PauseAsync();
            await hold(reason, CancellationToken.None);
            await ending.CancelAsync();
        }

        if (++_sinceRented >= FairShare && pool.IsContended)
        {
            await PauseAsync();
        }
    }

    /// <summary>A connection of this lane's slot; null after a wait because the relay could not be reached.</summary>
    private async Task<IRelayConnection?> ConnectAsync(CancellationTokenSource ending)
    {
        if (_slot is null)
        {
            _slot = await pool.RentAsync(ending.Token);
            _sinceRented = 0;
        }

        try
        {
            if (_slot.Connection is { IsUsable: false } && _outcome is not null)
            {
                // The row of the last message is not on a connection any more: its outcome is recorded before a new one is made.
                await ExchangeAsync(null);
            }

            var connection = await _slot.ConnectAsync(ending.Token);
            _backOff = FirstBackOff;
            return connection;
        }
        catch (RelayUnavailableException exception)
        {
            await PauseAsync();
            if (exception.IsPermanent)
            {
                await hold(exception.Message, CancellationToken.None);
                await ending.CancelAsync();
                return null;
            }

            await WaitAsync(exception.Message, clock.GetUtcNow() + _backOff, ending.Token);
            _backOff = _backOff + _backOff > LongestBackOff ? LongestBackOff : _backOff + _backOff;
            return null;
        }
    }

    /// <summary>Records what is known and gives the slot back, so that nobody waits for a lane that waits.</summary>
    private async Task PauseAsync()
    {
        if (_outcome is not null)
        {
            await ExchangeAsync(null);
        }

        _slot?.Return();
        _slot = null;
    }

    private async Task<ClaimAnswer> ExchangeAsync(ClaimRequest? claim)
    {
        // Not cancellable: an outcome that is known is recorded, however long the database takes (rule 21).
        var answer = await queue.ExchangeAsync(new Exchange(_outcome, claim), CancellationToken.None);
        if (_sent is { } sent && _outcome is { } outcome)
        {
            feed.Settle(sent.Candidate, outcome.Decision.NotBefore, outcome.Decision.Step == RetryStep.GiveBack);
            (_sent, _outcome) = (null, null);
        }

        return answer;
    }

    private async Task WaitAsync(string what, DateTimeOffset until, CancellationToken cancel)
    {
        (state.WaitingFor, state.NextDueAt) = (what, until);
        var wait = until - clock.GetUtcNow();
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, clock, cancel);
        }

        (state.WaitingFor, state.NextDueAt) = (null, null);
    }
}
