namespace Ekiben.Delivery;

/// <summary>A relay as somebody types it. The password is written and never read: blank keeps the one that is stored.</summary>
internal sealed class RelayForm
{
    private const int MaxText = 255;

    public string Name { get; set; } = "";

    public string Host { get; set; } = "";

    public int Port { get; set; } = 587;

    public RelayTls Tls { get; set; } = RelayTls.StartTls;

    public string? UserName { get; set; }

    public string? Password { get; set; }

    public int Connections { get; set; } = RelayOptions.DefaultConnections;

    public int MessagesPerConnection { get; set; }

    public static RelayForm Of(StoredRelay relay) => new()
    {
        Name = relay.Name,
        Host = relay.Host,
        Port = relay.Port,
        Tls = relay.Tls,
        UserName = relay.UserName,
        Connections = relay.Connections,
        MessagesPerConnection = relay.MessagesPerConnection,
    };

    /// <summary>One sentence on what to mend, or null.</summary>
    public string? Fault()
    {
        if (Name.Trim().Length is 0 or > MaxText || Host.Trim().Length is 0 or > MaxText || Uri.CheckHostName(Host.Trim()) == UriHostNameType.Unknown)
        {
            return "A relay needs a name, and a host such as smtp.example.com.";
        }

        if (Port is < 1 or > 65535)
        {
            return "A port is a number from 1 to 65535; 587 and 465 are the usual ones.";
        }

        if (Connections is < 1 or > RelayOptions.MaxConnections)
        {
            return $"Connections are a number from 1 to {RelayOptions.MaxConnections}.";
        }

        if (MessagesPerConnection is < 0 or > RelayOptions.MaxMessagesPerConnection)
        {
            return $"Messages over one connection are a number from 0, which is no limit, to {RelayOptions.MaxMessagesPerConnection}.";
        }

        if ((UserName?.Length ?? 0) > MaxText || (Password?.Length ?? 0) > MaxText)
        {
            return $"User and password have at most {MaxText} characters.";
        }

        return Tls is RelayTls.None && !Options(null).IsLoopback
            ? "Without encryption only a relay on this machine is spoken to: mail and password would cross the network in clear."
            : null;
    }

    /// <summary>A stored password goes to no other host and no other user than it was stored for: who may edit a relay must not learn it so.</summary>
    /// <returns>One sentence, or null.</returns>
    public string? PasswordFault(StoredRelay? stored) =>
        stored is { ProtectedPassword: not null } && string.IsNullOrEmpty(Password) && !string.IsNullOrWhiteSpace(UserName)
        && (stored.Host != Host.Trim() || stored.Port != Port || stored.Tls != Tls || stored.UserName != UserName.Trim())
            ? "Host, port, encryption or user differ from what is stored: type the password again."
            : null;

    /// <summary>What to connect with.</summary>
    /// <param name="password">The stored password, for where none was typed.</param>
    public RelayOptions Options(string? password) => new()
    {
        Host = Host.Trim(),
        Port = Port,
        Tls = Tls,
        User = string.IsNullOrWhiteSpace(UserName) ? null : UserName.Trim(),
        Password = string.IsNullOrEmpty(Password) ? password : Password,
        Connections = Connections,
        MessagesPerConnection = MessagesPerConnection,
    };

    /// <summary>Writes it into the row.</summary>
    public void Fill(StoredRelay relay, StoredRelays relays, DateTimeOffset now)
    {
        (relay.Name, relay.Host, relay.Port, relay.Tls) = (Name.Trim(), Host.Trim(), Port, Tls);
        (relay.Connections, relay.MessagesPerConnection) = (Connections, MessagesPerConnection);
        relay.UserName = string.IsNullOrWhiteSpace(UserName) ? null : UserName.Trim();
        relay.UpdatedAt = now;
        if (relay.UserName is null)
        {
            relay.ProtectedPassword = null;
        }
        else if (!string.IsNullOrEmpty(Password))
        {
            relay.ProtectedPassword = relays.Protect(Password);
        }
    }
}
