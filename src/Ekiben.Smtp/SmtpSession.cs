namespace Ekiben.Smtp;

/// <summary>
/// One conversation with a server, without any I/O: bytes of replies in, bytes to write out, and at every instant the phase of each message.
/// Opening it is in <c>SmtpSession.Opening.cs</c>, messages are in <c>SmtpSession.Messages.cs</c>, replies are taken here.
/// </summary>
/// <remarks>
/// Exactness rests on two rules. A reply counts only for the oldest command that was <em>handed out whole</em> and is not answered. And a
/// message may have left from the moment on at which a byte of its dot was handed out by <see cref="TakeOutput"/>, whatever the socket does then.
/// Not thread-safe.
/// </remarks>
internal sealed partial class SmtpSession
{
    /// <summary>The most commands that wait for a reply: dot, RSET, MAIL, RCPT, DATA, and room to be wrong in.</summary>
    private const int MaxExpected = 16;

    private readonly SmtpOptions _options;
    private readonly Queue<Expected> _expected = new(MaxExpected);
    private readonly ReplyParser _replies = new();
    private readonly CommandBuffer _commands = new();

    /// <param name="options">How to speak to the server.</param>
    /// <param name="clientName">For EHLO.</param>
    /// <param name="oneByOne">The server once misbehaved: one command at a time.</param>
    public SmtpSession(SmtpOptions options, string clientName, bool oneByOne)
    {
        (_options, _clientName, _oneByOne) = (options, clientName, oneByOne);
        IsEncrypted = options.Tls == SmtpTls.Implicit;
        Expect(Command.Greeting, null);
    }

    public SmtpSessionState State { get; private set; } = SmtpSessionState.Opening;

    /// <summary>Why it closed; null while it has not.</summary>
    public SmtpFailure? Failure { get; private set; }

    /// <summary>True when something the server did shows that it cannot do the PIPELINING that it offers.</summary>
    public bool PeerMisbehaved { get; private set; }

    /// <summary>True when the connection was lost while commands that had been chained were not answered.</summary>
    public bool LostInChain { get; private set; }

    /// <summary>True when bytes wait to be written.</summary>
    public bool HasOutput => State != SmtpSessionState.Closed && (_commands.Length > 0 || BodyToWrite() is not null);

    /// <summary>True while a message's body, or its end, waits to be written.</summary>
    public bool IsInBody => BodyToWrite() is not null;

    /// <summary>True while a reply is due.</summary>
    public bool AwaitsReply => _expected.Count > 0;

    /// <summary>What the session waits for, or does next.</summary>
    public SmtpPhase Phase => _expected.TryPeek(out var next) ? PhaseOf(next.Command)
        : State == SmtpSessionState.AwaitingTls ? SmtpPhase.Tls
        : IsReadyForBody ? SmtpPhase.Body
        : SmtpPhase.Mail;

    /// <summary>Hands bytes out. From here on they may have left.</summary>
    /// <param name="destination">As much as fits; at least 2 bytes.</param>
    /// <returns>Bytes; 0 when there is nothing to write.</returns>
    public int TakeOutput(Span<byte> destination)
    {
        if (State == SmtpSessionState.Closed)
        {
            return 0;
        }

        var written = 0;
        if (BodyToWrite() is { } body)
        {
            // Commands that were queued after the body are those of the next message: they wait until its end is out.
            written = body.CopyTo(destination);
            if (!body.BodyIsOut)
            {
                return written;
            }
        }

        return written + _commands.CopyTo(destination[written..]);
    }

