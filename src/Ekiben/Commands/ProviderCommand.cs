using System.CommandLine;
using Ekiben.Accounts;
using Ekiben.Providers;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Commands;

/// <summary><c>ekiben provider</c>: what the providers of recipients' mailboxes get at most. A running server sees a change within seconds.</summary>
internal static class ProviderCommand
{
    public static Command Create() => new("provider", "Limits for the providers of recipients' mailboxes: gmail, outlook, a domain.") { List(), Set(), Remove() };

    private static Command List()
    {
        var (site, json) = (SiteOption(), CommandOutput.JsonOption());
        site.Description = "Only this site's, by uuid or name.";
        var command = new Command("list", "List the limits.") { site, json };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var only = await SiteOfAsync(folder, parsed.GetValue(site), cancel);
            await using var db = folder.Database.OpenEverySite();
            var sites = await db.Sites.AsNoTracking().ToDictionaryAsync(one => one.Id, cancel);
            var limits = (await db.ProviderLimits.AsNoTracking().ToListAsync(cancel))
                .Where(limit => only is null || limit.SiteId == only.Id)
                .OrderBy(limit => limit.Provider, StringComparer.Ordinal).ThenBy(limit => limit.SiteId?.Value).ToList();
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(CommandOutput.Json(limits.Select(limit => new
                {
                    SiteUuid = limit.SiteId is { } id ? sites[id].Uuid : null,
                    limit.Provider,
                    limit.Connections,
                    limit.PerHour,
                })));
                return 0;
            }

            foreach (var limit in limits)
            {
                Console.Out.WriteLine($"{limit.Provider}  {ProviderLimits.InWords(limit.Connections, limit.PerHour)}  {(limit.SiteId is { } id ? sites[id].Name : "every site")}");
            }

            return 0;
        });
        return command;
    }

    private static Command Set()
    {
        var (name, site) = (Name(), SiteOption());
        var connections = new Option<int?>("--connections") { Description = "Messages on their way to it at once, at most.", HelpName = "N" };
        var perHour = new Option<int?>("--per-hour") { Description = "Messages an hour, at most.", HelpName = "N" };
        var command = new Command("set", "Set what a provider gets at most; what is not given has no limit.") { name, site, connections, perHour };
        command.SetAction(async (parsed, cancel) =>
        {
            var (provider, atOnce, hourly) = (ReadName(parsed.GetRequiredValue(name)), parsed.GetValue(connections), parsed.GetValue(perHour));
            if (ProviderLimits.Fault(atOnce, hourly) is { } fault)
            {
                throw CommandFailure.Usage(fault.TrimEnd('.') + ": --connections N, --per-hour N");
            }

            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var owner = await SiteOfAsync(folder, parsed.GetValue(site), cancel);
            await WriteAsync(folder, owner, provider, ProviderLimits.InWords(atOnce, hourly), async db =>
            {
                await ProviderLimits.SetAsync(db, owner?.Id, provider, atOnce, hourly, folder.Clock.GetUtcNow(), cancel);
                return true;
            }, cancel);
            return 0;
        });
        return command;
    }

    private static Command Remove()
    {
        var (name, site) = (Name(), SiteOption());
        var command = new Command("remove", "Remove a provider's limit.") { name, site };
        command.SetAction(async (parsed, cancel) =>
        {
            var provider = ReadName(parsed.GetRequiredValue(name));
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var owner = await SiteOfAsync(folder, parsed.GetValue(site), cancel);
            var removed = await WriteAsync(folder, owner, provider, "none", async db =>
            {
                var limit = await ProviderLimits.FindAsync(db, owner?.Id, provider, cancel);
                if (limit is not null)
                {
                    db.ProviderLimits.Remove(limit);
                }

                return limit is not null;
            }, cancel);
            return removed ? 0 : throw new CommandFailure($"there is no limit for {provider} {(owner is null ? "for every site" : $"of {owner.Name}")}");
        });
        return command;
    }

    private static async Task<bool> WriteAsync(DataFolder folder, Site? site, string provider, string limit, Func<Db, Task<bool>> change, CancellationToken cancel)
    {
        await using var db = folder.Database.OpenEverySite();
        await using var write = await folder.Database.BeginWriteAsync(db, cancel);
        if (!await change(db))
        {
            return false;
        }

        db.AuditLog.Add(new AuditEntry
        {
            SiteId = site?.Id,
            Actor = Actor.Cli.Name,
            Action = "provider.limited",
            Subject = $"provider:{provider}",
            Detail = limit,
            At = folder.Clock.GetUtcNow(),
        });
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        return true;
    }

    private static async Task<Site?> SiteOfAsync(DataFolder folder, string? named, CancellationToken cancel) =>
        named is null ? null : await folder.FindSiteAsync(named, cancel);

    private static Argument<string> Name() => new("NAME") { Description = "The provider: gmail, outlook, yahoo …, or a domain." };

    private static Option<string?> SiteOption() => new("--site") { Description = "The site's uuid, or its name. Without it: every site, each by itself.", HelpName = "SITE" };

    private static string ReadName(string written) =>
        ProviderNames.TryRead(written, out var name, out var problem) ? name : throw CommandFailure.Usage($"NAME: {problem.TrimEnd('.')}");
}
