using System.CommandLine;
using Ekiben.Accounts;
using Ekiben.Mail;
using Ekiben.Sites;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Commands;

/// <summary><c>ekiben site</c>: sites with their keys, and their authors.</summary>
internal static class SiteCommand
{
    private const int MaxName = 200;

    public static Command Create() => new("site", "Create, list and change sites.") { CreateSite(), List(), Set(), Author(), SiteRulesCommand.Create() };

    private static Command CreateSite()
    {
        var name = new Argument<string>("NAME") { Description = "What people call the site; recipients may see it." };
        var test = new Option<bool>("--test") { Description = "A sandbox: all its mail goes to the built-in mailbox." };
        var zone = new Option<string>("--time-zone")
        {
            Description = "IANA name; send_at without an offset is read in it.",
            HelpName = "ZONE",
            DefaultValueFactory = _ => "UTC",
        };
        var track = new Option<bool>("--track-links") { Description = "Count opens and clicks of its broadcasts: links then lead by way of this server." };
        var strict = new Option<bool>("--strict") { Description = "Refuse on Bento's routes what Bento refuses: no site_uuid, no User-Agent." };
        var json = CommandOutput.JsonOption();
        var command = new Command("create", "Create a site and print its uuid and keys. The secret is shown once.") { name, test, zone, track, strict, json };
        command.SetAction(async (parsed, cancel) =>
        {
            var called = CheckName(parsed.GetRequiredValue(name), "NAME");
            var zoneName = parsed.GetRequiredValue(zone);
            if (zoneName.Length > 64 || !TimeZoneInfo.TryFindSystemTimeZoneById(zoneName, out var found) || !(found.HasIanaId || zoneName == "UTC"))
            {
                throw CommandFailure.Usage($"--time-zone: \"{zoneName}\" is no IANA time zone, such as Europe/Berlin or UTC");
            }

            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var made = await NewSite.CreateAsync(folder.Database, called, parsed.GetValue(test), zoneName, Actor.Cli, folder.Clock.GetUtcNow(), cancel, parsed.GetValue(track), parsed.GetValue(strict));
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(CommandOutput.Json(new { SiteUuid = made.Site.Uuid, made.PublishableKey, made.SecretKey }));
                return 0;
            }

            Console.Out.WriteLine($"site_uuid        {made.Site.Uuid}");
            Console.Out.WriteLine($"publishable_key  {made.PublishableKey}");
            Console.Out.WriteLine($"secret_key       {made.SecretKey}");
            Console.Error.WriteLine("Keep the secret: it is not shown again.");
            Console.Error.WriteLine($"Next, its first sender: ekiben site author add {made.Site.Uuid} --email you@example.com --name \"You\"");
            return 0;
        });
        return command;
    }

    private static Command List()
    {
        var json = CommandOutput.JsonOption();
        var command = new Command("list", "List the sites.") { json };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            await using var db = folder.Database.OpenEverySite();
            var sites = await db.Sites.OrderBy(s => s.Id).Select(s => new { SiteUuid = s.Uuid, s.Name, Test = s.IsTest, s.TimeZone }).ToListAsync(cancel);
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(CommandOutput.Json(sites));
                return 0;
            }

            foreach (var site in sites)
            {
                Console.Out.WriteLine($"{site.SiteUuid}  {(site.Test ? "test" : "live")}  {site.TimeZone}  {site.Name}");
            }

            return 0;
        });
        return command;
    }

    private static Command Set()
    {
        var site = new Argument<string>("SITE") { Description = "The site's uuid, or its name." };
        var relaySigns = new Option<string>("--relay-signs") { Description = "on: leave DKIM to the relay and sign nothing. off: sign with the domains' keys.", HelpName = "on|off", Required = true };
        relaySigns.AcceptOnlyFromAmong("on", "off");
        var command = new Command("set", "Change a site.") { site, relaySigns };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var found = await folder.FindSiteAsync(parsed.GetRequiredValue(site), cancel);
            await using var db = folder.Database.Open(found.Id);
            await using var write = await folder.Database.BeginWriteAsync(db, cancel);
            var stored = await db.Sites.SingleAsync(s => s.Id == found.Id, cancel);
            stored.RelaySigns = parsed.GetRequiredValue(relaySigns) == "on";
            db.AuditLog.Add(new AuditEntry { SiteId = found.Id, Actor = Actor.Cli.Name, Action = "site.relay_signs", Subject = $"site:{found.Id}", Detail = stored.RelaySigns ? "on" : "off", At = folder.Clock.GetUtcNow() });
            await db.SaveChangesAsync(cancel);
            await write.CommitAsync(cancel);
            return 0;
        });
        return command;
    }

    private static Command Author() => new("author", "The senders that a site's broadcasts may use.") { AddAuthor() };

    private static Command AddAuthor()
    {
        var site = new Argument<string>("SITE") { Description = "The site's uuid, or its name." };
        var email = new Option<string>("--email") { Description = "The sender's address.", HelpName = "E", Required = true };
        var name = new Option<string>("--name") { Description = "The sender's name.", HelpName = "N", Required = true };
        var command = new Command("add", "Add an author; a site's first one is its default sender.") { site, email, name };
        command.SetAction(async (parsed, cancel) =>
        {
            var called = CheckName(parsed.GetRequiredValue(name), "--name");
            if (!EmailAddress.TryParse(parsed.GetRequiredValue(email), out var address, out var problem))
            {
                throw CommandFailure.Usage($"--email: {problem}");
            }

            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var owner = await folder.FindSiteAsync(parsed.GetRequiredValue(site), cancel);
            await using var db = folder.Database.Open(owner.Id);
            await using var write = await folder.Database.BeginWriteAsync(db, cancel);
            if (await db.Authors.AnyAsync(a => a.Email == address.Normalised, cancel))
            {
                throw new CommandFailure($"{address.Normalised} is an author of {owner.Name} already");
            }

            db.Authors.Add(new Author { SiteId = owner.Id, Email = address.Normalised, Name = called, CreatedAt = folder.Clock.GetUtcNow() });
            await db.SaveChangesAsync(cancel);
            await write.CommitAsync(cancel);
            return 0;
        });
        return command;
    }

    private static string CheckName(string name, string option)
    {
        var trimmed = name.Trim();
        return trimmed.Length is > 0 and <= MaxName && !trimmed.Any(char.IsControl)
            ? trimmed
            : throw CommandFailure.Usage($"{option} must be 1 to {MaxName} characters without control characters");
    }
}