    /// <summary>Takes bytes from the server.</summary>
    public void Receive(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && State != SmtpSessionState.Closed)
        {
            if (State == SmtpSessionState.AwaitingTls)
            {
                // RFC 3207 §6: what was sent in clear after 220 may be an attacker's, put there to be read as if it had been encrypted.
                Break("the server sent more in clear text after it agreed to STARTTLS", SmtpPhase.Tls, isPermanent: true);
                return;
            }

            switch (_replies.Read(ref bytes))
            {
                case ReplyStatus.Incomplete:
                    return;
                case ReplyStatus.Bad:
                    ProtocolError($"not a reply ({_replies.Fault})", Phase);
                    return;
                default:
                    Take();
                    break;
            }
        }
    }

    /// <summary>The connection is gone: closed by the server, broken, too slow, or given up by us.</summary>
    /// <param name="reason">For people.</param>
    /// <param name="isTimeout">A server that lost commands of a chain never answers them.</param>
    public void Lost(string reason, bool isTimeout = false)
    {
        if (State == SmtpSessionState.Closed)
        {
            return;
        }

        if (ChainIsOpen())
        {
            (PeerMisbehaved, LostInChain) = (PeerMisbehaved || isTimeout, true);
        }

        Break(reason, Phase, isPermanent: false);
    }

    /// <summary>Says goodbye; only when nothing else is under way.</summary>
    public void Quit()
    {
        if (State == SmtpSessionState.Ready && _expected.Count == 0)
        {
            _commands.Add("QUIT\r\n"u8);
            Expect(Command.Quit, null);
        }
    }

    private void Take()
    {
        if (_replies.Code == 421 && (!_expected.TryPeek(out var oldest) || !IsOut(oldest)))
        {
            // RFC 5321 §3.8: a server may say 421 to nothing in particular, and closes.
            Break($"the server closed: {_replies.ToReply()}", Phase, isPermanent: false);
            return;
        }

        if (!_expected.TryPeek(out var expected) || !IsOut(expected))
        {
            if (_expected.Count > 0 && expected is { Command: Command.Dot, Transaction: { } early })
            {
                TakeEarlyReply(early);
                return;
            }

            ProtocolError($"a reply to nothing: {_replies.ToReply()}", Phase);
            return;
        }

        _expected.Dequeue();
        if (expected.Transaction is { } transaction)
        {
            transaction.Unanswered--;
            TakeForMessage(expected.Command, transaction);
        }
        else
        {
            TakeForSession(expected.Command);
        }

        if (_replies.Code == 421 && State != SmtpSessionState.Closed)
        {
            Break($"the server closed: {_replies.ToReply()}", PhaseOf(expected.Command), isPermanent: false);
        }
    }

    /// <summary>True when all of a command was handed out, so that a reply can be meant for it.</summary>
    private bool IsOut(in Expected expected) =>
        expected.Command is Command.Dot or Command.LoneDot ? expected.Transaction!.BodyIsOut : expected.End <= _commands.HandedOut;

    private void Expect(Command command, Transaction? transaction)
    {
        if (transaction is not null)
        {
            transaction.Unanswered++;
        }

        _expected.Enqueue(new Expected(command, transaction, _commands.Queued));
    }

    private void ProtocolError(string what, SmtpPhase phase)
    {
        // Commands that were sent ahead are what servers lose their step over.
        PeerMisbehaved |= _expected.Count > 1;
        Break($"the server broke the protocol: {what}", phase, isPermanent: false);
    }

    /// <summary>Closes, and gives every message that has none its outcome.</summary>
    private void Break(string reason, SmtpPhase phase, bool isPermanent)
    {
        State = SmtpSessionState.Closed;
        Failure = new SmtpFailure(phase, reason, isPermanent);
        EndMessages(reason);
        _expected.Clear();
        _commands.Clear();
    }

    private static SmtpPhase PhaseOf(Command command) => command switch
    {
        Command.Greeting => SmtpPhase.Greeting,
        Command.Ehlo or Command.Helo => SmtpPhase.Ehlo,
        Command.StartTls => SmtpPhase.Tls,
        Command.Auth => SmtpPhase.Auth,
        Command.Rcpt or Command.Copy => SmtpPhase.Rcpt,
        Command.Data => SmtpPhase.Data,
        Command.Dot or Command.LoneDot => SmtpPhase.Dot,
        _ => SmtpPhase.Mail,
    };

    private enum Command
    {
        Greeting,
        Ehlo,
        Helo,
        StartTls,
        Auth,
        Rset,
        Mail,
        Rcpt,
        Copy,
        Data,
        Dot,
        LoneDot,
        Quit,
    }

    /// <summary>A command that waits for its reply.</summary>
    /// <param name="Command">Which.</param>
    /// <param name="Transaction">Whose; null where it is the session's.</param>
    /// <param name="End">How many bytes of commands must have been handed out for this one to have left whole.</param>
    private readonly record struct Expected(Command Command, Transaction? Transaction, long End);
}

/// <summary>How far a session is.</summary>
internal enum SmtpSessionState
{
    /// <summary>From the greeting to AUTH.</summary>
    Opening,

    /// <summary>The server agreed to STARTTLS: the transport shakes hands, then calls <see cref="SmtpSession.TlsStarted"/>.</summary>
    AwaitingTls,

    /// <summary>It takes messages.</summary>
    Ready,

    /// <summary>Over, for whatever reason; <see cref="SmtpSession.Failure"/> has it.</summary>
    Closed,
}

/// <summary>Why a session is over.</summary>
/// <param name="Phase">Where it stood.</param>
/// <param name="Reason">For people.</param>
/// <param name="IsPermanent">Trying again does not help.</param>
internal sealed record SmtpFailure(SmtpPhase Phase, string Reason, bool IsPermanent);
