namespace Ekiben.Delivery;

/// <summary>The user's SMTP server, spoken to through Ekiben.Smtp.</summary>
/// <param name="options">Where it is.</param>
/// <param name="clock">For the time limits.</param>
internal sealed class SmtpRelay(RelayOptions options, TimeProvider clock) : IRelay
{
    private readonly PeerMemory _peers = new(clock);
    private readonly SmtpOptions _smtp = new()
    {
        Host = options.Host,
        Port = options.Port,
        Tls = options.Tls switch
        {
            RelayTls.Implicit => SmtpTls.Implicit,
            RelayTls.StartTls => SmtpTls.StartTls,
            _ => SmtpTls.None,
        },
        User = options.User,
        Password = options.Password,

        // tls=none is only taken for a relay on this machine.
        AllowAuthInClear = options.Tls == RelayTls.None,
        Passed = Failpoints.Armed ? Hit : null,
    };

    public int Connections => options.Connections;

    public string Name => options.ToString();

    public async ValueTask<IRelayConnection> ConnectAsync(CancellationToken cancel)
    {
        try
        {
            return new Connection(await SmtpConnection.ConnectAsync(_smtp, _peers, clock, cancel), options.MessagesPerConnection);
        }
        catch (SmtpUnavailableException exception)
        {
            throw new RelayUnavailableException($"{Name} {exception.Message}.", exception.IsPermanent, exception);
        }
    }

    private static void Hit(SmtpMoment moment) => Failpoints.Hit(moment switch
    {
        SmtpMoment.DataWritten => Failpoint.DataWritten,
        SmtpMoment.DataAllowed => Failpoint.DataAllowed,
        SmtpMoment.BodyBlockWritten => Failpoint.BodyBlockWritten,
        _ => Failpoint.DotWritten,
    });

    private sealed class Connection(SmtpConnection smtp, int most) : IRelayConnection
    {
        private int _begun;

        public bool IsUsable => smtp.IsUsable && (most == 0 || _begun < most);

        public int Capacity => smtp.Capacity;

        public void Begin(in OutgoingMessage message)
        {
            Failpoints.Hit(Failpoint.BeforeMail);
            _begun++;
            smtp.Begin(new SmtpMessage(message.EnvelopeSender, message.Recipient, message.Bytes) { Copies = message.Copies is { Count: > 0 } copies ? copies : null });
        }

        public ValueTask PrepareAsync(CancellationToken abort) => smtp.PrepareAsync(abort);

        public ValueTask<DeliveryOutcome> CompleteAsync(CancellationToken abort)
        {
            var outcome = smtp.CompleteAsync(abort);
            return Failpoints.Armed ? ReadAsync(outcome) : outcome;
        }

        private static async ValueTask<DeliveryOutcome> ReadAsync(ValueTask<DeliveryOutcome> outcome)
        {
            var read = await outcome;
            Failpoints.Hit(Failpoint.ReplyRead);
            return read;
        }

        public ValueTask DisposeAsync() => smtp.DisposeAsync();
    }
}
