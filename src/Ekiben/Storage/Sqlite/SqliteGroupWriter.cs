using Microsoft.Data.Sqlite;

namespace Ekiben.Storage.Sqlite;

/// <summary>
/// The ledger's one writer: a thread with a connection of its own that takes whatever work is waiting, does it in one transaction and answers
/// after the commit. With FULL sync the commit is the cost, so thirty connections share one (docs/adr/0001).
/// </summary>
internal sealed partial class SqliteGroupWriter : IAsyncDisposable
{
    /// <summary>Jobs a commit, at most: keeps a transaction far below 100 ms (ledger.md rule 23).</summary>
    private const int MaxGroup = 512;

    /// <summary>Of every 100 ms the lock is free for at least 5, so that another process on the same folder gets its turn (rule 23).</summary>
    private static readonly TimeSpan Busy = TimeSpan.FromMilliseconds(95);

    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(5);

    /// <summary>A commit costs much the same for two jobs as for forty. Where the last group was a crowd, a small one waits this long for more.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(1);

    private const int Crowd = 6;

    private const int GoodGroup = 24;

    /// <summary>Between tries while the database cannot be written.</summary>
    private static readonly TimeSpan BlindPause = TimeSpan.FromMilliseconds(250);

    private readonly SqliteDatabase _database;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly AutoResetEvent _waiting = new(false);
    private readonly ManualResetEventSlim _closing = new();
    private readonly Thread _thread;
    private List<IJob> _jobs = [];
    private bool _closed;
    private bool _isIdle;
    private int _lastGroup;

    public SqliteGroupWriter(SqliteDatabase database, TimeProvider clock, ILogger logger)
    {
        _database = database;
        _clock = clock;
        _logger = logger;
        _thread = new Thread(Run) { IsBackground = true, Name = "ledger" };
        _thread.Start();
    }

    private interface IJob
    {
        void Run(SqliteLedger ledger);

        void Answer();

        void Fail(Exception exception);
    }

    /// <summary>Why nothing can be written at the moment; null while all is well.</summary>
    public string? Blind { get; private set; }

    /// <summary>Runs <paramref name="work"/> in the next transaction and completes after its commit. It may run again when the commit fails.</summary>
    public Task<T> WriteAsync<T>(Func<SqliteLedger, T> work)
    {
        var job = new Job<T>(work);
        lock (_lock)
        {
            Add(job);
        }

        return job.Task;
    }

    /// <summary>
    /// The same for an exchange. Its caller goes on in one go with those that share its commit: hundreds of connections a second would each
    /// wake a thread otherwise. So what follows the await must not block.
    /// </summary>
    public Task<ClaimAnswer> ExchangeAsync(Exchange exchange)
    {
        var job = new ExchangeJob(exchange);
        lock (_lock)
        {
            Add(job);
        }

        return job.Task;
    }

    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
        }

        _closing.Set();
        _waiting.Set();
        await Task.Run(_thread.Join);
        _waiting.Dispose();
        _closing.Dispose();
    }

    private void Add(IJob job)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        _jobs.Add(job);
        if (_isIdle)
        {
            _isIdle = false;
            _waiting.Set();
        }
    }

    private void Run()
    {
        using var connection = _database.Connect();
        using var ledger = new SqliteLedger(connection, _clock);
        var freeSince = _clock.GetTimestamp();
        while (true)
        {
            var waiting = CountWaiting();
            if (waiting == 0)
            {
                if (_closing.IsSet)
                {
                    return;
                }

                _waiting.WaitOne();
                continue;
            }

            if (waiting < GoodGroup && _lastGroup >= Crowd)
            {
                _closing.Wait(Linger);
            }

            var group = TakeGroup();
            _lastGroup = group.Count;
            Commit(connection, ledger, group);
            if (_clock.GetElapsedTime(freeSince) >= Busy)
            {
                _closing.Wait(Breath);
                freeSince = _clock.GetTimestamp();
            }
        }
    }

    /// <summary>None = whoever comes next wakes this thread.</summary>
    private int CountWaiting()
    {
        lock (_lock)
        {
            _isIdle = _jobs.Count == 0;
            return _jobs.Count;
        }
    }

    private List<IJob> TakeGroup()
    {
        lock (_lock)
        {
            if (_jobs.Count <= MaxGroup)
            {
                var all = _jobs;
                _jobs = [];
                return all;
            }

            var group = _jobs.GetRange(0, MaxGroup);
            _jobs.RemoveRange(0, MaxGroup);
            return group;
        }
    }

    /// <summary>Commits the group; while the world (disk, lock) stands in the way it tries again, and nobody is answered before it is on disk.</summary>
    private void Commit(SqliteConnection connection, SqliteLedger ledger, List<IJob> group)
    {
        while (group.Count > 0)
        {
            IJob? running = null;
            try
            {
                using (var turn = _database.Gate.EnterAsync(ledger: true).AsTask().GetAwaiter().GetResult())
                using (var transaction = connection.BeginTransaction(deferred: false))
                {
                    ledger.Begin(transaction);
                    foreach (var job in group)
                    {
                        running = job;
                        job.Run(ledger);
                    }

                    running = null;
                    ledger.Complete();
                    transaction.Commit();
                    ledger.Committed();
                }

                Blind = null;
                Answer(group);
                return;
            }
            catch (SqliteException exception) when (IsTheWorlds(exception))
            {
                if (Blind is null)
                {
                    Log.Blind(_logger, exception);
                }

                Blind = $"The database cannot be written: {exception.Message}";
                if (_closing.Wait(BlindPause))
                {
                    // Shutting down blind: what was not recorded is still "sending" in the file, and becomes uncertain at the next start.
                    group.ForEach(job => job.Fail(exception));
                    return;
                }
            }
            catch (Exception exception)
            {
                // A mistake of ours in one job must not stop the others: it alone fails, the rest runs again.
                Log.JobFailed(_logger, exception);
                if (running is null)
                {
                    group.ForEach(job => job.Fail(exception));
                    return;
                }

                running.Fail(exception);
                group.Remove(running);
            }
        }
    }

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

    /// <summary>SQLITE_BUSY 5, LOCKED 6, NOMEM 7, READONLY 8, IOERR 10, FULL 13, CANTOPEN 14: they may pass.</summary>
    private static bool IsTheWorlds(SqliteException exception) => exception.SqliteErrorCode is 5 or 6 or 7 or 8 or 10 or 13 or 14;

    private sealed class Job<T>(Func<SqliteLedger, T> work) : IJob
    {
        private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        public Task<T> Task => _answer.Task;

        public void Run(SqliteLedger ledger) => _result = work(ledger);

        public void Answer() => _answer.TrySetResult(_result);

        public void Fail(Exception exception) => _answer.TrySetException(exception);
    }

    private sealed class ExchangeJob(Exchange exchange) : TaskCompletionSource<ClaimAnswer>, IJob
    {
        private ClaimAnswer? _answer;

        public void Run(SqliteLedger ledger) => _answer = ledger.Exchange(exchange);

        public void Answer() => TrySetResult(_answer!);

        /// <summary>Its caller goes on elsewhere: this is the writer's thread.</summary>
        public void Fail(Exception exception) => ThreadPool.QueueUserWorkItem(_ => TrySetException(exception));
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "The ledger cannot be written; nothing new is sent until it can")]
        public static partial void Blind(ILogger logger, Exception exception);

        [LoggerMessage(LogLevel.Error, "A write to the ledger failed")]
        public static partial void JobFailed(ILogger logger, Exception exception);
    }
}
