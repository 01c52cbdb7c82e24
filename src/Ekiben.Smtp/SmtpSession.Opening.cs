using System.Text;

namespace Ekiben.Smtp;

/// <summary>From the greeting to the first message: EHLO, STARTTLS, AUTH.</summary>
internal sealed partial class SmtpSession
{
    private readonly string _clientName;
    private readonly bool _oneByOne;
    private Offers _offers = Offers.None;
    private Authentication? _authentication;

    /// <summary>True once the connection is encrypted.</summary>
    public bool IsEncrypted { get; private set; }

    /// <summary>The handshake after STARTTLS is done: what was learned in clear text is forgotten (RFC 3207 §4.2).</summary>
    public void TlsStarted()
    {
        if (State != SmtpSessionState.AwaitingTls)
        {
            throw new InvalidOperationException($"no handshake is due, state {State}");
        }

        IsEncrypted = true;
        _offers = Offers.None;
        State = SmtpSessionState.Opening;
        SayHello(Command.Ehlo);
    }

    private void TakeForSession(Command command)
    {
        var code = _replies.Code;
        switch (command)
        {
            case Command.Greeting when code == 220:
                SayHello(Command.Ehlo);
                break;
            case Command.Ehlo when code is 500 or 502:
                // RFC 5321 §3.2: a server that does not know EHLO gets HELO, and offers nothing.
                SayHello(Command.Helo);
                break;
            case Command.Ehlo or Command.Helo when code == 250:
                _offers = command == Command.Ehlo ? Offers.Parse(_replies.Text) : Offers.None;
                Secure();
                break;
            case Command.StartTls when code == 220:
                State = SmtpSessionState.AwaitingTls;
                break;
            case Command.Auth when code == 235:
                State = SmtpSessionState.Ready;
                break;
            case Command.Auth when code == 334:
                SendAuth(_authentication!.Answer());
                break;
            case Command.Rset when code / 100 == 2:
                if (!Pipelines && _first is { IsTaken: true, IsStarted: true, Outcome: null })
                {
                    SendMail(_first);
                }

                break;
            case Command.Quit:
                Break("we said goodbye", SmtpPhase.Mail, isPermanent: false);
                break;
            default:
                Refused(command);
                break;
        }
    }

    private void Refused(Command command)
    {
        var reply = _replies.ToReply();
        if (command == Command.Rset)
        {
            // RSET is always in order; a server that has had enough of them says so with another code, and is right in its way.
            PeerMisbehaved |= Pipelines && _replies.Code is (500 or 502 or 503);
            Break($"the server refused RSET: {reply}", SmtpPhase.Mail, isPermanent: false);
        }
        else if (_replies.Code < 400)
        {
            ProtocolError($"{reply} to {command}", PhaseOf(command));
        }
        else
        {
            var permanent = _replies.Code >= 500;
            var what = command == Command.Auth && permanent ? "refuses the user name or password" : permanent ? "refuses us" : "does not want us now";
            Break($"{what}: {reply}", PhaseOf(command), permanent);
        }
    }

    private void SayHello(Command command)
    {
        _commands.Add(command == Command.Ehlo ? "EHLO "u8 : "HELO "u8);
        _commands.Add(_clientName);
        _commands.Add("\r\n"u8);
        Expect(command, null);
    }

    private void Secure()
    {
        if (_options.Tls == SmtpTls.None || IsEncrypted)
        {
            LogIn();
        }
        else if (_offers.StartTls)
        {
            _commands.Add("STARTTLS\r\n"u8);
            Expect(Command.StartTls, null);
        }
        else
        {
            Break("does not offer STARTTLS", SmtpPhase.Tls, isPermanent: true);
        }
    }

    private void LogIn()
    {
        if (_options.User is not { } user)
        {
            State = SmtpSessionState.Ready;
        }
        else if (!IsEncrypted && !_options.AllowAuthInClear)
        {
            Break("the password is not sent in clear text", SmtpPhase.Auth, isPermanent: true);
        }
        else if (Authentication.Choose(_offers, user, _options) is { } authentication)
        {
            _authentication = authentication;
            SendAuth(authentication.Begin());
        }
        else
        {
            Break("does not offer an AUTH that we speak (PLAIN, LOGIN, or XOAUTH2 with a token)", SmtpPhase.Auth, isPermanent: true);
        }
    }

    private void SendAuth(string line)
    {
        _commands.Add(line);
        _commands.Add("\r\n"u8);
        Expect(Command.Auth, null);
    }
}

/// <summary>What EHLO offered (RFC 5321 §4.1.1.1).</summary>
internal sealed record Offers
{
    public static readonly Offers None = new();

    public bool Pipelining { get; init; }

    public bool EightBitMime { get; init; }

    public bool SmtpUtf8 { get; init; }

    public bool StartTls { get; init; }

    public bool Size { get; init; }

    /// <summary>Bytes (RFC 1870 §4); 0 for no limit that is told.</summary>
    public long MaxSize { get; init; }

    /// <summary>Mechanisms, in capitals.</summary>
    public IReadOnlyList<string> Auth { get; init; } = [];

    /// <summary>Reads the reply's lines; the first one greets. What isn't known is nobody's fault.</summary>
    public static Offers Parse(ReadOnlySpan<byte> text)
    {
        var offers = None;
        foreach (var line in Encoding.ASCII.GetString(text).Split('\n').Skip(1))
        {
            // "AUTH=LOGIN" is what some servers wrote before RFC 4954.
            var words = line.ToUpperInvariant().Split([' ', '='], StringSplitOptions.RemoveEmptyEntries);
            offers = words switch
            {
                ["PIPELINING", ..] => offers with { Pipelining = true },
                ["8BITMIME", ..] => offers with { EightBitMime = true },
                ["SMTPUTF8", ..] => offers with { SmtpUtf8 = true },
                ["STARTTLS", ..] => offers with { StartTls = true },
                ["SIZE", var size, ..] when long.TryParse(size, out var bytes) => offers with { Size = true, MaxSize = bytes },
                ["SIZE", ..] => offers with { Size = true },
                ["AUTH", .. var mechanisms] => offers with { Auth = [.. offers.Auth, .. mechanisms] },
                _ => offers,
            };
        }

        return offers;
    }
}
