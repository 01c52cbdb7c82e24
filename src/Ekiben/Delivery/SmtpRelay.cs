using System.Net;
using System.Net.Sockets;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace Ekiben.Delivery;

/// <summary>
/// The user's SMTP server, spoken to through MailKit, one message at a time. What MailKit does not say, whether a message may have left when
/// the connection dies, is read from its protocol log.
/// </summary>
internal sealed class SmtpRelay(RelayOptions options, TimeProvider clock) : IRelay
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(30);

    public int Connections => options.Connections;

    public string Name => options.ToString();

    public async ValueTask<IRelayConnection> ConnectAsync(CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(ConnectTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, patience.Token);
        var phases = new PhaseLog();
        var client = new SmtpClient(phases) { Timeout = (int)SmtpConnection.ReplyTimeout.TotalMilliseconds };
        Socket? socket = null;
        try
        {
            // A socket of our own: with Nagle's algorithm MailKit's small writes wait 44 ms a message for a delayed ACK (docs/adr/0007).
            socket = await DialAsync(either.Token);
            await client.ConnectAsync(socket, options.Host, options.Port, Security(), either.Token);
            if (options.User is { } user)
            {
                await client.AuthenticateAsync(user, options.Password ?? "", either.Token);
            }

            return new SmtpConnection(client, phases, clock);
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancel.IsCancellationRequested)
        {
            client.Dispose();
            socket?.Dispose();
            throw Explain(exception);
        }
        catch
        {
            client.Dispose();
            socket?.Dispose();
            throw;
        }
    }

    private SecureSocketOptions Security() => options.Tls switch
    {
        RelayTls.Implicit => SecureSocketOptions.SslOnConnect,
        RelayTls.StartTls => SecureSocketOptions.StartTls,
        _ => SecureSocketOptions.None,
    };

    private async Task<Socket> DialAsync(CancellationToken cancel)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (IPAddress.TryParse(options.Host, out var address))
            {
                await socket.ConnectAsync(new IPEndPoint(address, options.Port), cancel);
            }
            else
            {
                await socket.ConnectAsync(options.Host, options.Port, cancel);
            }

            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Whether to try again in a while or to ask a person: 5yz and a wrong password or certificate do not mend themselves.</summary>
    private RelayUnavailableException Explain(Exception exception) => exception switch
    {
        AuthenticationException => new($"{Name} refuses the user name or password.", true, exception),
        SslHandshakeException => new($"The TLS handshake with {Name} failed: its certificate is not valid for {options.Host}, or it does not speak TLS there.", true, exception),
        NotSupportedException => new($"{Name} does not offer what was asked for: {exception.Message}", true, exception),
        SmtpCommandException { StatusCode: >= (SmtpStatusCode)500 } refused => new($"{Name} refuses us: {(int)refused.StatusCode} {refused.Message}", true, exception),
        SmtpCommandException deferred => new($"{Name} does not want us now: {(int)deferred.StatusCode} {deferred.Message}", false, exception),
        OperationCanceledException => new($"{Name} did not answer within {ConnectTimeout.TotalSeconds:0} s.", false, exception),
        _ => new($"{Name} cannot be reached: {exception.Message}", false, exception),
    };
}

/// <summary>One connection to the relay.</summary>
internal sealed class SmtpConnection(SmtpClient client, PhaseLog phases, TimeProvider clock) : IRelayConnection
{
    /// <summary>RFC 5321 §4.5.3.2.6: 10 minutes after the dot, because giving up early makes second copies.</summary>
    public static readonly TimeSpan ReplyTimeout = TimeSpan.FromMinutes(10);

    private static readonly FormatOptions WireFormat = Wire();

    public bool IsUsable { get; private set; } = true;

