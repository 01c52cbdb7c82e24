using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ekiben.Sink;

/// <summary>What a sink has seen so far.</summary>
/// <param name="ConnectionsNow">Connections open now.</param>
/// <param name="ConnectionsPeak">The most that were open at once.</param>
/// <param name="ConnectionsTotal">All that were accepted from the network, also those turned away.</param>
/// <param name="ConnectionsBroken">Those that ended by a reset from the client, a failed TLS handshake, idleness or the sink's stop.</param>
/// <param name="Accepted">Messages accepted, also where a fault withheld the reply.</param>
/// <param name="NotAccepted">Messages that came to the end of DATA and were refused, deferred or left without a reply.</param>
internal readonly record struct SinkCounters(
    int ConnectionsNow, int ConnectionsPeak, long ConnectionsTotal, long ConnectionsBroken, long Accepted, long NotAccepted);

/// <summary>
/// An SMTP server that accepts mail and delivers it nowhere: it writes down what it answered and fails on request.
/// The other end of every test of sending, in this process or in its own (<c>ekiben sink</c>).
/// </summary>
internal sealed class SmtpSink : IAsyncDisposable
{
    private static readonly TimeSpan IdleCheckPeriod = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan AcceptRetryPeriod = TimeSpan.FromMilliseconds(20);

    private readonly TimeProvider _clock;
    private readonly Socket _listener;
    private readonly SinkJournal? _journal;
    private readonly ITimer _idleCheck;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<SinkConnection, Task> _connections = new();
    private readonly Task _accepting;
    private readonly Lock _gate = new();
    private readonly List<SinkMessage> _kept = [];
    private readonly List<(long Count, TaskCompletionSource Reached)> _waiting = [];
    private SinkCounters _counters;
    private bool _disposed;

    private SmtpSink(SmtpSinkOptions options, TimeProvider clock, Socket listener, SinkJournal? journal, X509Certificate2? certificate)
    {
        (Options, _clock, _listener, Certificate) = (options, clock, listener, certificate);
        _journal = journal;
        Stopping = _stop.Token;
        EndPoint = (IPEndPoint)listener.LocalEndPoint!;
        Faults = new FaultPlan(options.Faults, options.Seed, clock);
        _idleCheck = clock.CreateTimer(_ => DropIdle(), null, IdleCheckPeriod, IdleCheckPeriod);
        _accepting = AcceptAsync();
    }

    /// <summary>Where it listens, with the real port.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>The self-signed certificate of STARTTLS, for clients to trust; null when that is not offered.</summary>
    public X509Certificate2? Certificate { get; }

    /// <summary>Runs until the sink is disposed; fails when the journal cannot be written or a conversation meets a bug.</summary>
    public Task Completion => _completion.Task;

    /// <summary>What has been counted so far.</summary>
    public SinkCounters Counters
    {
        get
        {
            lock (_gate)
            {
                return _counters;
            }
        }
    }

    /// <summary>The messages so far, accepted or not, in the order of their dots. A copy; empty unless messages are kept.</summary>
    public IReadOnlyList<SinkMessage> Messages
    {
        get
        {
            lock (_gate)
            {
                return [.. _kept];
            }
        }
    }

    internal SmtpSinkOptions Options { get; }

    internal FaultPlan Faults { get; private set; }

    internal CancellationToken Stopping { get; }

    internal DateTimeOffset UtcNow => _clock.GetUtcNow();

    internal bool IsCrowded => Counters.ConnectionsNow > Options.MaxConnections;

    internal bool IsFull
    {
        get
        {
            lock (_gate)
            {
                return Options.KeepMessages && _kept.Count >= Options.MaxKeptMessages;
            }
        }
    }

