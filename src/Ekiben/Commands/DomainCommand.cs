using System.CommandLine;
using System.Net;
using Ekiben.Accounts;
using Ekiben.Domains;
using Ekiben.Sites;

namespace Ekiben.Commands;

/// <summary><c>ekiben domain</c>: the domains that a site signs for, and what they publish in DNS.</summary>
internal static class DomainCommand
{
    private const int DnsPort = 53;

    public static Command Create() => new("domain", "Sending domains and their DKIM keys.") { Add(), Rotate(), List(), Show(), Check(), Remove() };

    private static Command Add()
    {
        var (name, site, json, selector, ed25519) = (Name(), SiteOption(), CommandOutput.JsonOption(), SelectorOption(), Ed25519Option());
        var command = new Command("add", "Make a domain's key and print the DNS records to publish. It signs at once.") { name, site, selector, ed25519, json };
        command.SetAction(async (parsed, cancel) =>
        {
            var (domain, chosen) = (ReadName(parsed.GetRequiredValue(name)), ReadSelector(parsed.GetValue(selector)));
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var owner = await folder.FindSiteAsync(parsed.GetRequiredValue(site), cancel);
            var key = KeyOf(await Actions(folder).AddAsync(owner, domain, chosen, parsed.GetValue(ed25519), Actor.Cli, cancel));
            DomainOutput.Records([key], parsed.GetValue(json));
            if (owner.RelaySigns)
            {
                Console.Error.WriteLine($"{owner.Name} leaves DKIM to its relay, so nothing is signed: ekiben site set {owner.Uuid} --relay-signs false");
            }

            return 0;
        });
        return command;
    }

    private static Command Rotate()
    {
        var (name, site, json, selector, ed25519) = (Name(), SiteOption(), CommandOutput.JsonOption(), SelectorOption(), Ed25519Option());
        var now = new Option<bool>("--now") { Description = "Let it sign before its record was seen." };
        var command = new Command("rotate", "Make a newer key for a domain. It signs once 'domain check' has seen its record.") { name, site, selector, ed25519, now, json };
        command.SetAction(async (parsed, cancel) =>
        {
            var (domain, chosen) = (ReadName(parsed.GetRequiredValue(name)), ReadSelector(parsed.GetValue(selector)));
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var owner = await folder.FindSiteAsync(parsed.GetRequiredValue(site), cancel);
            var key = KeyOf(await Actions(folder).RotateAsync(owner, domain, chosen, parsed.GetValue(ed25519), parsed.GetValue(now), Actor.Cli, cancel));
            DomainOutput.Records([key], parsed.GetValue(json));
            if (key.ActiveAt is null)
            {
                Console.Error.WriteLine($"The older key signs until the new record was seen. Publish it, then: ekiben domain check {domain} --site {owner.Uuid}");
            }

            return 0;
        });
        return command;
    }