    public async ValueTask<DeliveryOutcome> SendAsync(OutgoingMessage message, CancellationToken abort)
    {
        phases.Begin(message.Bytes.Length);
        Failpoints.Hit(Failpoint.BeforeMail);
        try
        {
            using var mime = await MimeMessage.LoadAsync(message.AsStream(), abort);
            var reply = await client.SendAsync(WireFormat, mime, new MailboxAddress(null, message.EnvelopeSender), [new MailboxAddress(null, message.Recipient)], abort);
            Failpoints.Hit(Failpoint.ReplyRead);
            return new DeliveryOutcome.Accepted(SmtpReply.Of(250, reply));
        }
        catch (SmtpCommandException exception)
        {
            IsUsable = client.IsConnected && exception.StatusCode != SmtpStatusCode.ServiceNotAvailable;
            var reply = SmtpReply.Of((int)exception.StatusCode, exception.Message);
            var phase = PhaseOf(exception);
            return (int)exception.StatusCode >= 500
                ? new DeliveryOutcome.Refused(phase, reply)
                : new DeliveryOutcome.Deferred(phase, reply);
        }
        catch (Exception exception) when (exception is IOException or SocketException or SmtpProtocolException or ServiceNotConnectedException
                                              or OperationCanceledException or ObjectDisposedException or TimeoutException)
        {
            IsUsable = false;
            var reason = $"the connection ended: {exception.Message}";
            return phases.MayHaveLeft
                ? new DeliveryOutcome.Uncertain(phases.Phase, reason)
                : new DeliveryOutcome.NotSent(phases.Phase, reason);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (client.IsConnected && IsUsable)
        {
            // QUIT is a courtesy: everything that matters has been answered already.
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2), clock);
            try
            {
                await client.DisconnectAsync(quit: true, patience.Token);
            }
            catch (Exception exception) when (exception is IOException or SocketException or ProtocolException or CommandException or OperationCanceledException)
            {
                IsUsable = false;
            }
        }

        client.Dispose();
    }

    /// <summary>With PIPELINING, MAIL and RCPT leave together: which of them was refused is in MailKit's error, not in what was last written.</summary>
    private SmtpPhase PhaseOf(SmtpCommandException exception) => exception.ErrorCode switch
    {
        SmtpErrorCode.SenderNotAccepted => SmtpPhase.Mail,
        SmtpErrorCode.RecipientNotAccepted => SmtpPhase.Rcpt,
        SmtpErrorCode.MessageNotAccepted => phases.Phase < SmtpPhase.Data ? SmtpPhase.Dot : phases.Phase,
        _ => phases.Phase,
    };

    private static FormatOptions Wire()
    {
        var format = FormatOptions.Default.Clone();
        format.NewLineFormat = NewLineFormat.Dos;
        return format;
    }
}

/// <summary>Follows the conversation that MailKit logs, so that a failure is known to be before or after the message could have left.</summary>
internal sealed class PhaseLog : IProtocolLogger
{
    /// <summary>MailKit logs a block after writing it, at most this much at a time.</summary>
    private const int Block = 4096;

    private long _size;
    private long _sinceData;
    private bool _inData;

    public IAuthenticationSecretDetector? AuthenticationSecretDetector { get; set; }

    public SmtpPhase Phase { get; private set; } = SmtpPhase.Connect;

    /// <summary>True once the last bytes of the message could be on their way.</summary>
    public bool MayHaveLeft => _inData && _sinceData + Block >= _size;

    public void Begin(int size)
    {
        (_size, _sinceData, _inData) = (size, 0, false);
        Phase = SmtpPhase.Mail;
    }

    public void LogConnect(Uri uri) => Phase = SmtpPhase.Greeting;

    public void LogClient(byte[] buffer, int offset, int count)
    {
        var bytes = buffer.AsSpan(offset, count);
        if (_inData)
        {
            _sinceData += count;
            Phase = MayHaveLeft ? SmtpPhase.Dot : SmtpPhase.Body;
            Failpoints.Hit(bytes.EndsWith("\r\n.\r\n"u8) ? Failpoint.DotWritten : Failpoint.BodyBlockWritten);
            return;
        }

        if (bytes.StartsWith("RCPT"u8) || bytes.IndexOf("\nRCPT"u8) >= 0)
        {
            Phase = SmtpPhase.Rcpt;
        }
        else if (bytes.StartsWith("DATA"u8))
        {
            Phase = SmtpPhase.Data;
            Failpoints.Hit(Failpoint.DataWritten);
        }
    }

    public void LogServer(byte[] buffer, int offset, int count)
    {
        if (Phase == SmtpPhase.Data && buffer.AsSpan(offset, count).StartsWith("354"u8))
        {
            Failpoints.Hit(Failpoint.DataAllowed);
            _inData = true;
            Phase = SmtpPhase.Body;
        }
    }

    public void Dispose()
    {
    }
}
