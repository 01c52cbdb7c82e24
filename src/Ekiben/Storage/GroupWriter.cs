namespace Ekiben.Storage;

/// <summary>
/// The ledger's one writer: a thread with a connection of its own that takes whatever work is waiting, does it in one transaction and answers
/// after the commit. The commit is the cost, so thirty connections share one (docs/adr/0001). Each database brings the transaction.
/// </summary>
internal abstract partial class GroupWriter<TLedger> : IAsyncDisposable where TLedger : Ledger
{
    /// <summary>Jobs a commit, at most: keeps a transaction far below 100 ms (ledger.md rule 23).</summary>
    private const int MaxGroup = 512;

    /// <summary>A commit costs much the same for two jobs as for forty. Where the last group was a crowd, a small one waits this long for more.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(1);

    private const int Crowd = 6;

    private const int GoodGroup = 24;

    /// <summary>Between tries while the database cannot be written.</summary>
    private static readonly TimeSpan BlindPause = TimeSpan.FromMilliseconds(250);

    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly AutoResetEvent _waiting = new(false);
    private readonly ManualResetEventSlim _closing = new();
    private readonly Thread _thread;
    private List<IJob> _jobs = [];
    private bool _closed;
    private bool _isIdle;
    private int _lastGroup;

    protected GroupWriter(ILogger logger)
    {
        _logger = logger;
        _thread = new Thread(Run) { IsBackground = true, Name = "ledger" };
    }

    /// <summary>Why nothing can be written at the moment; null while all is well.</summary>
    public string? Blind { get; private set; }

    /// <summary>Runs <paramref name="work"/> in the next transaction and completes after its commit. It may run again when the commit fails.</summary>
    public Task<T> WriteAsync<T>(Func<TLedger, T> work)
    {
        var job = new Job<T>(work);
        Add(job);
        return job.Task;
    }

    /// <summary>
    /// The same for an exchange, which a database may read ahead for the whole group. Its caller goes on in one go with those that share its
    /// commit: hundreds of connections a second would each wake a thread otherwise. So what follows the await must not block.
    /// </summary>
    public ValueTask<ClaimAnswer> ExchangeAsync(in Exchange exchange)
    {
        var job = RentJob();
        var answer = job.Begin(exchange);
        Add(job);
        return answer;
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

    /// <summary>For the end of the derived constructor: from here on its members are used by the writer's thread.</summary>
    protected void Start() => _thread.Start();

    /// <summary>
    /// Runs <paramref name="work"/> in one transaction and commits it; when it returns, that is on disk. Called again with the same group
    /// after it threw, unless a job of the group was at fault.
    /// </summary>
    /// <param name="exchanges">Those among the group's jobs.</param>
    /// <param name="work">Runs the group's jobs.</param>
    protected abstract void Transact(IEnumerable<Exchange> exchanges, Action<TLedger> work);

    /// <summary>True when the world (disk, lock, network) stands in the way, which may pass.</summary>
    protected abstract bool IsTheWorlds(Exception exception);

    /// <summary>The group of the last <see cref="Transact"/> is given up: the next one is another.</summary>
    protected virtual void Abandon()
    {
    }

    /// <summary>After each group; <paramref name="closing"/> is set at shutdown.</summary>
    protected virtual void Rest(ManualResetEventSlim closing)
    {
    }

    /// <summary>On the writer's thread, when it ends.</summary>
    protected virtual void Close()
    {
    }

    private void Add(IJob job)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            _jobs.Add(job);
            if (_isIdle)
            {
                _isIdle = false;
                _waiting.Set();
            }
        }
    }

    private void Run()
    {
        while (true)
        {
            var waiting = CountWaiting();
            if (waiting == 0)
            {
                if (_closing.IsSet)
                {
                    Close();
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
            Commit(group);
            Rest(_closing);
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
                _jobs = _unusedGroups.TryPop(out var unused) ? unused : [];
                return all;
            }

            var group = _jobs.GetRange(0, MaxGroup);
            _jobs.RemoveRange(0, MaxGroup);
            return group;
        }
    }

    /// <summary>Commits the group; while the world (disk, lock) stands in the way it tries again, and nobody is answered before it is on disk.</summary>
    private void Commit(List<IJob> group)
    {
        while (group.Count > 0)
        {
            IJob? running = null;
            try
            {
                Transact(ExchangesOf(group), ledger =>
                {
                    foreach (var job in group)
                    {
                        running = job;
                        job.Run(ledger);
                    }

                    running = null;
                });
                Blind = null;
                Answer(group);
                return;
            }
            catch (Exception exception) when (IsTheWorlds(exception))
            {
                if (Blind is null)
                {
                    Log.Blind(_logger, exception);
                }

                Blind = $"The database cannot be written: {exception.Message}";
                if (_closing.Wait(BlindPause))
                {
                    // Shutting down blind: what was not recorded is still "sending" in the file, and becomes uncertain at the next start.
                    Abandon();
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
                    Abandon();
                    group.ForEach(job => job.Fail(exception));
                    return;
                }

                running.Fail(exception);
                group.Remove(running);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "The ledger cannot be written; nothing new is sent until it can")]
        public static partial void Blind(ILogger logger, Exception exception);

        [LoggerMessage(LogLevel.Error, "A write to the ledger failed")]
        public static partial void JobFailed(ILogger logger, Exception exception);
    }
}
