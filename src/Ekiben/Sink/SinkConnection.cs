using System.Globalization;
using System.Security.Authentication;
using System.Text;

namespace Ekiben.Sink;

/// <summary>
/// The server's side of one SMTP conversation (RFC 5321): greet, answer commands in order, take messages,
/// and at each phase ask the fault plan first.
/// </summary>
internal sealed partial class SinkConnection(SmtpSink sink, SinkChannel channel)
{
    private readonly SmtpSinkOptions _options = sink.Options;
    private readonly SinkBody _body = new(sink.Options.MaxMessageSize);
    private readonly CancellationToken _stopping = sink.Stopping;
    private bool _greeted;
    private bool _turnedAway;
    private bool _authenticated;
    private bool _inTransaction;
    private bool _utf8;
    private string _mailFrom = "";
    private List<string> _rcptTo = [];
    private int _messages;
    private int _errors;

    /// <summary>What became of a command.</summary>
    private enum Step
    {
        /// <summary>No fault: the command goes on.</summary>
        Pass,

        /// <summary>A reply was given.</summary>
        Answered,

        /// <summary>The connection ends with FIN.</summary>
        Close,

        /// <summary>The connection ends with RST.</summary>
        Reset,
    }

    /// <summary>When the client was last heard.</summary>
    public long LastActive => channel.LastActive;

    /// <summary>Ends the conversation at once, from any thread.</summary>
    public void Abort() => channel.Abort();

    /// <summary>Holds the conversation to its end.</summary>
    /// <returns>False when it was broken off by the client, by TLS, or by the sink's stop.</returns>
    public async Task<bool> RunAsync()
    {
        try
        {
            switch (await ConverseAsync())
            {
                case Step.Reset: await channel.ResetAsync(_stopping); break;
                case Step.Close: await channel.CloseAsync(_stopping); break;
            }

            return true;
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or ObjectDisposedException
            or OperationCanceledException or AuthenticationException)
        {
            // Losing clients at any moment is this program's trade; the sink counts them.
            return false;
        }
        finally
        {
            sink.Faults.Idle(this);
            channel.Dispose();
        }
    }

    private async Task<Step> ConverseAsync()
    {
        var step = await GreetAsync();
        while (step is Step.Answered)
        {
            var found = channel.TryReadLine(out var line);
            if (found == SinkLine.None)
            {
                if (!await channel.FillAsync(_stopping))
                {
                    return Step.Answered;
                }

                continue;
            }

            step = found switch
            {
                SinkLine.TooLong => Error("500 5.5.2 Line too long"u8),
                SinkLine.BareLineFeed => Error("500 5.5.2 Lines end with CRLF"u8),
                _ when !_options.Pipelining && channel.Unread.Length > 0 =>
                    Error("503 5.5.0 Commands came before the reply, and PIPELINING is not offered"u8),
                _ => await AnswerAsync(line),
            };
            await channel.FlushIfLargeAsync(_stopping);
        }

        return step;
    }

    private async ValueTask<Step> GreetAsync()
    {
        if (sink.IsCrowded)
        {
            Reply("421 4.3.2 Too many connections"u8);
            return Step.Close;
        }

        var step = await FaultAsync(FaultPhase.Connect);
        if (step is not Step.Pass)
        {
            return step is Step.Answered ? Step.Close : step;
        }

        step = await FaultAsync(FaultPhase.Greeting);
        if (step is Step.Answered)
        {
            // RFC 5321 §3.1: after a 554 greeting the server waits for QUIT and answers 503 to all else.
            _turnedAway = true;
            return step;
        }

        if (step is Step.Pass)
        {
            Reply($"220 {_options.HostName} ESMTP ekiben sink");
            return Step.Answered;
        }

        return step;
    }

