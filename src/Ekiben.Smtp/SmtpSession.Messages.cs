namespace Ekiben.Smtp;

/// <summary>
/// Messages: at most two at a time. The second one's MAIL, RCPT and DATA are put right behind the end of the first, so that they leave in one
/// write (RFC 2920 §3.1), where the server offers PIPELINING; else everything goes one command at a time.
/// </summary>
internal sealed partial class SmtpSession
{
    private Transaction _first = new();
    private Transaction _second = new();

    /// <summary>A transaction was left open on the server: the next begins with RSET.</summary>
    private bool _needsReset;

    /// <summary>
    /// Servers count commands that bring no mail and then hang up: Exim takes 10 on a connection (<c>smtp_accept_max_nonmail</c>), of which the
    /// first RSET after each message is free; Postfix 20 errors without a message between them (<c>smtpd_hard_error_limit</c>), of which a refused
    /// recipient of a chain is two. Below both, with one message that may be under way.
    /// </summary>
    private const int MaxIdleResets = 8;

    private int _idleResets;
    private DeliveryOutcome.Accepted? _accepted;
    private byte[] _acceptedText = [];

    /// <summary>The server has had a message's end since the last RSET.</summary>
    private bool _resetIsFree = true;

    /// <summary>True when so many messages were refused that the server would soon hang up: what is begun goes on, the next takes a new connection.</summary>
    public bool IsWorn => _idleResets >= MaxIdleResets;

    /// <summary>How many messages may be begun before the outcome of the first is taken.</summary>
    public int Capacity => Pipelines ? 2 : 1;

    /// <summary>Messages begun whose outcome was not taken.</summary>
    public int Begun => (_first.IsTaken ? 1 : 0) + (_second.IsTaken ? 1 : 0);

    /// <summary>True when a chained message got its MAIL accepted: the server can do it.</summary>
    public bool ChainWorked { get; private set; }

    /// <summary>True when the oldest message has its 354 and waits for <see cref="SendBody"/>.</summary>
    public bool IsReadyForBody => _first is { IsReadyForBody: true, BodyQueued: false, Outcome: null };

    /// <summary>True when the oldest message's outcome can be taken.</summary>
    public bool HasOutcome => _first.IsOver;

    private bool Pipelines => _offers.Pipelining && _options.Pipelining && !_oneByOne;

    /// <summary>
    /// Begins a message. Its commands are put into the output when nothing is before it, or behind the end of the message before it.
    /// On a session that is closed its outcome is at once "not sent".
    /// </summary>
    /// <exception cref="InvalidOperationException">There are <see cref="Capacity"/> messages already, or the session is not open yet.</exception>
    public void Begin(in SmtpMessage message)
    {
        if (Begun >= Capacity || State is SmtpSessionState.Opening or SmtpSessionState.AwaitingTls)
        {
            throw new InvalidOperationException($"{Begun} messages are begun, state {State}");
        }

        var place = _first.IsTaken ? _second : _first;
        place.Take(message);
        if (State == SmtpSessionState.Closed)
        {
            place.Outcome = new DeliveryOutcome.NotSent(SmtpPhase.Mail, Failure!.Reason);
        }
        else if (Problem(message) is { } problem)
        {
            place.Outcome = problem;
        }
        else if (place == _first)
        {
            Start(place, chained: false);
        }
        else if (_first.BodyQueued && _first.Outcome is null)
        {
            Start(place, chained: true);
        }
        else if (_first.IsOver)
        {
            Start(place, chained: false);
        }
    }

    /// <summary>Puts the oldest message's body into the output, and behind it the commands of the next where there is one.</summary>
    public void SendBody()
    {
        if (!IsReadyForBody)
        {
            throw new InvalidOperationException("there is no message that waits for its body");
        }

        _first.QueueBody();
        Expect(Command.Dot, _first);
        if (_second is { IsTaken: true, IsStarted: false, Outcome: null })
        {
            Start(_second, chained: true);
        }
    }

    /// <summary>The oldest message's outcome, once nothing of it is under way; the next one becomes the oldest.</summary>
    public bool TryTakeOutcome(out DeliveryOutcome? outcome)
    {
        outcome = _first.IsOver ? _first.Outcome : null;
        if (outcome is null)
        {
            return false;
        }

        _first.Clear();
        (_first, _second) = (_second, _first);
        return true;
    }

    private Transaction? BodyToWrite() =>
        _first is { BodyQueued: true, BodyIsOut: false } ? _first
        : _second is { BodyQueued: true, BodyIsOut: false } ? _second
        : null;

    private bool ChainIsOpen() => IsOpen(_first) || IsOpen(_second);

