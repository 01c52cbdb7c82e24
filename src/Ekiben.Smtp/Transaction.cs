namespace Ekiben.Smtp;

/// <summary>One message on its way through MAIL, RCPT, DATA and the dot (RFC 5321 §3.3).</summary>
internal sealed class Transaction
{
    private SmtpMessage _message;
    private int _position;
    private int _terminator;
    private bool _lineStart;

    /// <summary>True while a message is in this place.</summary>
    public bool IsTaken { get; private set; }

    public ref readonly SmtpMessage Message => ref _message;

    /// <summary>What came of it, as soon as it is certain; replies may still be on their way.</summary>
    public DeliveryOutcome? Outcome { get; set; }

    /// <summary>Commands that were put into the output and not answered yet.</summary>
    public int Unanswered { get; set; }

    /// <summary>Its MAIL was put into the output.</summary>
    public bool IsStarted { get; set; }

    /// <summary>Its commands left together with the end of the message before it.</summary>
    public bool IsChained { get; set; }

    public bool MailAccepted { get; set; }

    public bool RcptAccepted { get; set; }

    /// <summary>How many of the message's copies were named.</summary>
    public int CopiesNamed { get; set; }

    /// <summary>With copies each command waits for the reply before it: DATA must not be taken for them when the recipient is refused.</summary>
    public bool IsStepwise => _message.Copies is { Count: > 0 };

    /// <summary>354 came: the body may begin.</summary>
    public bool IsReadyForBody { get; set; }

    /// <summary>Its body, or a lone dot, was put into the output.</summary>
    public bool BodyQueued { get; private set; }

    /// <summary>True once a byte of the dot was handed out: it may have left.</summary>
    public bool DotMayHaveLeft => _terminator > 0;

    /// <summary>True once all of the dot was handed out.</summary>
    public bool BodyIsOut => BodyQueued && _terminator == Terminator.Length;

    /// <summary>The end of a message, and whether nobody is to have it.</summary>
    private static ReadOnlySpan<byte> Terminator => ".\r\n"u8;

    public bool IsOver => Outcome is not null && Unanswered == 0;

    public void Take(in SmtpMessage message)
    {
        Clear();
        _message = message;
        IsTaken = true;
    }

    public void Clear()
    {
        _message = default;
        (_position, _terminator, _lineStart) = (0, 0, true);
        (IsTaken, Outcome, Unanswered, IsStarted, IsChained) = (false, null, 0, false, false);
        (MailAccepted, RcptAccepted, IsReadyForBody, BodyQueued, CopiesNamed) = (false, false, false, false, 0);
    }

    public void QueueBody() => BodyQueued = true;

    /// <summary>354 came although there is nobody to send to: the message that follows is empty.</summary>
    public void QueueLoneDot()
    {
        _position = _message.Bytes.Length;
        _lineStart = true;
        BodyQueued = true;
    }

    /// <summary>Copies the body, dot-stuffed (RFC 5321 §4.5.2), and its end.</summary>
    /// <param name="destination">As much as fits.</param>
    /// <returns>Bytes written.</returns>
    public int CopyTo(Span<byte> destination)
    {
        var written = 0;
        var body = _message.Bytes.Span;
        while (_position < body.Length && written < destination.Length)
        {
            // A dot after a bare LF is doubled too: some servers take that for the end.
            if (_lineStart && body[_position] == '.')
            {
                destination[written++] = (byte)'.';
                _lineStart = false;
                continue;
            }

            var room = Math.Min(destination.Length - written, body.Length - _position);
            var rest = body[_position..];
            var found = rest[..Math.Min(room + 1, rest.Length)].IndexOf("\n."u8);
            var length = found < 0 ? room : found + 1;
            rest[..length].CopyTo(destination[written..]);
            written += length;
            _position += length;
            _lineStart = rest[length - 1] == '\n';
        }

        if (_position < body.Length)
        {
            return written;
        }

        if (!_lineStart)
        {
            // The end needs a line of its own. In one piece, so that nothing has to remember half of it.
            if (destination.Length - written < 2)
            {
                return written;
            }

            "\r\n"u8.CopyTo(destination[written..]);
            written += 2;
            _lineStart = true;
        }

        while (_terminator < Terminator.Length && written < destination.Length)
        {
            destination[written++] = Terminator[_terminator++];
        }

        return written;
    }
}
