using System.Runtime.CompilerServices;
using Ekiben.Delivery;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>A lane's slot at the relay, its exchanges, and its back-off.</summary>
internal sealed partial class BroadcastLane
{
    /// <summary>A connection of this lane's slot; null after a wait because the relay could not be reached.</summary>
    private async ValueTask<IRelayConnection?> ConnectAsync()
    {
        if (_slot is null)
        {
            _slot = await work.Pool.RentAsync(ending.Token, work.IsStream);
            _sinceRented = 0;
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
            if (exception.IsPermanent)
            {
                await PauseAsync();
                await work.Hold(exception.Message, CancellationToken.None);
                ending.Cancel();
                return null;
            }

            await BackOffAsync(exception.Message);
            return null;
        }
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
        _slot = null;
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