    /// <summary>Opens the journal, listens and begins to accept.</summary>
    /// <exception cref="SocketException">The address is taken or not ours.</exception>
    /// <exception cref="IOException">The journal cannot be opened.</exception>
    public static Task<SmtpSink> StartAsync(SmtpSinkOptions options, TimeProvider clock, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var listener = new Socket(options.Listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(options.Listen);
            listener.Listen(backlog: 512);
            SmtpSink? sink = null;
            var journal = options.JournalPath is { } path ? SinkJournal.Open(path, e => sink?.Fail(e)) : null;
            sink = new SmtpSink(options, clock, listener, journal, options.StartTls ? SelfSigned(clock.GetUtcNow()) : null);
            return Task.FromResult(sink);
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    /// <summary>Waits until so many messages were accepted since the start; at once if they were.</summary>
    /// <exception cref="ObjectDisposedException">The sink was disposed first.</exception>
    public Task WaitForMessagesAsync(int count, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_counters.Accepted >= count || _completion.Task.IsCompleted)
            {
                return _completion.Task.IsFaulted ? _completion.Task : Task.CompletedTask;
            }

            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((count, reached));
            return reached.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Puts other rules in force, for connections open now too. Their counts begin at zero.</summary>
    public void ReplaceFaults(params IReadOnlyList<FaultRule> rules) => Faults = new FaultPlan(rules, Options.Seed, _clock);

    /// <summary>Drops the connections, finishes the journal and closes the port.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        await _stop.CancelAsync();
        _listener.Dispose();
        await _idleCheck.DisposeAsync();
        await _accepting;
        foreach (var connection in _connections.Keys)
        {
            connection.Abort();
        }

        await Task.WhenAll(_connections.Values);
        _journal?.Dispose();
        Certificate?.Dispose();
        _stop.Dispose();
        _completion.TrySetResult();
        FailWaiting(new ObjectDisposedException(nameof(SmtpSink)));
    }

    /// <summary>Writes a message down. No reply to it may leave before the task is done.</summary>
    internal Task Record(SinkMessage message)
    {
        var onDisk = _journal?.Append(message) ?? Task.CompletedTask;
        lock (_gate)
        {
            if (message.Accepted)
            {
                _counters = _counters with { Accepted = _counters.Accepted + 1 };
            }
            else
            {
                _counters = _counters with { NotAccepted = _counters.NotAccepted + 1 };
            }

            if (Options.KeepMessages && _kept.Count < Options.MaxKeptMessages)
            {
                _kept.Add(message);
            }

            for (var i = _waiting.Count - 1; i >= 0; i--)
            {
                if (_waiting[i].Count <= _counters.Accepted)
                {
                    _waiting[i].Reached.TrySetResult();
                    _waiting.RemoveAt(i);
                }
            }
        }

        return onDisk;
    }

    private async Task AcceptAsync()
    {
        while (!Stopping.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptAsync(Stopping);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException) when (!Stopping.IsCancellationRequested)
            {
                // A connection that was reset before it was accepted, or no descriptor left for it: the next may fare better.
                await Task.Delay(AcceptRetryPeriod, _clock, Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }

            socket.NoDelay = true;
            var connection = new SinkConnection(this, new SinkChannel(socket, _clock));

            // Entered before it runs, so that a conversation that ends at once finds itself.
            var start = new TaskCompletionSource();
            _connections[connection] = ServeAsync(connection, start.Task);
            start.SetResult();
        }
    }

    private async Task ServeAsync(SinkConnection connection, Task start)
    {
        await start.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        Count(now: +1);
        var whole = false;
        try
        {
            whole = await connection.RunAsync();
        }
        catch (Exception e)
        {
            // A bug in a conversation: whoever runs the sink must hear of it.
            Fail(e);
        }

        Count(now: -1, broken: whole ? 0 : 1);
        _connections.TryRemove(connection, out _);
    }

    private void Count(int now, int broken = 0)
    {
        lock (_gate)
        {
            var open = _counters.ConnectionsNow + now;
            _counters = _counters with
            {
                ConnectionsNow = open,
                ConnectionsPeak = Math.Max(_counters.ConnectionsPeak, open),
                ConnectionsTotal = _counters.ConnectionsTotal + Math.Max(0, now),
                ConnectionsBroken = _counters.ConnectionsBroken + broken,
            };
        }
    }

    private void DropIdle()
    {
        var now = _clock.GetTimestamp();
        foreach (var connection in _connections.Keys)
        {
            // A connection that a fault keeps says long.MaxValue.
            var last = connection.LastActive;
            if (last <= now && _clock.GetElapsedTime(last, now) > Options.IdleTimeout)
            {
                connection.Abort();
            }
        }
    }

    private void Fail(Exception e)
    {
        _completion.TrySetException(e);
        FailWaiting(e);
    }

    private void FailWaiting(Exception e)
    {
        lock (_gate)
        {
            foreach (var (_, reached) in _waiting)
            {
                reached.TrySetException(e);
            }

            _waiting.Clear();
        }
    }

    private static X509Certificate2 SelfSigned(DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(now.AddDays(-1), now.AddYears(1));
    }
}
