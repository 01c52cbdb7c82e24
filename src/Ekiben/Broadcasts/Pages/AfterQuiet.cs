namespace Ekiben.Broadcasts.Pages;

/// <summary>Does something a while after the last wish for it, so that a word that is typed is one query. Belongs to one page and its circuit.</summary>
internal sealed class AfterQuiet(TimeProvider clock, TimeSpan quiet, CancellationToken gone) : IDisposable
{
    private CancellationTokenSource? _waiting;

    /// <summary>Ends a wish that waits or is at work, and waits anew. Returns early, without a fault, when a later wish or the page's end came first.</summary>
    public async Task WishAsync(Func<CancellationToken, Task> act)
    {
        Dispose();
        using var mine = CancellationTokenSource.CreateLinkedTokenSource(gone);
        _waiting = mine;
        try
        {
            await Task.Delay(quiet, clock, mine.Token);
            await act(mine.Token);
        }
        catch (OperationCanceledException) when (mine.IsCancellationRequested)
        {
            // Another letter came, or the page was left.
        }
        finally
        {
            if (ReferenceEquals(_waiting, mine))
            {
                _waiting = null;
            }
        }
    }

    public void Dispose()
    {
        _waiting?.Cancel();
        _waiting = null;
    }
}
