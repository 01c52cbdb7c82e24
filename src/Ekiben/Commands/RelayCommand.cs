using System.CommandLine;
using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Delivery;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Commands;

/// <summary><c>ekiben relay</c>: the SMTP servers that live sites hand their mail to, and which site sends how much by which. A running server follows at once.</summary>
internal static class RelayCommand
{
    private const int MaxName = 255;

    public static Command Create() => new("relay", "Relays, and which sites send by them.") { Add(), List(), Show(), Set(), Use(), Leave(), Remove() };

    private static Command Add()
    {
        var (name, url) = (Name(), Url());
        url.Required = true;
        var command = new Command("add", "Store a relay. Its password is kept encrypted and never shown.") { name, url };
        command.SetAction(async (parsed, cancel) =>
        {
            var options = ReadUrl(parsed.GetRequiredValue(url)!);
            var called = ReadName(parsed.GetRequiredValue(name));
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            await ChangeAsync(folder, "relay.created", async db =>
            {
                if (await db.Relays.AnyAsync(relay => relay.Name == called, cancel))
                {
                    throw new CommandFailure($"there is a relay \"{called}\" already");
                }

                var relay = new StoredRelay { Name = called, Host = "", CreatedAt = folder.Clock.GetUtcNow() };
                Fill(relay, options, folder);
                db.Relays.Add(relay);
                return relay;
            }, cancel);
            return 0;
        });
        return command;
    }

    private static Command Set()
    {
        var (name, url) = (Name(), Url());
        var connections = new Option<int?>("--connections") { Description = $"Connections at once, 1 to {RelayOptions.MaxConnections}.", HelpName = "N" };
        var messages = new Option<int?>("--messages") { Description = "Messages over one connection; 0 = no limit.", HelpName = "N" };
        var command = new Command("set", "Change a relay.") { name, url, connections, messages };
        command.SetAction(async (parsed, cancel) =>
        {
            var (place, most, many) = (parsed.GetValue(url), parsed.GetValue(connections), parsed.GetValue(messages));
            if (place is null && most is null && many is null)
            {
                throw CommandFailure.Usage("say what to change: --url, --connections or --messages");
            }

            var options = place is null ? null : ReadUrl(place);
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var id = (await FindAsync(folder, parsed.GetRequiredValue(name), cancel)).Id;
            await ChangeAsync(folder, "relay.changed", async db =>
            {
                var relay = await db.Relays.SingleAsync(one => one.Id == id, cancel);
                if (options is not null)
                {
                    Fill(relay, options, folder);
                }

                (relay.Connections, relay.MessagesPerConnection, relay.UpdatedAt) = (most ?? relay.Connections, many ?? relay.MessagesPerConnection, folder.Clock.GetUtcNow());
                return RelayForm.Of(relay).Fault() is { } fault ? throw CommandFailure.Usage(fault) : relay;
            }, cancel);
            return 0;
        });
        return command;
    }

    private static Command List()
    {
        var json = CommandOutput.JsonOption();
        var site = new Option<string?>("--site") { Description = "Only those that this site sends by, by uuid or name.", HelpName = "S" };
        var command = new Command("list", "List the relays and the sites that send by them.") { site, json };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var only = parsed.GetValue(site) is { } named ? await folder.FindSiteAsync(named, cancel) : null;
            var relays = (await ReadAsync(folder, cancel)).Where(relay => only is null || relay.Sites.Any(use => use.SiteUuid == only.Uuid)).ToList();
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(CommandOutput.Json(relays));
                return 0;
            }

            foreach (var relay in relays)
            {
                var uses = relay.Sites.Select(use => string.Create(CultureInfo.InvariantCulture, $"{use.Site} (weight {use.Weight}, priority {use.Priority})"));
                Console.Out.WriteLine($"{relay.Name}  {relay.Url}  {relay.Connections} connections  {(relay.Sites.Count == 0 ? "no site yet" : string.Join(", ", uses))}");
            }