    private static Command List()
    {
        var json = CommandOutput.JsonOption();
        var site = SiteOption();
        site.Required = false;
        site.Description = "Only this site's, by uuid or name.";
        var command = new Command("list", "List the keys of all sites' domains.") { site, json };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var only = parsed.GetValue(site) is { } named ? await folder.FindSiteAsync(named, cancel) : null;
            await DomainOutput.ListAsync(folder, only, parsed.GetValue(json), cancel);
            return 0;
        });
        return command;
    }

    private static Command Show()
    {
        var (name, site, json) = (Name(), SiteOption(), CommandOutput.JsonOption());
        var command = new Command("show", "Print a domain's DNS records again.") { name, site, json };
        command.SetAction(async (parsed, cancel) =>
        {
            var domain = ReadName(parsed.GetRequiredValue(name));
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var (_, found) = await FindAsync(folder, parsed.GetRequiredValue(site), domain, cancel);
            DomainOutput.Records(found, parsed.GetValue(json));
            return 0;
        });
        return command;
    }

    private static Command Check()
    {
        var (name, site, json) = (Name(), SiteOption(), CommandOutput.JsonOption());
        var resolver = new Option<string?>("--resolver") { Description = "The name server to ask, such as 9.9.9.9 or 127.0.0.1:5353. Default: the machine's.", HelpName = "ADDR" };
        var command = new Command("check", "Look a domain's records up: a line for each. Ends with 1 when a key of it is not published.") { name, site, resolver, json };
        command.SetAction(async (parsed, cancel) =>
        {
            var (domain, server) = (ReadName(parsed.GetRequiredValue(name)), ReadResolver(parsed.GetValue(resolver)));
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var (owner, found) = await FindAsync(folder, parsed.GetRequiredValue(site), domain, cancel);
            var check = new DomainCheck(server);
            var verdicts = new List<RecordVerdict>();
            var signing = new List<DomainKey>();
            // The key that signs and those that wait; what was replaced may leave DNS.
            foreach (var key in found.TakeWhile(key => !signing.Exists(newer => newer.ActiveAt is not null)))
            {
                signing.Add(key);
                var ofKey = await check.KeyAsync(key, cancel);
                verdicts.AddRange(ofKey);
                if (await Actions(folder).RecordCheckAsync(key, ofKey, Actor.Cli, cancel))
                {
                    Console.Error.WriteLine($"{key.Selector} signs from now on.");
                }
            }

            var published = verdicts.TrueForAll(verdict => verdict.State == RecordState.Ok);
            verdicts.AddRange(await check.DomainAsync(domain, cancel));
            await Actions(folder).KeepCheckAsync(owner.Id, domain, verdicts, cancel);
            DomainOutput.Verdicts(verdicts, parsed.GetValue(json));
            return published ? 0 : throw new CommandFailure($"not every key of {domain} is published as it should be");
        });
        return command;
    }

    private static Command Remove()
    {
        var (name, site, selector) = (Name(), SiteOption(), SelectorOption());
        selector.Description = "Only the key with this selector.";
        var command = new Command("remove", "Remove a domain's keys. Broadcasts from it then leave unsigned; the records may go once no message is on its way.") { name, site, selector };
        command.SetAction(async (parsed, cancel) =>
        {
            var (domain, chosen) = (ReadName(parsed.GetRequiredValue(name)), ReadSelector(parsed.GetValue(selector)));
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var owner = await folder.FindSiteAsync(parsed.GetRequiredValue(site), cancel);
            return await Actions(folder).RemoveAsync(owner, domain, chosen, Actor.Cli, cancel) is { } problem ? throw new CommandFailure(problem) : 0;
        });
        return command;
    }

    private static Argument<string> Name() => new("NAME") { Description = "The domain, such as acme.example." };

    private static Option<string> SiteOption() => new("--site") { Description = "The site's uuid, or its name.", HelpName = "S", Required = true };

    private static Option<string?> SelectorOption() => new("--selector") { Description = "The key's name in DNS. Default: one with today's date.", HelpName = "X" };

    private static Option<bool> Ed25519Option() => new("--ed25519") { Description = "Also make an Ed25519 key, for a second, short signature." };

    private static DomainActions Actions(DataFolder folder) => folder.Services.GetRequiredService<DomainActions>();

    private static DomainKey KeyOf(DomainResult result) => result.Key ?? throw new CommandFailure(result.Problem!);

    private static async Task<(Site Site, IReadOnlyList<DomainKey> Keys)> FindAsync(DataFolder folder, string site, string domain, CancellationToken cancel)
    {
        var owner = await folder.FindSiteAsync(site, cancel);
        var found = await Actions(folder).ListAsync(owner.Id, domain, cancel);
        return found.Count > 0 ? (owner, found) : throw new CommandFailure(DomainActions.NoKey(owner, domain));
    }

    private static string ReadName(string text) => DomainKey.NormaliseDomain(text)
        ?? throw CommandFailure.Usage($"NAME: \"{text}\" is no domain name such as acme.example");

    private static string? ReadSelector(string? text) => text is null || DomainKey.IsSelector(text.ToLowerInvariant())
        ? text?.ToLowerInvariant()
        : throw CommandFailure.Usage($"--selector takes 1 to 50 letters, digits and inner hyphens, and not {DomainKey.Ed25519Suffix} at its end");

    private static IPEndPoint? ReadResolver(string? text)
    {
        if (text is null)
        {
            return null;
        }

        if (!IPEndPoint.TryParse(text, out var server))
        {
            throw CommandFailure.Usage($"--resolver: \"{text}\" must look like 9.9.9.9 or 127.0.0.1:5353");
        }

        return server.Port == 0 ? new IPEndPoint(server.Address, DnsPort) : server;
    }
}
