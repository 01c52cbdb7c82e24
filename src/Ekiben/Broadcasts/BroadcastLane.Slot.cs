using System.Runtime.CompilerServices;
using Ekiben.Delivery;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>A lane's slot at the relay, its exchanges, and its back-off.</summary>
internal sealed partial class BroadcastLane
{
    /// <summary>A connection of this lane's slot; null where the relay could not be reached, or after a wait because none could.</summary>
    private async ValueTask<IRelayConnection?> ConnectAsync()
    {
        if (_slot is null)
        {
            // Taken before the relays are looked at: one that answers after it ends the wait.
            var changed = work.Relays.Changed;
            if (work.Relays.Next() is not { } turn)
            {
                await WaitForRelayAsync(changed);
                return null;
            }

            if (turn.Route != _route)
            {
                (_route, _notSent, _backOff) = (turn.Route, 0, FirstBackOff);
            }

            (_turn, _sinceRented, _moves) = (turn, 0, false);
            _slot = await turn.Route.Pool.RentAsync(ending.Token, work.IsStream);
        }

        try
        {
            if (_slot.Connection is { IsUsable: false } && _outcome is not null)
            {
                // The row of the last message is not on a connection any more: its outcome is recorded before a new one is made.
                await ExchangeAsync(null);
            }

            return await _slot.ConnectAsync(ending.Token);
        }
        catch (RelayUnavailableException exception)
        {
            await LeaveAsync(exception.Message, exception.IsPermanent);
            return null;
        }
    }

    /// <summary>The relay takes no message: it rests, and the lane's next turn is at another. Where there is no other, the lane waits or the run is held.</summary>
    private async ValueTask LeaveAsync(string reason, bool refuses)
    {
        var refused = work.Relays.Failed(_route!, reason, refuses);
        if (refused is not null)
        {
            await PauseAsync();
            await work.Hold(refused, CancellationToken.None);
            ending.Cancel();
        }
        else if (work.Relays.HasOthers)
        {
            await PauseAsync();
        }
        else
        {
            await BackOffAsync(reason);
        }
    }

    /// <summary>Every relay rests: waits until the first is tried again, or one has answered.</summary>
    private async ValueTask WaitForRelayAsync(Task changed)
    {
        if (work.Relays.Rest() is { } rest)
        {
            await PauseAsync();
            await work.State.WaitAsync(rest.Reason, rest.Until, work.Clock, ending.Token, changed);
            return;
        }

        await PauseAsync();
        await work.Hold("There is no relay to send through any more: choose one in the site's settings.", CancellationToken.None);
        ending.Cancel();
    }

    /// <summary>Waits for the relay, longer each time until it answers for a message.</summary>
    private async ValueTask BackOffAsync(string reason)
    {
        await PauseAsync();
        var wait = _backOff;
        _backOff = wait + wait > LongestBackOff ? LongestBackOff : wait + wait;
        await work.State.WaitAsync(reason.TrimEnd('.'), work.Clock.GetUtcNow() + wait, work.Clock, ending.Token);
    }

    /// <summary>Nothing new: what is on the wire gets its outcome, what is known is recorded, and the slot goes back.</summary>
    private async ValueTask FinishAsync()
    {
        while (_begun is { } last)
        {
            _begun = null;
            if (_outcome is not null)
            {
                await ExchangeAsync(null);
            }

            await TakeOutcomeAsync(_slot!.Connection!, last);
        }

        if (_made is { } made)
        {
            _made = null;
            var candidate = made.Candidate;
            work.Rows.Leave(made, null);
            work.Messages.Return(made);
            // Another lane takes it, where the run goes on.
            work.Feed.Settle(candidate, givenBack: true);
        }

        await PauseAsync();
    }

    /// <summary>Records what is known and gives the slot back, so that nobody waits for a lane that waits.</summary>
    private async ValueTask PauseAsync()
    {
        if (_outcome is not null)
        {
            await ExchangeAsync(null);
        }

        _slot?.Return();
        if (_turn is { } turn)
        {
            work.Relays.End(turn);
        }

        (_slot, _turn, _moves) = (null, null, false);
    }

    private void Forget(ComposedMessage message)
    {
        var candidate = message.Candidate;
        work.Messages.Return(message);
        work.Feed.Settle(candidate);
    }

    [AsyncMethodBuilder(typeof(PooledAsync<>))]
    private async ValueTask<ClaimAnswer> ExchangeAsync(ClaimRequest? claim)
    {
        // Not cancellable: an outcome that is known is recorded, however long the database takes (rule 21).
        var answer = await work.Queue.ExchangeAsync(new Exchange(_outcome, claim), CancellationToken.None);
        if (_outcomeOf is { } sent && _outcome is { } outcome)
        {
            work.Feed.Settle(sent, outcome.Decision.NotBefore, outcome.Decision.Step == RetryStep.GiveBack);
            (_outcomeOf, _outcome) = (null, null);
        }

        return answer;
    }
}