    private async ValueTask<Step> AnswerAsync(ReadOnlyMemory<byte> line)
    {
        var space = line.Span.IndexOf((byte)' ');
        var verb = space < 0 ? line.Span : line.Span[..space];
        var argument = space < 0 ? default : line[(space + 1)..];
        if (Is(verb, "QUIT"u8))
        {
            Reply("221 2.0.0 Bye"u8);
            return Step.Close;
        }

        if (_turnedAway)
        {
            return Error("503 5.5.1 Not accepting mail"u8);
        }

        return Is(verb, "MAIL"u8) ? await MailAsync(argument)
            : Is(verb, "RCPT"u8) ? await RcptAsync(argument)
            : Is(verb, "DATA"u8) ? await DataAsync(argument)
            : Is(verb, "EHLO"u8) ? await HelloAsync(argument, extended: true)
            : Is(verb, "HELO"u8) ? await HelloAsync(argument, extended: false)
            : Is(verb, "RSET"u8) ? ResetTransaction()
            : Is(verb, "NOOP"u8) ? Reply("250 2.0.0 OK"u8)
            : Is(verb, "AUTH"u8) ? await AuthAsync(argument)
            : Is(verb, "STARTTLS"u8) ? await StartTlsAsync(argument)
            : Is(verb, "VRFY"u8) ? Reply("252 2.5.2 Cannot verify, will accept the message"u8)
            : Is(verb, "HELP"u8) ? Reply("214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY HELP AUTH STARTTLS"u8)
            : Is(verb, "EXPN"u8) ? Error("502 5.5.1 Not implemented"u8)
            : Error("500 5.5.2 Unknown command"u8);
    }

    private async ValueTask<Step> HelloAsync(ReadOnlyMemory<byte> argument, bool extended)
    {
        if (argument.Span.Trim((byte)' ').IsEmpty)
        {
            return Error("501 5.5.4 Give your host name"u8);
        }

        var step = await FaultAsync(FaultPhase.Ehlo);
        if (step is not Step.Pass)
        {
            return step;
        }

        EndTransaction();
        _greeted = true;
        Reply(extended ? _ehloReply ??= EhloReply() : $"250 {_options.HostName}");
        return Step.Answered;
    }

    private async ValueTask<Step> MailAsync(ReadOnlyMemory<byte> argument)
    {
        if (!_greeted)
        {
            return Error("503 5.5.1 Say EHLO first"u8);
        }

        if (_options.Credentials is not null && !_authenticated)
        {
            return Reply("530 5.7.0 Authentication required"u8);
        }

        if (_inTransaction)
        {
            return Error("503 5.5.1 MAIL was given already"u8);
        }

        if (!SmtpPath.TryRead(argument.Span, "FROM:"u8, out var address, out var parameters))
        {
            return Error("501 5.5.4 Write MAIL FROM:<address>"u8);
        }

        if (MailParameterProblem(parameters, address) is { } problem)
        {
            return Error(problem);
        }

        var step = await FaultAsync(FaultPhase.Mail, address);
        if (step is not Step.Pass)
        {
            return step;
        }

        _inTransaction = true;
        _utf8 = parameters.Contains("SMTPUTF8", StringComparison.OrdinalIgnoreCase);
        _mailFrom = address;
        return Reply("250 2.1.0 Sender OK"u8);
    }

    private byte[]? MailParameterProblem(string parameters, string address)
    {
        var utf8 = false;
        foreach (var parameter in parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var upper = parameter.ToUpperInvariant();
            var known = upper switch
            {
                "SMTPUTF8" => utf8 = _options.SmtpUtf8,
                "BODY=7BIT" or "BODY=8BITMIME" => _options.EightBitMime,
                _ when upper.StartsWith("AUTH=", StringComparison.Ordinal) => _options.Credentials is not null,
                _ when upper.StartsWith("SIZE=", StringComparison.Ordinal) => _options.Size,
                _ => false,
            };
            if (!known)
            {
                return "555 5.5.4 Parameter not recognised"u8.ToArray();
            }

            if (upper.StartsWith("SIZE=", StringComparison.Ordinal)
                && (!long.TryParse(upper.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var size) || size > _options.MaxMessageSize))
            {
                return "552 5.3.4 Message too big"u8.ToArray();
            }
        }

        // RFC 6531 §3.5: such a path needs SMTPUTF8.
        return utf8 || Ascii.IsValid(address) ? null : "553 5.6.7 A sender beyond ASCII needs SMTPUTF8"u8.ToArray();
    }

    private async ValueTask<Step> RcptAsync(ReadOnlyMemory<byte> argument)
    {
        if (!_inTransaction)
        {
            return Error("503 5.5.1 Give MAIL first"u8);
        }

        if (!SmtpPath.TryRead(argument.Span, "TO:"u8, out var address, out var parameters) || address.Length == 0)
        {
            return Error("501 5.5.4 Write RCPT TO:<address>"u8);
        }

        if (parameters.Length > 0)
        {
            return Error("555 5.5.4 Parameter not recognised"u8);
        }

        if (!_utf8 && !Ascii.IsValid(address))
        {
            return Reply("553 5.6.7 A recipient beyond ASCII needs SMTPUTF8"u8);
        }

        if (_rcptTo.Count >= _options.MaxRecipients)
        {
            return Reply("452 4.5.3 Too many recipients"u8);
        }

        var step = sink.Faults.Watches(FaultPhase.Rcpt) ? await FaultAsync(FaultPhase.Rcpt, _mailFrom, [address]) : Step.Pass;
        if (step is not Step.Pass)
        {
            return step;
        }

        _rcptTo.Add(address);
        return Reply("250 2.1.5 Recipient OK"u8);
    }

