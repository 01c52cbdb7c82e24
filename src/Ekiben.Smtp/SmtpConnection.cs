using System.Runtime.CompilerServices;

namespace Ekiben.Smtp;

/// <summary>
/// One connection to a server that takes messages. One at a time:
/// <code>
/// var outcome = await connection.SendAsync(message, abort);
/// </code>
/// or chained, where the end of one message and the commands of the next leave in one write, which makes one round trip a message:
/// <code>
/// connection.Begin(n);
/// await connection.PrepareAsync(abort);                 // n's MAIL, RCPT and DATA are on the wire; meanwhile n+1 can be claimed
/// if (connection.Begun &lt; connection.Capacity)          // 2 with PIPELINING, else 1
/// {
///     connection.Begin(n1);                             // nothing leaves yet
/// }
/// var outcome = await connection.CompleteAsync(abort);  // n's body and dot, n1's MAIL, RCPT and DATA: one write; n's outcome
/// await connection.PrepareAsync(abort);                 // n1's replies, mostly here already: n+2 can be claimed; and so on
/// </code>
/// <para>
/// Outcomes come in the order of <see cref="Begin"/>, one for each message, also when the connection is lost: then <see cref="CompleteAsync"/>
/// gives the rest theirs without waiting, "not sent" for those of which no end can have left. Nothing that the server or the network does
/// is thrown. A message that is refused costs only itself. A message's bytes must stay as they are until its outcome is taken.
/// </para>
/// <para>
/// Calls may not overlap. <see cref="PrepareAsync"/> may run while other work is awaited, but has to be awaited before the next call.
/// Steady sending allocates nothing but the reply of an outcome.
/// </para>
/// </summary>
public sealed class SmtpConnection : IAsyncDisposable
{
    private readonly SmtpSession _session;
    private readonly Wire _wire;
    private readonly PeerMemory _peers;
    private readonly string _peer;
    private readonly Action<SmtpMoment>? _passed;
    private bool _isRemembered;

    private SmtpConnection(SmtpSession session, Wire wire, PeerMemory peers, SmtpOptions options) =>
        (_session, _wire, _peers, _peer, _passed) = (session, wire, peers, options.Peer, options.Passed);

    /// <summary>
    /// False once it cannot take another message: the server closed it, or broke the protocol, or a reply was lost; and when the server refused so
    /// many that it would soon close it.
    /// </summary>
    public bool IsUsable => _session is { State: SmtpSessionState.Ready, IsWorn: false } && _wire.IsOpen;

    /// <summary>How many messages may be begun before the outcome of the first is taken: 2 where transactions are chained, else 1.</summary>
    public int Capacity => _session.Capacity;

    /// <summary>Messages begun whose outcome was not taken: the rows that are on this connection.</summary>
    public int Begun => _session.Begun;

    /// <summary>Dials, encrypts and logs in.</summary>
    /// <param name="options">Where to, and how.</param>
    /// <param name="peers">What is known about servers; one for the process.</param>
    /// <param name="clock">For the time limits.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SmtpUnavailableException">It cannot be reached, or it does not want us.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancel"/>.</exception>
    public static async ValueTask<SmtpConnection> ConnectAsync(SmtpOptions options, PeerMemory peers, TimeProvider clock, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(peers);
        ArgumentNullException.ThrowIfNull(clock);
        var wire = await Wire.DialAsync(options, clock, cancel);
        try
        {
            if (options.Tls == SmtpTls.Implicit)
            {
                await wire.EncryptAsync(cancel);
            }

            var session = new SmtpSession(options, options.ClientName ?? wire.AddressLiteral, peers.IsOneByOne(options.Peer));
            var connection = new SmtpConnection(session, wire, peers, options);
            await connection.OpenAsync(cancel);
            return connection;
        }
        catch
        {
            wire.Dispose();
            throw;
        }
    }

    /// <summary>Begins a message; nothing leaves before the next <see cref="PrepareAsync"/> or <see cref="CompleteAsync"/>.</summary>
    /// <param name="message">What, and to whom.</param>
    /// <exception cref="InvalidOperationException"><see cref="Capacity"/> messages are begun.</exception>
    public void Begin(in SmtpMessage message) => _session.Begin(message);

    /// <summary>
    /// Goes as far with the oldest message as it can without a byte of its body leaving: to the server's 354, or to its outcome, which
    /// <see cref="CompleteAsync"/> then gives. Returns at once where that is so already.
    /// </summary>
    /// <param name="abort">Ends waiting for the server; the connection is then lost.</param>
    [AsyncMethodBuilder(typeof(PooledAsync))]
    public async ValueTask PrepareAsync(CancellationToken abort)
    {
        if (_session.Begun == 0)
        {
            throw new InvalidOperationException("no message is begun");
        }

        using var watch = _wire.GiveUpOn(abort);
        while (!_session.HasOutcome && !_session.IsReadyForBody)
        {
            await StepAsync();
        }
    }

