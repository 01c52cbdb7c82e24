using System.CommandLine;
using System.Text.Json;
using Ekiben.Delivery;
using Ekiben.Dns;
using Ekiben.Web;

namespace Ekiben.Commands;

/// <summary>
/// The options that every command has. Each comes from the command line, else from the environment (<c>EKIBEN_DATA</c>, …), else from
/// <c>ekiben.json</c> in the data folder, else it has the default of <see cref="EkibenOptions"/>.
/// </summary>
internal static class CommonOptions
{
    public const string FileName = "ekiben.json";

    private const int MaxFileBytes = 64 << 10;

    public static readonly Option<string?> Data = Common("--data", "DIR", "The data folder (EKIBEN_DATA). Default: ./data");

    public static readonly Option<string?> Database = Common("--database", "CONN", "A PostgreSQL connection string (EKIBEN_DATABASE). Default: SQLite in the data folder.");

    public static readonly Option<string?> Urls = Common("--urls", "URLS", "Where the server listens (EKIBEN_URLS). Default: http://localhost:8080");

    public static readonly Option<string?> PublicUrl = Common("--public-url", "URL", "The origin of the pages that recipients open (EKIBEN_PUBLIC_URL).");

    public static readonly Option<string?> Relay = Common(
        "--relay", "URL", "Where live sites hand mail over: smtp://[user:pass@]host[:port][?connections=N&tls=none|starttls|implicit&pass-file=FILE] (EKIBEN_RELAY).");

    public static readonly Option<string?> Limits = Common("--limits", "WHOSE", "default, bento for Bento's limits on requests, or none (EKIBEN_LIMITS).");

    public static readonly Option<string?> Dns = Common("--dns", "WHOM", "Who is asked about domains: system, none, or IP[:PORT],… (EKIBEN_DNS). Default: system.");

    /// <summary>The file's keys, which are also the environment's names without <c>EKIBEN_</c>.</summary>
    private static readonly string[] FileKeys = ["database", "urls", "public_url", "relay", "limits", "dns"];

    /// <summary>What this command works with. While a server runs on the folder, its relay and public URL count where none are given here.</summary>
    /// <exception cref="CommandFailure">A value is wrong; the sentence names where it came from.</exception>
    public static EkibenOptions Read(ParseResult parsed)
    {
        var folder = parsed.GetValue(Data) ?? FromEnvironment("data") ?? "data";
        return Read(parsed, Path.GetFullPath(folder));
    }

    /// <summary>The same on a folder that was chosen otherwise, such as the throw-away one of <c>demo</c>.</summary>
    public static EkibenOptions Read(ParseResult parsed, string dataFolder)
    {
        var file = ReadFile(Path.Combine(dataFolder, FileName));
        var running = ServeLock.ReadHolder(dataFolder);
        var urls = Given(parsed, Urls, "urls", file);
        var publicUrl = Given(parsed, PublicUrl, "public_url", file) ?? running?.PublicUrl;
        var relay = Given(parsed, Relay, "relay", file) ?? running?.Relay;
#pragma warning disable RS0030 // The program's one clock: everything else is given it.
        var options = new EkibenOptions { DataFolder = dataFolder, Clock = TimeProvider.System };
#pragma warning restore RS0030
        return options with
        {
            Database = Given(parsed, Database, "database", file) is { } database ? CheckDatabase(database) : null,
            Urls = urls is null ? options.Urls : CheckUrls(urls),
            PublicUrl = publicUrl is null ? null : CheckPublicUrl(publicUrl),
            Relay = relay is null ? null : CheckRelay(relay),
            Limits = CheckLimits(Given(parsed, Limits, "limits", file)),
            Dns = CheckDns(Given(parsed, Dns, "dns", file)),
        };
    }

    /// <summary>Whether somebody said where to listen, or the default holds.</summary>
    public static bool UrlsGiven(ParseResult parsed) => (parsed.GetValue(Urls) ?? FromEnvironment("urls")) is not null;

    /// <summary>Others on this machine can read a command line.</summary>
    public static bool PasswordOnCommandLine(ParseResult parsed) =>
        (parsed.GetValue(Relay) is { } relay && Uri.TryCreate(relay, UriKind.Absolute, out var uri) && uri.UserInfo.Contains(':', StringComparison.Ordinal))
        || (parsed.GetValue(Database) is { } database && new Npgsql.NpgsqlConnectionStringBuilder(database).Password is { Length: > 0 });