    private static bool IsOpen(Transaction transaction) => transaction is { IsTaken: true, IsChained: true, MailAccepted: false, Unanswered: > 0 };

    private void Start(Transaction transaction, bool chained)
    {
        (transaction.IsStarted, transaction.IsChained) = (true, chained);
        if (_needsReset)
        {
            _needsReset = false;
            _idleResets += _resetIsFree ? 0 : 1;
            _resetIsFree = false;
            _commands.Add("RSET\r\n"u8);
            Expect(Command.Rset, null);
            if (!Pipelines)
            {
                return;
            }
        }

        SendMail(transaction);
        if (Pipelines && !transaction.IsStepwise)
        {
            SendRcpt(transaction);
            SendData(transaction);
        }
    }

    private void SendMail(Transaction transaction)
    {
        ref readonly var message = ref transaction.Message;
        _commands.Add("MAIL FROM:<"u8);
        _commands.Add(message.Sender);
        _commands.Add(">"u8);
        if (_offers.Size)
        {
            _commands.Add(" SIZE="u8);
            _commands.Add(message.Bytes.Length);
        }

        if (_offers.EightBitMime && message.Bytes.Span.ContainsAnyInRange((byte)0x80, (byte)0xFF))
        {
            _commands.Add(" BODY=8BITMIME"u8);
        }

        if (_offers.SmtpUtf8 && Envelope.NeedsUtf8(message))
        {
            _commands.Add(" SMTPUTF8"u8);
        }

        _commands.Add("\r\n"u8);
        Expect(Command.Mail, transaction);
    }

    private void SendRcpt(Transaction transaction)
    {
        _commands.Add("RCPT TO:<"u8);
        _commands.Add(transaction.Message.Recipient);
        _commands.Add(">\r\n"u8);
        Expect(Command.Rcpt, transaction);
    }

    /// <summary>The next of those who get a copy, or DATA when all were named.</summary>
    private void SendCopyOrData(Transaction transaction)
    {
        if (transaction.Message.Copies is not { } copies || transaction.CopiesNamed == copies.Count)
        {
            SendData(transaction);
            return;
        }

        _commands.Add("RCPT TO:<"u8);
        _commands.Add(copies[transaction.CopiesNamed++]);
        _commands.Add(">\r\n"u8);
        Expect(Command.Copy, transaction);
    }

    private void SendData(Transaction transaction)
    {
        _commands.Add("DATA\r\n"u8);
        Expect(Command.Data, transaction);
    }

    private void TakeForMessage(Command command, Transaction transaction)
    {
        var kind = _replies.Code / 100;
        if (IsOutOfStep(command, transaction))
        {
            PeerMisbehaved = true;
            Break($"the server cannot do the PIPELINING that it offers: {_replies.ToReply()}", PhaseOf(command), isPermanent: false);
            return;
        }

        _resetIsFree |= command is Command.Dot or Command.LoneDot;
        if (command == Command.LoneDot)
        {
            // The answer to a message that nobody was to have counts for nobody.
        }
        else if (command == Command.Mail && _replies.Code == 421)
        {
            // RFC 5321 §3.8: the server closes, whoever is next; Exim says so after the messages that it takes on a connection. Nobody's message
            // was looked at: the one that is closed upon was not sent.
        }
        else if (command == Command.Copy && _replies.Code != 421)
        {
            // A copy that is refused is left out; the message is its recipient's.
            SendCopyOrData(transaction);
        }
        else if (kind >= 4)
        {
            // The first refusal is the reason; what follows in the chain only follows from it.
            transaction.Outcome ??= Refusal(PhaseOf(command));
        }
        else if (command == Command.Data)
        {
            if (!TakeData(transaction))
            {
                return;
            }
        }
        else if (kind == 3)
        {
            ProtocolError($"{_replies.Code} to {command}", PhaseOf(command));
            return;
        }
        else
        {
            TakeAccepted(command, transaction);
        }

        if (transaction.IsOver)
        {
            Finish(command, transaction);
        }
    }

    private void TakeAccepted(Command command, Transaction transaction)
    {
        switch (command)
        {
            case Command.Mail:
                transaction.MailAccepted = true;
                ChainWorked |= transaction.IsChained;
                if (!Pipelines || transaction.IsStepwise)
                {
                    SendRcpt(transaction);
                }

                break;
            case Command.Rcpt:
                transaction.RcptAccepted = true;
                if (!Pipelines || transaction.IsStepwise)
                {
                    SendCopyOrData(transaction);
                }

                break;
            default:
                transaction.Outcome = Acceptance();
                break;
        }
    }