    /// <summary>Sends the oldest message's body, and behind it the commands of the next where one is begun, and waits for the outcome.</summary>
    /// <param name="abort">Ends waiting for the server at shutdown; a message that may have left is then uncertain.</param>
    [AsyncMethodBuilder(typeof(PooledAsync<>))]
    public async ValueTask<DeliveryOutcome> CompleteAsync(CancellationToken abort)
    {
        if (_session.Begun == 0)
        {
            throw new InvalidOperationException("no message is begun");
        }

        using var watch = _wire.GiveUpOn(abort);
        while (!_session.HasOutcome)
        {
            if (_session.IsReadyForBody)
            {
                _passed?.Invoke(SmtpMoment.DataAllowed);
                _session.SendBody();
            }

            await StepAsync();
        }

        _session.TryTakeOutcome(out var outcome);
        return outcome!;
    }

    /// <summary>One message from its beginning to its outcome, when no other is begun.</summary>
    /// <param name="message">What, and to whom.</param>
    /// <param name="abort">As with <see cref="CompleteAsync"/>.</param>
    public ValueTask<DeliveryOutcome> SendAsync(in SmtpMessage message, CancellationToken abort)
    {
        if (Begun > 0)
        {
            throw new InvalidOperationException("another message is begun");
        }

        Begin(message);
        return CompleteAsync(abort);
    }

    /// <summary>Says QUIT where that is possible, and closes. Messages that are begun end without an outcome: take theirs first.</summary>
    public async ValueTask DisposeAsync()
    {
        _session.Quit();
        while (_session.State == SmtpSessionState.Ready && (_session.HasOutput || _session.AwaitsReply) && _session.Begun == 0)
        {
            await StepAsync(quits: true);
        }

        _wire.Dispose();
    }

    private async ValueTask OpenAsync(CancellationToken cancel)
    {
        using (_wire.GiveUpOn(cancel))
        {
            while (_session.State is SmtpSessionState.Opening or SmtpSessionState.AwaitingTls)
            {
                if (_session.State == SmtpSessionState.AwaitingTls)
                {
                    await _wire.EncryptAsync(cancel);
                    _session.TlsStarted();
                }

                await StepAsync();
            }
        }

        if (_session.Failure is { } failure)
        {
            cancel.ThrowIfCancellationRequested();
            throw new SmtpUnavailableException(failure.Phase, failure.Reason, failure.IsPermanent);
        }
    }

    /// <summary>Writes all that there is to write, or else waits for the server once.</summary>
    [AsyncMethodBuilder(typeof(PooledAsync))]
    private async ValueTask StepAsync(bool quits = false)
    {
        if (!_wire.IsOpen)
        {
            _session.Lost(_wire.Reason ?? "the connection is closed");
        }
        else if (_session.HasOutput)
        {
            // Taken one block at a time: what was not taken when the connection ends has certainly not left.
            var inBody = _session.IsInBody;
            var length = _session.TakeOutput(_wire.WriteBuffer.Span);
            if (await _wire.WriteAsync(length))
            {
                Written(inBody, length);
            }
            else
            {
                // A server that refuses and closes has often said why.
                _session.Receive(_wire.ReadWhatIsThere());
                _session.Lost(_wire.Reason!, _wire.TimedOut);
            }
        }
        else
        {
            var received = await _wire.ReadAsync(quits ? _wire.Timeouts.Quit : LimitOf(_session.Phase));
            if (received.IsEmpty)
            {
                _session.Lost(_wire.Reason!, _wire.TimedOut && _session.Phase != SmtpPhase.Dot);
            }
            else
            {
                _session.Receive(received.Span);
            }
        }

        Remember();
    }

    private void Written(bool inBody, int length)
    {
        if (_passed is not { } passed)
        {
            return;
        }

        if (inBody)
        {
            passed(_session.IsInBody ? SmtpMoment.BodyBlockWritten : SmtpMoment.DotWritten);
        }

        if (!_session.IsInBody && _wire.WriteBuffer.Span[..length].EndsWith("DATA\r\n"u8))
        {
            passed(SmtpMoment.DataWritten);
        }
    }

    private TimeSpan LimitOf(SmtpPhase phase) => phase switch
    {
        SmtpPhase.Dot => _wire.Timeouts.Dot,
        SmtpPhase.Data => _wire.Timeouts.Data,
        SmtpPhase.Mail or SmtpPhase.Rcpt => _wire.Timeouts.Envelope,
        _ => _wire.Timeouts.Greeting,
    };

    private void Remember()
    {
        if (_session.State == SmtpSessionState.Closed && !_isRemembered)
        {
            _isRemembered = true;
            if (_session.PeerMisbehaved)
            {
                _peers.Misbehaved(_peer);
            }
            else if (_session.LostInChain)
            {
                _peers.LostInChain(_peer);
            }
        }
        else if (_session.ChainWorked)
        {
            _peers.ChainWorked(_peer);
        }
    }
}
