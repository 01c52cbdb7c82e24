namespace Ekiben.Storage;

/// <summary>
/// The ledger has one writer. Inside this process every write waits here instead of in a database's own queue, which knows no order:
/// people's writes first, then the ledger's batches, each in order of arrival (ledger.md rule 23).
/// </summary>
internal sealed class WriteGate
{
    private readonly Lock _lock = new();
    private readonly Queue<TaskCompletionSource> _people = new();
    private readonly Queue<TaskCompletionSource> _ledger = new();
    private bool _taken;

    /// <summary>Waits for the turn; dispose what it returns to let the next one in.</summary>
    public async ValueTask<IDisposable> EnterAsync(bool ledger = false, CancellationToken cancel = default)
    {
        TaskCompletionSource turn;
        lock (_lock)
        {
            cancel.ThrowIfCancellationRequested();
            if (!_taken)
            {
                _taken = true;
                return new Turn(this);
            }

            turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            (ledger ? _ledger : _people).Enqueue(turn);
        }

        await using var registration = cancel.Register(() => turn.TrySetCanceled(cancel));
        await turn.Task;
        return new Turn(this);
    }

    private void Leave()
    {
        lock (_lock)
        {
            while (_people.TryDequeue(out var next) || _ledger.TryDequeue(out next))
            {
                // One that gave up waiting is passed over.
                if (next.TrySetResult())
                {
                    return;
                }
            }

            _taken = false;
        }
    }

    private sealed class Turn(WriteGate gate) : IDisposable
    {
        private WriteGate? _gate = gate;

        public void Dispose() => Interlocked.Exchange(ref _gate, null)?.Leave();
    }
}
