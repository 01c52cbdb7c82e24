namespace Ekiben.Delivery;

/// <summary>A relay that an owner set up in the platform; a site that names none (<see cref="SiteRelay"/>) sends through the server's own (<c>--relay</c>).</summary>
internal sealed class StoredRelay
{
    public long Id { get; set; }

    public required string Name { get; set; }

    public required string Host { get; set; }

    public int Port { get; set; }

    public RelayTls Tls { get; set; }

    public string? UserName { get; set; }

    /// <summary>The password under the instance's own keys (<see cref="StoredRelays"/>), never shown again; null = none.</summary>
    public string? ProtectedPassword { get; set; }

    /// <summary>Connections at once, at most <see cref="RelayOptions.MaxConnections"/>.</summary>
    public int Connections { get; set; } = RelayOptions.DefaultConnections;

    /// <summary>Messages over one connection, at most <see cref="RelayOptions.MaxMessagesPerConnection"/>; 0 = as many as the relay takes.</summary>
    public int MessagesPerConnection { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }
}
