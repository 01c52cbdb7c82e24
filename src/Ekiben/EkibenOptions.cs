using Ekiben.Delivery;
using Ekiben.Dns;
using Ekiben.Web;

namespace Ekiben;

/// <summary>How this server was asked to run: the command line, then the environment, then <c>ekiben.json</c> in the data folder.</summary>
internal sealed record EkibenOptions
{
    /// <summary>Holds the database, the mailbox, the keys and the lock.</summary>
    public required string DataFolder { get; init; }

    /// <summary>A PostgreSQL connection string (Npgsql's keywords); null = SQLite in the data folder. It may hold a password: never print it.</summary>
    public string? Database { get; init; }

    /// <summary>Where the platform and the API listen; loopback only unless told otherwise.</summary>
    public string Urls { get; init; } = "http://localhost:8080";

    /// <summary>The origin of the public pages (unsubscribe); null = the same as the platform's, which is for trying things out only.</summary>
    public Uri? PublicUrl { get; init; }

    /// <summary>The relay of live sites; null = none, and live sites cannot send.</summary>
    public RelayOptions? Relay { get; init; }

    /// <summary>Work is refused below this many free bytes on the data folder's disk, or below a tenth of the disk where that is less.</summary>
    public long MinFreeBytes { get; init; } = 1L << 30;

    /// <summary>How many requests a key and an address may make.</summary>
    public LimitsOption Limits { get; init; }

    /// <summary>Whom the checks of addresses and domains ask.</summary>
    public DnsOption Dns { get; init; } = DnsOption.System;

    /// <summary>The clock; tests bring their own.</summary>
    public required TimeProvider Clock { get; init; }

    /// <summary>False in tests that move every step by hand.</summary>
    public bool RunEngine { get; init; } = true;

    public string DatabaseFile => Path.Combine(DataFolder, "ekiben.db");

    public string MailboxFile => Path.Combine(DataFolder, "mailbox.db");

    public string KeysFolder => Path.Combine(DataFolder, "keys");
}
