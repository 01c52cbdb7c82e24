using System.CommandLine;
using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Sites;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Commands;

/// <summary><c>ekiben site rules</c>: whose word lets how much mail of a site go out (<see cref="Broadcasts.ApprovalRules"/>).</summary>
internal static class SiteRulesCommand
{
    private const string None = "none";

    public static Command Create()
    {
        var site = new Argument<string>("SITE") { Description = "The site's uuid, or its name." };
        var differs = new Option<bool?>("--approver-differs") { Description = "Whether who made or edited a broadcast may not approve it.", HelpName = "true|false" };
        var keys = new Option<bool?>("--keys-approve") { Description = "Whether keys may approve at all.", HelpName = "true|false" };
        var keyLimit = People("--key-limit", "Keys approve up to this many people.");
        var two = People("--two-above", "Above this many people two must approve.");
        var type = People("--type-above", "Above this many people whoever approves in the platform types the number.");
        var json = CommandOutput.JsonOption();
        var command = new Command("rules", "Show or change a site's rules for approvals.") { site, differs, keys, keyLimit, two, type, json };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var found = await folder.FindSiteAsync(parsed.GetRequiredValue(site), cancel);
            await using var db = folder.Database.OpenEverySite();
            await using var write = await folder.Database.BeginWriteAsync(db, cancel);
            var rules = await db.Sites.SingleAsync(s => s.Id == found.Id, cancel);
            rules.ApproverDiffers = parsed.GetValue(differs) ?? rules.ApproverDiffers;
            rules.KeysMayApprove = parsed.GetValue(keys) ?? rules.KeysMayApprove;
            rules.KeyApprovalLimit = Number(parsed.GetValue(keyLimit), "--key-limit", rules.KeyApprovalLimit);
            rules.SecondApprovalAbove = Number(parsed.GetValue(two), "--two-above", rules.SecondApprovalAbove);
            rules.TypeCountAbove = Number(parsed.GetValue(type), "--type-above", rules.TypeCountAbove);
            if (db.ChangeTracker.HasChanges())
            {
                db.AuditLog.Add(new AuditEntry { SiteId = rules.Id, Actor = Actor.Cli.Name, Action = "site.rules_changed", Subject = $"site:{rules.Id}", Detail = Text(rules), At = folder.Clock.GetUtcNow() });
            }

            await db.SaveChangesAsync(cancel);
            await write.CommitAsync(cancel);
            Console.Out.WriteLine(parsed.GetValue(json)
                ? CommandOutput.Json(new { rules.ApproverDiffers, rules.KeysMayApprove, rules.KeyApprovalLimit, rules.SecondApprovalAbove, rules.TypeCountAbove })
                : Text(rules));
            return 0;
        });
        return command;
    }

    private static Option<string?> People(string name, string description) => new(name) { Description = $"{description} \"{None}\" lifts it.", HelpName = "N" };

    private static long? Number(string? given, string option, long? now) => given switch
    {
        null => now,
        None => null,
        _ when long.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => number,
        _ => throw CommandFailure.Usage($"{option} must be a number of people or {None}"),
    };

    private static string Text(Site site) => string.Create(
        CultureInfo.InvariantCulture,
        $"approver-differs {(site.ApproverDiffers ? "true" : "false")}, keys-approve {(site.KeysMayApprove ? "true" : "false")}, key-limit {Shown(site.KeyApprovalLimit)}, two-above {Shown(site.SecondApprovalAbove)}, type-above {Shown(site.TypeCountAbove)}");

    private static string Shown(long? limit) => limit?.ToString(CultureInfo.InvariantCulture) ?? None;
}
