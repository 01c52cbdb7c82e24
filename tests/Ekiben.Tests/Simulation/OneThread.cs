namespace Ekiben.Tests.Simulation;

/// <summary>
/// Runs everything that a simulated process does on one thread, one continuation at a time, in an order drawn from the seed. Between any two of
/// them the process can be dropped: what it would have done next never happens, as after kill -9.
/// </summary>
internal sealed class OneThread(Random random) : SynchronizationContext
{
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly List<(SendOrPostCallback Run, object? State)> _ready = [];

    /// <summary>Why it would not be the same again: something came from another thread, at its own time.</summary>
    public string? Strange { get; private set; }

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            Strange = $"a step came from another thread: {Environment.StackTrace}";
            return;
        }

        _ready.Add((d, state));
    }

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException("nothing in the product waits for its own context");

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Runs <paramref name="first"/> as the first step.</summary>
    public Task Start(Func<Task> first)
    {
        var work = Task.CompletedTask;
        Within(_ => work = first(), null);
        return work;
    }

    /// <summary>Runs one continuation. False when none is ready.</summary>
    public bool Step()
    {
        if (_ready.Count == 0)
        {
            return false;
        }

        var at = random.Next(_ready.Count);
        var (run, state) = _ready[at];
        _ready[at] = _ready[^1];
        _ready.RemoveAt(_ready.Count - 1);
        Within(run, state);
        return true;
    }

    private void Within(SendOrPostCallback run, object? state)
    {
        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            run(state);
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }
}