    private bool TakeData(Transaction transaction)
    {
        if (_replies.Code != 354)
        {
            ProtocolError($"{_replies.Code} to DATA", SmtpPhase.Data);
            return false;
        }

        if (transaction.Outcome is null)
        {
            transaction.IsReadyForBody = true;
        }
        else
        {
            // RFC 2920 §3.1: the server may take DATA although it refused every recipient; then the client sends a single dot.
            transaction.QueueLoneDot();
            Expect(Command.LoneDot, transaction);
        }

        return true;
    }

    /// <summary>A server that answers before the end of the body: no is believed, yes is not. Nothing can be said on such a connection after it.</summary>
    private void TakeEarlyReply(Transaction transaction)
    {
        if (_replies.Code < 400)
        {
            ProtocolError($"{_replies.ToReply()} before the end of the message", SmtpPhase.Body);
            return;
        }

        transaction.Outcome = Refusal(SmtpPhase.Body);
        Break($"the server refused in the middle of a message: {_replies.ToReply()}", SmtpPhase.Body, isPermanent: false);
    }

    /// <summary>"Bad sequence of commands" where the sequence was right: the server lost some of what was sent ahead.</summary>
    private bool IsOutOfStep(Command command, Transaction transaction) => Pipelines && transaction.Outcome is null && command switch
    {
        Command.Mail => transaction.IsChained && _replies.Code is 500 or 502 or 503,
        Command.Rcpt or Command.Data => _replies.Code == 503 && !transaction.IsStepwise,
        _ => false,
    };

    private void Finish(Command command, Transaction transaction)
    {
        if (command is not (Command.Dot or Command.LoneDot) && transaction.MailAccepted)
        {
            _needsReset = true;
        }

        var other = transaction == _first ? _second : _first;
        if (_replies.Code != 421 && other is { IsTaken: true, IsStarted: false, Outcome: null })
        {
            Start(other, chained: false);
        }
    }

    private void EndMessages(string reason)
    {
        End(_first, reason);
        End(_second, reason);
    }

    private static void End(Transaction transaction, string reason)
    {
        if (!transaction.IsTaken)
        {
            return;
        }

        transaction.Unanswered = 0;
        transaction.Outcome ??= transaction.DotMayHaveLeft
            ? new DeliveryOutcome.Uncertain(SmtpPhase.Dot, reason)
            : new DeliveryOutcome.NotSent(
                transaction.IsReadyForBody ? SmtpPhase.Body
                : transaction.RcptAccepted ? SmtpPhase.Data
                : transaction.MailAccepted ? SmtpPhase.Rcpt
                : SmtpPhase.Mail,
                reason);
    }

    /// <summary>Many servers say the same each time: then it is the same object.</summary>
    private DeliveryOutcome.Accepted Acceptance()
    {
        if (_accepted is null || !_replies.Says(_accepted.Reply.Code, _acceptedText))
        {
            _accepted = new DeliveryOutcome.Accepted(_replies.ToReply());
            _acceptedText = _replies.Text.ToArray();
        }

        return _accepted;
    }

    private DeliveryOutcome Refusal(SmtpPhase phase) => _replies.Code < 500
        ? new DeliveryOutcome.Deferred(phase, _replies.ToReply())
        : new DeliveryOutcome.Refused(phase, _replies.ToReply());

    /// <summary>What the server's extensions already rule out, and what cannot be said in SMTP at all.</summary>
    private DeliveryOutcome.Refused? Problem(in SmtpMessage message)
    {
        if (!Envelope.CanBeSaid(message.Sender, mayBeEmpty: true))
        {
            return new(SmtpPhase.Mail, new SmtpReply(553, "5.1.7", "the sender's address cannot be written in SMTP"));
        }

        if (!Envelope.CanBeSaid(message.Recipient, mayBeEmpty: false))
        {
            return new(SmtpPhase.Rcpt, new SmtpReply(553, "5.1.3", "the address cannot be written in SMTP"));
        }

        if (message.Copies?.Any(copy => !Envelope.CanBeSaid(copy, mayBeEmpty: false)) == true)
        {
            return new(SmtpPhase.Rcpt, new SmtpReply(553, "5.1.3", "the address of a copy cannot be written in SMTP"));
        }

        if (!_offers.SmtpUtf8 && Envelope.NeedsUtf8(message))
        {
            return new(SmtpPhase.Rcpt, new SmtpReply(553, "5.6.7", "the address or the headers need SMTPUTF8, which the relay does not offer"));
        }

        return _offers.MaxSize > 0 && message.Bytes.Length > _offers.MaxSize
            ? new(SmtpPhase.Data, new SmtpReply(552, "5.3.4", $"the message has {message.Bytes.Length} bytes, the relay takes {_offers.MaxSize}"))
            : null;
    }
}
