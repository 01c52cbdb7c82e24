using System.Net.Security;
using System.Security.Cryptography;
using System.Text;

namespace Ekiben.Sink;

/// <summary>The end of DATA, where responsibility changes hands, and the extensions that change the session: AUTH and STARTTLS.</summary>
internal sealed partial class SinkConnection
{
    private const string AcceptedReply = "250 2.0.0 Accepted";
    private string? _ehloReply;

    private async ValueTask<Step> TakeMessageAsync()
    {
        var judged = false;
        for (var complete = false; !complete;)
        {
            if (channel.Unread.IsEmpty && !await channel.FillAsync(_stopping))
            {
                // RFC 5321 §4.1.1.4: without its end a message does not exist.
                return Step.Close;
            }

            if (!judged)
            {
                judged = true;
                var step = await FaultAsync(FaultPhase.Body, _mailFrom, _rcptTo);
                if (step is not Step.Pass)
                {
                    // After a reply in mid-body nobody knows where the next command begins.
                    return step is Step.Answered ? Step.Close : step;
                }
            }

            channel.Consume(_body.Take(channel.Unread, out complete));
        }

        return await JudgeMessageAsync();
    }

    /// <summary>Decides on the message, has the journal write the decision, and only then lets the reply go.</summary>
    private async ValueTask<Step> JudgeMessageAsync()
    {
        FaultRule? fault = null;
        if (sink.Faults.Watches(FaultPhase.Dot))
        {
            (var delay, fault) = sink.Faults.Decide(FaultPhase.Dot, _mailFrom, _rcptTo, _messages, this);
            if (delay > TimeSpan.Zero)
            {
                await channel.DelayAsync(delay, _stopping);
            }
        }

        // Held before anyone can see the message, and before the idle check looks next.
        channel.IsHeld = fault?.Action == FaultAction.Stall;
        var result = fault is { AcceptFirst: false } ? Withheld(fault)
            : _body.TooBig ? "552 5.3.4 Message too big"
            : sink.IsFull ? "452 4.3.1 No room to keep more messages"
            : AcceptedReply;
        var onDisk = sink.Record(new SinkMessage(sink.UtcNow, _mailFrom, _rcptTo, SinkMessage.FindMessageId(_body.Content), _body.Size, result)
        {
            Raw = _options.KeepMessages ? _body.Content.ToArray() : default,
        });
        channel.HoldRepliesFor(onDisk);
        _messages++;
        EndTransaction();

        var step = fault switch
        {
            null => Reply(Encoding.ASCII.GetBytes(result)),
            { Action: FaultAction.Reply } => ReplyVerbatim(fault.Reply),
            { Action: FaultAction.Rst } => Step.Reset,
            _ => Step.Close,
        };
        if (fault?.Action == FaultAction.Stall)
        {
            await channel.StallAsync(_options.StallTimeout, reading: true, _stopping);
        }

        return step is Step.Answered && _messages >= sink.Faults.CloseAfter ? Step.Close : step;
    }

    private static string Withheld(FaultRule fault) => fault.Action switch
    {
        FaultAction.Reply => fault.Reply,
        FaultAction.Rst => "none (rst)",
        FaultAction.Stall => "none (stall)",
        _ => "none (close)",
    };

    private string EhloReply()
    {
        string?[] lines =
        [
            _options.HostName,
            _options.Pipelining ? "PIPELINING" : null,
            _options.Size ? $"SIZE {_options.MaxMessageSize}" : null,
            _options.EightBitMime ? "8BITMIME" : null,
            _options.SmtpUtf8 ? "SMTPUTF8" : null,
            _options.EnhancedStatusCodes ? "ENHANCEDSTATUSCODES" : null,
            sink.Certificate is not null && !channel.IsEncrypted ? "STARTTLS" : null,
            _options.Credentials is not null ? "AUTH PLAIN LOGIN" : null,
        ];
        return string.Concat(lines.Where(line => line is not null).Select(line => $"250-{line}\r\n")) + "250 HELP";
    }

    private async ValueTask<Step> StartTlsAsync(ReadOnlyMemory<byte> argument)
    {
        if (sink.Certificate is null)
        {
            return Error("502 5.5.1 STARTTLS is not offered"u8);
        }

        if (!argument.IsEmpty || channel.IsEncrypted)
        {
            return Error("501 5.5.4 STARTTLS is given once and takes no argument"u8);
        }

        Reply("220 2.0.0 Ready to start TLS"u8);
        await channel.EncryptAsync(new SslServerAuthenticationOptions { ServerCertificate = sink.Certificate }, _stopping);

        // RFC 3207 §4.2: what was learned in clear text is forgotten.
        EndTransaction();
        (_greeted, _authenticated, _ehloReply) = (false, false, null);
        return Step.Answered;
    }

    private async ValueTask<Step> AuthAsync(ReadOnlyMemory<byte> argument)
    {
        if (_options.Credentials is not { } credentials)
        {
            return Error("502 5.5.1 AUTH is not offered"u8);
        }

        if (!_greeted || _authenticated || _inTransaction)
        {
            return Error("503 5.5.1 Not now"u8);
        }

        var words = Encoding.ASCII.GetString(argument.Span).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var initial = words.Length > 1 ? words[1] : null;
        (string User, string Password)? given;
        switch (words.Length is 1 or 2 ? words[0].ToUpperInvariant() : "")
        {
            case "PLAIN":
                // RFC 4616: authorisation identity NUL name NUL password.
                given = (await AskAsync(initial, ""))?.Split('\0') is [_, var name, var secret] ? (name, secret) : null;
                break;
            case "LOGIN":
                var user = await AskAsync(initial, "VXNlcm5hbWU6");
                var password = user is null ? null : await AskAsync(null, "UGFzc3dvcmQ6");
                given = user is null || password is null ? null : (user, password);
                break;
            default:
                return Error("504 5.5.4 PLAIN and LOGIN are offered"u8);
        }

        if (given is null)
        {
            return Error("501 5.5.2 Not understood"u8);
        }

        var step = await FaultAsync(FaultPhase.Auth, given.Value.User);
        if (step is not Step.Pass)
        {
            return step;
        }

        _authenticated = Same(given.Value.User, credentials.User) & Same(given.Value.Password, credentials.Password);
        return _authenticated ? Reply("235 2.7.0 Authenticated"u8) : Error("535 5.7.8 Wrong name or password"u8);
    }

    /// <summary>Gets one Base64 answer, from the command itself or by a 334; null when it is cancelled or unreadable (RFC 4954 §4).</summary>
    private async ValueTask<string?> AskAsync(string? initial, string challenge)
    {
        if (initial is null)
        {
            Reply($"334 {challenge}");
            ReadOnlyMemory<byte> line;
            SinkLine found;
            while ((found = channel.TryReadLine(out line)) == SinkLine.None)
            {
                if (!await channel.FillAsync(_stopping))
                {
                    throw new EndOfStreamException("The client left during AUTH.");
                }
            }

            initial = found == SinkLine.Whole ? Encoding.ASCII.GetString(line.Span) : "*";
        }

        // "=" is an empty answer given with the command.
        var bytes = new byte[initial.Length];
        return initial == "=" ? ""
            : Convert.TryFromBase64String(initial, bytes, out var length) ? Encoding.UTF8.GetString(bytes, 0, length)
            : null;
    }

    private static bool Same(string one, string other) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(one), Encoding.UTF8.GetBytes(other));
}
