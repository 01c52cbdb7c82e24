namespace Ekiben.Broadcasts;

/// <summary>Wakes the worker before its next look at the database: something was approved, resumed or canceled here.</summary>
internal sealed class EngineSignal
{
    private TaskCompletionSource _next = New();

    public Task Next => Volatile.Read(ref _next).Task;

    public void Wake() => Interlocked.Exchange(ref _next, New()).TrySetResult();

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
