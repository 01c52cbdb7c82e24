using System.Net;

namespace Ekiben.Dns;

/// <summary>Whom this server asks about names: the machine's resolvers, named ones, or nobody.</summary>
internal sealed record DnsOption
{
    /// <summary>More are no help: the first that answers counts.</summary>
    private const int MaxServers = 4;

    private const int DefaultPort = 53;

    /// <summary>Those of the operating system.</summary>
    public static readonly DnsOption System = new() { Word = "system" };

    /// <summary>Nobody: every question stays unanswered.</summary>
    public static readonly DnsOption None = new() { Word = "none" };

    /// <summary>As it is written on the command line.</summary>
    public required string Word { get; init; }

    /// <summary>Empty but for named servers.</summary>
    public IReadOnlyList<IPEndPoint> Servers { get; private init; } = [];

    public static DnsOption Of(params IReadOnlyList<IPEndPoint> servers) => new() { Word = string.Join(',', servers), Servers = servers };

    /// <summary><c>system</c>, <c>none</c>, or one to four of <c>IP[:PORT]</c> with commas between.</summary>
    public static bool TryParse(string text, out DnsOption option)
    {
        option = System;
        switch (text)
        {
            case "system":
                return true;
            case "none":
                option = None;
                return true;
        }

        var servers = new List<IPEndPoint>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!IPEndPoint.TryParse(part, out var server))
            {
                return false;
            }

            servers.Add(server.Port == 0 ? new IPEndPoint(server.Address, DefaultPort) : server);
        }

        option = Of(servers);
        return servers.Count <= MaxServers;
    }
}
