using System.Threading.Tasks.Sources;

namespace Ekiben.Storage;

/// <summary>
/// The work that waits for a <see cref="GroupWriter{TLedger}"/>, and how it is answered after its commit. What an exchange and its group are kept in
/// goes round: every message makes one.
/// </summary>
internal abstract partial class GroupWriter<TLedger>
{
    private readonly Stack<ExchangeJob> _unusedJobs = new();
    private readonly Stack<List<IJob>> _unusedGroups = new();

    private static IEnumerable<Exchange> ExchangesOf(List<IJob> group)
    {
        foreach (var job in group)
        {
            if (job is ExchangeJob exchange)
            {
                yield return exchange.Exchange;
            }
        }
    }

    private ExchangeJob RentJob()
    {
        lock (_lock)
        {
            return _unusedJobs.TryPop(out var unused) ? unused : new ExchangeJob(this);
        }
    }

    /// <summary>Exchanges are answered one after the other by one thread of the pool, which goes on with each; the rest have threads of their own.</summary>
    private void Answer(List<IJob> group)
    {
        var exchanges = false;
        foreach (var job in group)
        {
            if (job is ExchangeJob)
            {
                exchanges = true;
            }
            else
            {
                job.Answer();
            }
        }

        if (exchanges)
        {
            ThreadPool.UnsafeQueueUserWorkItem(AnswerExchanges, group, preferLocal: false);
        }
    }

    private void AnswerExchanges(List<IJob> group)
    {
        foreach (var job in group)
        {
            if (job is ExchangeJob)
            {
                job.Answer();
            }
        }

        group.Clear();
        lock (_lock)
        {
            _unusedGroups.Push(group);
        }
    }

    private interface IJob
    {
        void Run(TLedger ledger);

        void Answer();

        void Fail(Exception exception);
    }

    private sealed class ExchangeJob(GroupWriter<TLedger> writer) : IJob, IValueTaskSource<ClaimAnswer>
    {
        private ManualResetValueTaskSourceCore<ClaimAnswer> _core;
        private ClaimAnswer? _answer;

        public Exchange Exchange { get; private set; }

        public ValueTask<ClaimAnswer> Begin(in Exchange exchange)
        {
            Exchange = exchange;
            return new ValueTask<ClaimAnswer>(this, _core.Version);
        }

        public void Run(TLedger ledger) => _answer = ledger.Exchange(Exchange);

        public void Answer() => _core.SetResult(_answer!);

        /// <summary>Its caller goes on elsewhere: this is the writer's thread.</summary>
        public void Fail(Exception exception) => ThreadPool.QueueUserWorkItem(_ => _core.SetException(exception));

        public ClaimAnswer GetResult(short token)
        {
            try
            {
                return _core.GetResult(token);
            }
            finally
            {
                _core.Reset();
                (Exchange, _answer) = (default, null);
                lock (writer._lock)
                {
                    writer._unusedJobs.Push(this);
                }
            }
        }

        public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _core.OnCompleted(continuation, state, token, flags);
    }

    private sealed class Job<T>(Func<TLedger, T> work) : IJob
    {
        private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        public Task<T> Task => _answer.Task;

        public void Run(TLedger ledger) => _result = work(ledger);

        public void Answer() => _answer.TrySetResult(_result);

        public void Fail(Exception exception) => _answer.TrySetException(exception);
    }
}
