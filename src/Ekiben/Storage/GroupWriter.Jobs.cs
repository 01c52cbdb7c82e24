namespace Ekiben.Storage;

/// <summary>The work that waits for a <see cref="GroupWriter{TLedger}"/>, and how it is answered after its commit.</summary>
internal abstract partial class GroupWriter<TLedger>
{
    /// <summary>Exchanges are answered one after the other by one thread of the pool, which goes on with each; the rest have threads of their own.</summary>
    private static void Answer(List<IJob> group)
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
            ThreadPool.UnsafeQueueUserWorkItem(static group => AnswerExchanges(group), group, preferLocal: false);
        }
    }

    private static void AnswerExchanges(List<IJob> group)
    {
        foreach (var job in group)
        {
            if (job is ExchangeJob)
            {
                job.Answer();
            }
        }
    }

    private interface IJob
    {
        Exchange? Exchange { get; }

        void Run(TLedger ledger);

        void Answer();

        void Fail(Exception exception);
    }

    private sealed class ExchangeJob(Exchange exchange) : TaskCompletionSource<ClaimAnswer>, IJob
    {
        private ClaimAnswer? _answer;

        public Exchange? Exchange => exchange;

        public void Run(TLedger ledger) => _answer = ledger.Exchange(exchange);

        public void Answer() => TrySetResult(_answer!);

        /// <summary>Its caller goes on elsewhere: this is the writer's thread.</summary>
        public void Fail(Exception exception) => ThreadPool.QueueUserWorkItem(_ => TrySetException(exception));
    }

    private sealed class Job<T>(Func<TLedger, T> work) : IJob
    {
        private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        public Exchange? Exchange => null;

        public Task<T> Task => _answer.Task;

        public void Run(TLedger ledger) => _result = work(ledger);

        public void Answer() => _answer.TrySetResult(_result);

        public void Fail(Exception exception) => _answer.TrySetException(exception);
    }
}
