using System.CommandLine;
using Ekiben.Accounts;
using Ekiben.Sites;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Commands;

/// <summary><c>ekiben site set</c> and <c>site show</c>: what a site does otherwise than others. A running server sees a change with its next request.</summary>
internal static class SiteSettings
{
    public static Option<bool?> TrackLinks() => new("--track-links")
    {
        Description = "Count opens and clicks of its broadcasts: links then lead by way of this server.",
        HelpName = "true|false",
    };

    public static Option<bool?> Strict() => new("--strict")
    {
        Description = "Refuse on Bento's routes a request without site_uuid or User-Agent, and fields and statuses that Bento does not know.",
        HelpName = "true|false",
    };

    public static Option<bool?> Recognize() => new("--recognize-repetitions")
    {
        Description = "Make an approved broadcast once when it is posted twice within 10 minutes without an Idempotency-Key. Default: true.",
        HelpName = "true|false",
    };

    private static Option<bool?> RelaySigns() => new("--relay-signs")
    {
        Description = "Leave DKIM to the relay: nothing is signed here, whatever keys the domains have. Default: false.",
        HelpName = "true|false",
    };

    private static Option<string?> ProviderPolicy()
    {
        var option = new Option<string?>("--provider-policy")
        {
            Description = "Send to each provider of recipients' mailboxes no more than it takes gladly; what has a limit has it anyway. Default: off.",
            HelpName = "on|off",
        };
        option.AcceptOnlyFromAmong("on", "off");
        return option;
    }

    public static Command Set()
    {
        var site = new Argument<string>("SITE") { Description = "The site's uuid, or its name." };
        var (track, strict, recognize, relay, policy) = (TrackLinks(), Strict(), Recognize(), RelaySigns(), ProviderPolicy());
        var command = new Command("set", "Change what a site does.") { site, track, strict, recognize, relay, policy };
        command.SetAction(async (parsed, cancel) =>
        {
            var (tracks, isStrict, recognizes, relaySigns) = (parsed.GetValue(track), parsed.GetValue(strict), parsed.GetValue(recognize), parsed.GetValue(relay));
            var limits = parsed.GetValue(policy) is { } word ? word == "on" : (bool?)null;
            if (tracks is null && isStrict is null && recognizes is null && relaySigns is null && limits is null)
            {
                throw CommandFailure.Usage("say what to change: --strict, --track-links, --recognize-repetitions or --relay-signs, each with true or false, or --provider-policy with on or off");
            }

            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var id = (await folder.FindSiteAsync(parsed.GetRequiredValue(site), cancel)).Id;
            await using var db = folder.Database.OpenEverySite();
            await using var write = await folder.Database.BeginWriteAsync(db, cancel);
            var changed = await db.Sites.SingleAsync(one => one.Id == id, cancel);
            changed.TracksLinks = tracks ?? changed.TracksLinks;
            changed.IsStrict = isStrict ?? changed.IsStrict;
            changed.RecognizesRepetitions = recognizes ?? changed.RecognizesRepetitions;
            changed.RelaySigns = relaySigns ?? changed.RelaySigns;
            changed.LimitsProviders = limits ?? changed.LimitsProviders;
            db.AuditLog.Add(new AuditEntry
            {
                SiteId = id,
                Actor = Actor.Cli.Name,
                Action = "site.changed",
                Subject = $"site:{id}",
                Detail = InWords(changed),
                At = folder.Clock.GetUtcNow(),
            });
            await db.SaveChangesAsync(cancel);
            await write.CommitAsync(cancel);
            return 0;
        });
        return command;
    }

    public static Command Show()
    {
        var site = new Argument<string>("SITE") { Description = "The site's uuid, or its name." };
        var json = CommandOutput.JsonOption();
        var command = new Command("show", "Show a site.") { site, json };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var found = await folder.FindSiteAsync(parsed.GetRequiredValue(site), cancel);
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(CommandOutput.Json(Shown(found)));
                return 0;
            }

            Console.Out.WriteLine($"site_uuid               {found.Uuid}");
            Console.Out.WriteLine($"name                    {found.Name}");
            Console.Out.WriteLine($"mail                    {(found.IsTest ? "to the built-in mailbox (test)" : "to the relay")}");
            Console.Out.WriteLine($"time_zone               {found.TimeZone}");
            Console.Out.WriteLine($"strict                  {Word(found.IsStrict)}");
            Console.Out.WriteLine($"track_links             {Word(found.TracksLinks)}");
            Console.Out.WriteLine($"recognize_repetitions   {Word(found.RecognizesRepetitions)}");
            Console.Out.WriteLine($"relay_signs             {Word(found.RelaySigns)}");
            Console.Out.WriteLine($"provider_policy         {(found.LimitsProviders ? "on" : "off")}");
            return 0;
        });
        return command;
    }

    /// <summary>A site for programs.</summary>
    public static object Shown(Site site) => new
    {
        SiteUuid = site.Uuid,
        site.Name,
        Test = site.IsTest,
        site.TimeZone,
        Strict = site.IsStrict,
        TrackLinks = site.TracksLinks,
        RecognizeRepetitions = site.RecognizesRepetitions,
        site.RelaySigns,
        ProviderPolicy = site.LimitsProviders,
    };

    /// <summary>What is not as in a new site; empty when all is.</summary>
    public static string InWords(Site site)
    {
        (string Words, bool Holds)[] all = [("strict", site.IsStrict), ("tracks links", site.TracksLinks), ("recognizes no repetitions", !site.RecognizesRepetitions), ("leaves signing to the relay", site.RelaySigns), ("limits providers", site.LimitsProviders)];
        return string.Join(", ", all.Where(one => one.Holds).Select(one => one.Words));
    }

    private static string Word(bool value) => value ? "true" : "false";
}
