using System.Globalization;
using System.Net;
using System.Web;

namespace Ekiben.Delivery;

/// <summary>
/// Where messages are handed over: <c>smtp://[user:pass@]host[:port][?connections=N&amp;messages=N&amp;tls=none|starttls|implicit&amp;pass-file=PATH]</c>.
/// </summary>
internal sealed record RelayOptions
{
    public const int MaxConnections = 64;

    /// <summary>Enough that one commit of the ledger carries the exchanges of many; relays that want fewer are told with <c>connections=</c>.</summary>
    public const int DefaultConnections = 32;

    /// <summary>More is no limit in practice: 0 says so.</summary>
    public const int MaxMessagesPerConnection = 100_000;

    public required string Host { get; init; }

    public required int Port { get; init; }

    public required RelayTls Tls { get; init; }

    /// <summary>Connections at once, at most.</summary>
    public int Connections { get; init; } = DefaultConnections;

    /// <summary>After so many messages a connection is closed and another made; 0 = never. Relays that allow fewer close it themselves, in the middle of one.</summary>
    public int MessagesPerConnection { get; init; }

    /// <summary>W of ledger.md rule 12: a relay that offers PIPELINING has a second message begun on each connection.</summary>
    public int MaxOnTheWire => Connections * 2;

    public string? User { get; init; }

    public string? Password { get; init; }

    /// <summary>True for a relay on this machine, which may be spoken to in clear and without a public https address.</summary>
    public bool IsLoopback =>
        Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(Host, out var address) && IPAddress.IsLoopback(address));

    /// <summary>Reads the URL; when it is wrong, <paramref name="error"/> is one sentence without the password.</summary>
    public static bool TryParse(string text, out RelayOptions? options, out string? error)
    {
        (options, error) = (null, null);
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme != "smtp" || uri.Host.Length == 0)
        {
            error = "--relay must look like smtp://[user:pass@]host[:port][?connections=N&messages=N&tls=none|starttls|implicit]";
            return false;
        }

        var query = HttpUtility.ParseQueryString(uri.Query);
        foreach (var key in query.AllKeys)
        {
            if (key is not ("connections" or "messages" or "tls" or "pass-file"))
            {
                error = $"--relay knows connections, messages, tls and pass-file, not \"{key}\"";
                return false;
            }
        }

        var host = uri.Host.Trim('[', ']');
        var port = uri.Port > 0 ? uri.Port : 587;
        var loopback = host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var ip) && IPAddress.IsLoopback(ip));
        RelayTls? tls = query["tls"] switch
        {
            null => port == 465 ? RelayTls.Implicit : loopback ? RelayTls.None : RelayTls.StartTls,
            "none" => RelayTls.None,
            "starttls" => RelayTls.StartTls,
            "implicit" => RelayTls.Implicit,
            _ => null,
        };
        if (tls is null)
        {
            error = "--relay: tls must be none, starttls or implicit";
            return false;
        }

        if (tls == RelayTls.None && !loopback)
        {
            error = "--relay: tls=none is only for a relay on loopback, since mail and password would cross the network in clear";
            return false;
        }

        var connections = DefaultConnections;
        if (query["connections"] is { } given
            && (!int.TryParse(given, CultureInfo.InvariantCulture, out connections) || connections < 1 || connections > MaxConnections))
        {
            error = $"--relay: connections must be a number from 1 to {MaxConnections}";
            return false;
        }

        var messages = 0;
        if (query["messages"] is { } many
            && (!int.TryParse(many, CultureInfo.InvariantCulture, out messages) || messages < 0 || messages > MaxMessagesPerConnection))
        {
            error = $"--relay: messages, those over one connection, must be a number from 0, which is no limit, to {MaxMessagesPerConnection}";
            return false;
        }

        var credentials = uri.UserInfo.Split(':', 2);
        var password = credentials.Length == 2 ? Uri.UnescapeDataString(credentials[1]) : null;
        if (query["pass-file"] is { } file)
        {
            if (!File.Exists(file))
            {
                error = $"--relay: there is no file {file} to read the password from";
                return false;
            }

            password = File.ReadAllText(file).TrimEnd('\r', '\n');
        }

        options = new RelayOptions
        {
            Host = host,
            Port = port,
            Tls = tls.Value,
            Connections = connections,
            MessagesPerConnection = messages,
            User = credentials[0].Length > 0 ? Uri.UnescapeDataString(credentials[0]) : null,
            Password = password,
        };
        return true;
    }

    /// <summary>For people and logs: never the password.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"smtp://{Host}:{Port}");
}

internal enum RelayTls
{
    None,
    StartTls,
    Implicit,
}