            return 0;
        });
        return command;
    }

    private static Command Show()
    {
        var (name, json) = (Name(), CommandOutput.JsonOption());
        var command = new Command("show", "Show a relay; its password is not shown.") { name, json };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var id = (await FindAsync(folder, parsed.GetRequiredValue(name), cancel)).Id;
            var relay = (await ReadAsync(folder, cancel)).Single(one => one.Id == id);
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(CommandOutput.Json(relay));
                return 0;
            }

            Console.Out.WriteLine($"name          {relay.Name}");
            Console.Out.WriteLine($"url           {relay.Url}");
            Console.Out.WriteLine($"tls           {relay.Tls}");
            Console.Out.WriteLine($"user          {relay.User ?? "none"}");
            Console.Out.WriteLine($"connections   {relay.Connections}");
            Console.Out.WriteLine($"messages      {(relay.MessagesPerConnection == 0 ? "no limit" : string.Create(CultureInfo.InvariantCulture, $"{relay.MessagesPerConnection} over one connection"))}");
            foreach (var use in relay.Sites)
            {
                Console.Out.WriteLine($"site          {use.Site}: weight {use.Weight}, priority {use.Priority}");
            }

            return 0;
        });
        return command;
    }

    private static Command Use()
    {
        var (name, site) = (Name(), SiteOption());
        var weight = new Option<int?>("--weight") { Description = $"Its share among the site's relays of the same priority, 1 to {SiteRelay.MaxWeight}. Default: 1.", HelpName = "N" };
        var priority = new Option<int?>("--priority") { Description = $"0 goes first, a higher number stands in when none below it can be reached; up to {SiteRelay.MaxPriority}. Default: 0.", HelpName = "N" };
        var command = new Command("use", "Have a site send by a relay, or change how much.") { name, site, weight, priority };
        command.SetAction((parsed, cancel) => ChangeUseAsync(parsed, name, site, (db, folder, owner, relay) =>
            SiteRelayChanges.UseAsync(db, owner, relay, parsed.GetValue(weight), parsed.GetValue(priority), Actor.Cli, folder.Clock.GetUtcNow(), cancel), cancel));
        return command;
    }

    private static Command Leave()
    {
        var (name, site) = (Name(), SiteOption());
        var command = new Command("leave", "Have a site send by a relay no more: what is on the wire there finishes, the rest goes by its others, or by the server's own.") { name, site };
        command.SetAction((parsed, cancel) => ChangeUseAsync(parsed, name, site, (db, folder, owner, relay) =>
            SiteRelayChanges.LeaveAsync(db, owner, relay, Actor.Cli, folder.Clock.GetUtcNow(), cancel), cancel));
        return command;
    }

    private static Command Remove()
    {
        var name = Name();
        var command = new Command("remove", "Remove a relay that no site sends by.") { name };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var found = await FindAsync(folder, parsed.GetRequiredValue(name), cancel);
            await ChangeAsync(folder, "relay.removed", async db =>
            {
                if (await (from use in db.SiteRelays join owner in db.Sites on use.SiteId equals owner.Id where use.RelayId == found.Id select owner.Name).FirstOrDefaultAsync(cancel) is { } named)
                {
                    throw new CommandFailure($"the site \"{named}\" sends by it: first 'ekiben relay leave \"{found.Name}\" --site \"{named}\"'");
                }

                db.Relays.Remove(await db.Relays.SingleAsync(one => one.Id == found.Id, cancel));
                return found;
            }, cancel);
            return 0;
        });
        return command;
    }

    private static Argument<string> Name() => new("NAME") { Description = "What the relay is called." };

    private static Option<string?> Url() => new("--url") { Description = "smtp://[user:pass@]host[:port][?connections=N&messages=N&tls=none|starttls|implicit&pass-file=PATH]", HelpName = "URL" };

    private static Option<string> SiteOption() => new("--site") { Description = "The site's uuid, or its name.", HelpName = "S", Required = true };

    private static RelayOptions ReadUrl(string url) => RelayOptions.TryParse(url, out var options, out var error)
        ? options!
        : throw CommandFailure.Usage(error!.Replace("--relay", "--url", StringComparison.Ordinal));

    private static string ReadName(string name) => name.Trim() is { Length: > 0 and <= MaxName } trimmed && !trimmed.Any(char.IsControl)
        ? trimmed
        : throw CommandFailure.Usage($"NAME must be 1 to {MaxName} characters without control characters");

    private static void Fill(StoredRelay relay, RelayOptions options, DataFolder folder)
    {
        (relay.Host, relay.Port, relay.Tls, relay.UserName) = (options.Host, options.Port, options.Tls, options.User);
        (relay.Connections, relay.MessagesPerConnection) = (options.Connections, options.MessagesPerConnection);
        relay.ProtectedPassword = options.Password is { } password ? folder.Services.GetRequiredService<StoredRelays>().Protect(password) : null;
        relay.UpdatedAt = folder.Clock.GetUtcNow();
    }

    private static async Task<StoredRelay> FindAsync(DataFolder folder, string name, CancellationToken cancel)
    {
        await using var db = folder.Database.OpenEverySite();
        return await db.Relays.AsNoTracking().Where(relay => relay.Name == name).Take(2).ToListAsync(cancel) switch
        {
            [var one] => one,
            [] => throw new CommandFailure($"there is no relay \"{name}\"; see 'ekiben relay list'"),
            _ => throw new CommandFailure($"several relays are called \"{name}\": rename one under Settings"),
        };
    }

    private static async Task<int> ChangeUseAsync(
        ParseResult parsed, Argument<string> name, Option<string> site, Func<Db, DataFolder, Sites.Site, StoredRelay, Task<string?>> change, CancellationToken cancel)
    {
        await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
        var relay = await FindAsync(folder, parsed.GetRequiredValue(name), cancel);
        var owner = await folder.FindSiteAsync(parsed.GetRequiredValue(site), cancel);
        await using var db = folder.Database.OpenEverySite();
        await using var write = await folder.Database.BeginWriteAsync(db, cancel);
        if (await change(db, folder, owner, relay) is { } problem)
        {
            throw new CommandFailure(problem);
        }

        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        return 0;
    }

    private static async Task ChangeAsync(DataFolder folder, string action, Func<Db, Task<StoredRelay>> change, CancellationToken cancel)
    {
        await using var db = folder.Database.OpenEverySite();
        await using var write = await folder.Database.BeginWriteAsync(db, cancel);
        var relay = await change(db);
        db.AuditLog.Add(new AuditEntry { Actor = Actor.Cli.Name, Action = action, Subject = "relay:" + relay.Name, At = folder.Clock.GetUtcNow() });
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
    }

    private static async Task<IReadOnlyList<ShownRelay>> ReadAsync(DataFolder folder, CancellationToken cancel)
    {
        await using var db = folder.Database.OpenEverySite();
        var relays = await db.Relays.AsNoTracking().OrderBy(relay => relay.Name).ThenBy(relay => relay.Id).ToListAsync(cancel);
        var uses = await (from use in db.SiteRelays join site in db.Sites on use.SiteId equals site.Id orderby use.Priority, site.Name
                          select new { use.RelayId, Use = new ShownUse(site.Name, site.Uuid, use.Weight, use.Priority) }).ToListAsync(cancel);
        return
        [
            .. relays.Select(relay => new ShownRelay(
                relay.Id, relay.Name, string.Create(CultureInfo.InvariantCulture, $"smtp://{relay.Host}:{relay.Port}"), Words.SnakeCase(relay.Tls.ToString()), relay.UserName, relay.Connections, relay.MessagesPerConnection,
                [.. uses.Where(use => use.RelayId == relay.Id).Select(use => use.Use)])),
        ];
    }

    /// <summary>A relay for programs.</summary>
    private sealed record ShownRelay(long Id, string Name, string Url, string Tls, string? User, int Connections, int MessagesPerConnection, IReadOnlyList<ShownUse> Sites);

    private sealed record ShownUse(string Site, string SiteUuid, int Weight, int Priority);
}
