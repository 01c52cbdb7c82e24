using Ekiben.Accounts;

namespace Ekiben.Web;

/// <summary>A page in the tabs of its section.</summary>
public sealed record PlatformTab(string Path, string Label);

/// <summary>An entry of the bar on top: the first of its pages, and the others as tabs there.</summary>
public sealed record PlatformSection(string Label, IReadOnlyList<PlatformTab> Pages)
{
    public string Path => Pages[0].Path;

    /// <summary>Whether an address is one of its pages or below one.</summary>
    public bool Has(string path) => Pages.Any(page => path == page.Path || (page.Path != "/" && path.StartsWith(page.Path + "/", StringComparison.Ordinal)))
        || (Path == "/" && path.StartsWith("/broadcasts", StringComparison.Ordinal))
        || (Path == "/settings/sites" && path == "/setup");
}

/// <summary>The map of the platform.</summary>
internal static class PlatformSections
{
    public static readonly PlatformSection Broadcasts = new("Broadcasts", [new("/", "Broadcasts")]);

    public static readonly PlatformSection Mails = new("Mails", [new("/mails", "Mails"), new("/sequences", "Sequences")]);

    public static readonly PlatformSection People = new("People",
        [new("/subscribers", "Subscribers"), new("/segments", "Segments"), new("/tags", "Tags"), new("/fields", "Fields")]);

    public static readonly PlatformSection Layouts = new("Layouts", [new("/layouts", "Layouts")]);

    public static readonly PlatformSection Mailbox = new("Mailbox", [new("/mailbox", "Mailbox")]);

    public static readonly PlatformSection Settings = new("Settings",
        [new("/settings/sites", "Sites"), new("/settings/senders", "Senders"), new("/settings/keys", "API keys"), new("/settings/relays", "Relays"), new("/settings/providers", "Providers"), new("/settings/domains", "Domains"), new("/settings/accounts", "Accounts")]);

    private static readonly IReadOnlyList<PlatformSection> ForAll = [Broadcasts, Mails, People, Layouts, Mailbox];

    private static readonly IReadOnlyList<PlatformSection> ForOwners = [.. ForAll, Settings];

    public static IReadOnlyList<PlatformSection> For(PlatformUser? user) => user?.May(Right.Own) == true ? ForOwners : ForAll;

    public static PlatformSection At(string path) => ForOwners.FirstOrDefault(section => section.Has(path)) ?? Broadcasts;
}
