using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Ekiben.Smtp;

/// <summary>
/// For <c>[AsyncMethodBuilder]</c> on a method that every message passes and that waits: what it needs to go on after a wait is used again.
/// The runtime's own builder of the kind keeps one such object a thread and core. A hundred connections that are answered in one burst take and
/// give back more than that at once, and those would be garbage. The ValueTask of such a method is awaited once, as any.
/// </summary>
/// <typeparam name="TResult">What the method answers.</typeparam>
public struct PooledAsync<TResult>
{
    private PooledWait<TResult>? _wait;
    private TResult _result;

    /// <summary>What the compiler gives to the caller.</summary>
    public readonly ValueTask<TResult> Task => _wait is null ? new(_result) : new(_wait, _wait.Version);

    internal readonly ValueTask VoidTask => _wait is null ? default : new(_wait, _wait.Version);

    /// <summary>For the compiler.</summary>
    [SuppressMessage("Design", "CA1000", Justification = "the compiler looks for it here")]
    public static PooledAsync<TResult> Create() => default;

    /// <summary>For the compiler: runs the method to its first wait.</summary>
    public readonly void Start<TStateMachine>(ref TStateMachine stateMachine) where TStateMachine : IAsyncStateMachine =>
        AsyncValueTaskMethodBuilder<TResult>.Create().Start(ref stateMachine);

    /// <summary>For the compiler, which never calls it in a release build.</summary>
    public readonly void SetStateMachine(IAsyncStateMachine stateMachine)
    {
    }

    /// <summary>For the compiler: the method returned.</summary>
    public void SetResult(TResult result)
    {
        if (_wait is null)
        {
            _result = result;
        }
        else
        {
            _wait.SetResult(result);
        }
    }

    /// <summary>For the compiler: the method threw.</summary>
    public void SetException(Exception exception) => (_wait ??= new PooledWait<TResult>()).SetException(exception);

    /// <summary>For the compiler: the method waits.</summary>
    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : INotifyCompletion where TStateMachine : IAsyncStateMachine => awaiter.OnCompleted(Keep(ref stateMachine));

    /// <summary>For the compiler: the method waits.</summary>
    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : ICriticalNotifyCompletion where TStateMachine : IAsyncStateMachine => awaiter.UnsafeOnCompleted(Keep(ref stateMachine));

    /// <summary>Moves the method off the stack at its first wait.</summary>
    /// <returns>What continues it.</returns>
    private Action Keep<TStateMachine>(ref TStateMachine stateMachine) where TStateMachine : IAsyncStateMachine
    {
        if (_wait is null)
        {
            var wait = PooledWait<TResult, TStateMachine>.Rent();
            // Before the method is copied, which holds this builder.
            _wait = wait;
            wait.Keep(stateMachine);
        }

        _wait.Context = ExecutionContext.Capture();
        return _wait.GoOn;
    }
}

/// <summary>The same for a method without an answer.</summary>
public struct PooledAsync
{
    private PooledAsync<bool> _inner;

    /// <summary>What the compiler gives to the caller.</summary>
    public readonly ValueTask Task => _inner.VoidTask;

    /// <summary>For the compiler.</summary>
    public static PooledAsync Create() => default;

    /// <summary>For the compiler: runs the method to its first wait.</summary>
    public readonly void Start<TStateMachine>(ref TStateMachine stateMachine) where TStateMachine : IAsyncStateMachine => _inner.Start(ref stateMachine);

    /// <summary>For the compiler, which never calls it in a release build.</summary>
    public readonly void SetStateMachine(IAsyncStateMachine stateMachine)
    {
    }

    /// <summary>For the compiler: the method returned.</summary>
    public void SetResult() => _inner.SetResult(true);

    /// <summary>For the compiler: the method threw.</summary>
    public void SetException(Exception exception) => _inner.SetException(exception);

    /// <summary>For the compiler: the method waits.</summary>
    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : INotifyCompletion where TStateMachine : IAsyncStateMachine => _inner.AwaitOnCompleted(ref awaiter, ref stateMachine);

    /// <summary>For the compiler: the method waits.</summary>
    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : ICriticalNotifyCompletion where TStateMachine : IAsyncStateMachine => _inner.AwaitUnsafeOnCompleted(ref awaiter, ref stateMachine);
}

/// <summary>A method that waits, as its caller sees it.</summary>
internal class PooledWait<TResult> : IValueTaskSource<TResult>, IValueTaskSource
{
    private ManualResetValueTaskSourceCore<TResult> _core;

    /// <summary>Continues the method.</summary>
    public Action GoOn { get; protected init; } = static () => { };

    /// <summary>The method's own, for when it goes on.</summary>
    public ExecutionContext? Context { get; set; }

    public short Version => _core.Version;

    public void SetResult(TResult result) => _core.SetResult(result);

    public void SetException(Exception exception) => _core.SetException(exception);

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    public TResult GetResult(short token)
    {
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            _core.Reset();
            Free();
        }
    }

    void IValueTaskSource.GetResult(short token) => GetResult(token);

    protected virtual void Free()
    {
    }
}

/// <summary>The method itself, off the stack.</summary>
internal sealed class PooledWait<TResult, TStateMachine> : PooledWait<TResult> where TStateMachine : IAsyncStateMachine
{
    /// <summary>Enough for all connections of a few relays; what comes beyond is garbage.</summary>
    private const int Most = 256;

    private static readonly Stack<PooledWait<TResult, TStateMachine>> Unused = new(Most);
    private static readonly Lock Gate = new();

    private TStateMachine _method = default!;

    private PooledWait() => GoOn = Continue;

    public static PooledWait<TResult, TStateMachine> Rent()
    {
        lock (Gate)
        {
            if (Unused.TryPop(out var unused))
            {
                return unused;
            }
        }

        return new PooledWait<TResult, TStateMachine>();
    }

    public void Keep(in TStateMachine method) => _method = method;

    protected override void Free()
    {
        // What the method held is not to be kept alive by a pool.
        (_method, Context) = (default!, null);
        lock (Gate)
        {
            if (Unused.Count < Most)
            {
                Unused.Push(this);
            }
        }
    }

    private void Continue()
    {
        if (Context is { } context)
        {
            ExecutionContext.Run(context, static wait => ((PooledWait<TResult, TStateMachine>)wait!)._method.MoveNext(), this);
        }
        else
        {
            _method.MoveNext();
        }
    }
}