    private static Option<string?> Common(string name, string value, string description) =>
        new(name) { Description = description, HelpName = value, Recursive = true };

    private static string? Given(ParseResult parsed, Option<string?> option, string key, Dictionary<string, string> file) =>
        parsed.GetValue(option) ?? FromEnvironment(key) ?? file.GetValueOrDefault(key);

    /// <summary>An empty variable counts as none: that is how a service file or a container unsets one.</summary>
    private static string? FromEnvironment(string key) =>
        Environment.GetEnvironmentVariable("EKIBEN_" + key.ToUpperInvariant()) is { Length: > 0 } value ? value : null;

    private static Dictionary<string, string> ReadFile(string path)
    {
        if (!File.Exists(path))
        {
            return [];
        }

        if (new FileInfo(path).Length > MaxFileBytes)
        {
            throw CommandFailure.Usage($"{path} is larger than {MaxFileBytes >> 10} KiB");
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            var values = new Dictionary<string, string>();
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (!FileKeys.Contains(property.Name))
                {
                    throw CommandFailure.Usage($"{path}: there is no option \"{property.Name}\"; it may have {string.Join(", ", FileKeys)}");
                }

                values[property.Name] = property.Value.GetString() ?? throw CommandFailure.Usage($"{path}: \"{property.Name}\" must be a text");
            }

            return values;
        }
        catch (Exception broken) when (broken is JsonException or InvalidOperationException)
        {
            throw CommandFailure.Usage($"{path} must be a JSON object of texts: {broken.Message}");
        }
    }

    private static string CheckDatabase(string connection)
    {
        try
        {
            return new Npgsql.NpgsqlConnectionStringBuilder(connection) is { Host.Length: > 0, Database.Length: > 0 }
                ? connection
                : throw CommandFailure.Usage("--database needs at least Host= and Database=, such as Host=localhost;Database=ekiben;Username=ekiben");
        }
        catch (Exception unreadable) when (unreadable is ArgumentException or FormatException)
        {
            // Not its message, which may repeat a password.
            throw CommandFailure.Usage("--database must be a connection string such as Host=localhost;Database=ekiben;Username=ekiben");
        }
    }

    private static string CheckUrls(string urls)
    {
        var each = urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (each.Length is 0 or > 8)
        {
            throw CommandFailure.Usage("--urls takes one to eight addresses such as http://localhost:8080, with ; between");
        }

        return string.Join(';', each.Select(CheckUrl));
    }

    private static string CheckUrl(string url)
    {
        // "*" and "+" are Kestrel's words for every address; no Uri has them as a host.
        var readable = url.Replace("//*", "//0.0.0.0", StringComparison.Ordinal).Replace("//+", "//0.0.0.0", StringComparison.Ordinal);
        if (!Uri.TryCreate(readable, UriKind.Absolute, out var uri) || uri.Scheme != "http" || uri.PathAndQuery != "/")
        {
            throw CommandFailure.Usage($"--urls: \"{url}\" must look like http://localhost:8080; for https put a reverse proxy in front");
        }

        return url.TrimEnd('/');
    }

    private static Uri CheckPublicUrl(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.PathAndQuery == "/"
            ? uri
            : throw CommandFailure.Usage($"--public-url: \"{url}\" must look like https://mail.example.com, without a path");

    private static LimitsOption CheckLimits(string? limits) => limits switch
    {
        null or "default" => LimitsOption.Default,
        "bento" => LimitsOption.Bento,
        "none" => LimitsOption.None,
        _ => throw CommandFailure.Usage($"--limits: \"{limits}\" must be default, bento or none"),
    };

    private static DnsOption CheckDns(string? whom) => whom is null ? DnsOption.System
        : DnsOption.TryParse(whom, out var option) ? option
        : throw CommandFailure.Usage($"--dns: \"{whom}\" must be system, none, or one to four IP addresses such as 192.0.2.53 or 127.0.0.1:5353, with commas between");

    private static RelayOptions CheckRelay(string url) =>
        RelayOptions.TryParse(url, out var relay, out var error) ? relay! : throw CommandFailure.Usage(error!);
}