    private async ValueTask<Step> DataAsync(ReadOnlyMemory<byte> argument)
    {
        if (!argument.IsEmpty)
        {
            return Error("501 5.5.4 DATA takes no argument"u8);
        }

        if (!_inTransaction)
        {
            return Error("503 5.5.1 Give MAIL first"u8);
        }

        if (_rcptTo.Count == 0)
        {
            // RFC 5321 §3.3 leaves 503 or 554; 554 tells a pipelining client that its recipients were the reason.
            return Reply("554 5.5.1 No valid recipients"u8);
        }

        var step = await FaultAsync(FaultPhase.Data, _mailFrom, _rcptTo);
        if (step is not Step.Pass)
        {
            return step;
        }

        Reply("354 End with CRLF.CRLF"u8);
        return await TakeMessageAsync();
    }

    private Step ResetTransaction()
    {
        EndTransaction();
        return Reply("250 2.0.0 OK"u8);
    }

    private void EndTransaction()
    {
        _inTransaction = false;
        _utf8 = false;
        _mailFrom = "";

        // A new list: the last one went into a message.
        _rcptTo = [];
        _body.Clear();
        sink.Faults.Idle(this);
    }

    /// <summary>Asks the plan, waits and answers as it says.</summary>
    private ValueTask<Step> FaultAsync(FaultPhase phase, string sender = "", IReadOnlyList<string>? recipients = null) =>
        sink.Faults.Watches(phase) ? StrikeAsync(phase, sender, recipients ?? []) : ValueTask.FromResult(Step.Pass);

    private async ValueTask<Step> StrikeAsync(FaultPhase phase, string sender, IReadOnlyList<string> recipients)
    {
        var (delay, rule) = sink.Faults.Decide(phase, sender, recipients, _messages, this);
        if (delay > TimeSpan.Zero)
        {
            await channel.DelayAsync(delay, _stopping);
        }

        switch (rule?.Action)
        {
            case null:
                return Step.Pass;
            case FaultAction.Reply:
                return ReplyVerbatim(rule.Reply);
            case FaultAction.Rst:
                return Step.Reset;
            case FaultAction.Stall:
                // In the middle of a body the window is left to fill, as on a link that hangs.
                await channel.StallAsync(_options.StallTimeout, reading: phase != FaultPhase.Body, _stopping);
                return Step.Close;
            default:
                return Step.Close;
        }
    }

    /// <summary>Gives a reply as a rule spells it. 421 means that the channel closes (RFC 5321 §3.8).</summary>
    private Step ReplyVerbatim(string line)
    {
        channel.Write(Encoding.ASCII.GetBytes(line + "\r\n"));
        return line.StartsWith("421", StringComparison.Ordinal) ? Step.Close : Step.Answered;
    }

    /// <summary>Counts a client's mistake: one that makes nothing else is not talking SMTP.</summary>
    private Step Error(ReadOnlySpan<byte> line)
    {
        if (++_errors <= _options.MaxErrors)
        {
            return Reply(line);
        }

        Reply("421 4.7.0 Too many errors"u8);
        return Step.Close;
    }

    private Step Reply(ReadOnlySpan<byte> line)
    {
        channel.Write(_options.EnhancedStatusCodes ? line : line[..4]);
        if (!_options.EnhancedStatusCodes)
        {
            // Every reply of ours that has a digit after its code has an enhanced code there.
            var rest = line[4..];
            channel.Write(rest.Length > 0 && char.IsAsciiDigit((char)rest[0]) ? rest[(rest.IndexOf((byte)' ') + 1)..] : rest);
        }

        channel.Write("\r\n"u8);
        return Step.Answered;
    }

    private void Reply(string lines) => channel.Write(Encoding.ASCII.GetBytes(lines + "\r\n"));

    private static bool Is(ReadOnlySpan<byte> verb, ReadOnlySpan<byte> name) => Ascii.EqualsIgnoreCase(verb, name);
}
