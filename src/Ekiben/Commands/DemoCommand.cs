using System.CommandLine;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Suppressions;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Commands;

/// <summary>
/// <c>ekiben demo</c>: the whole of it on a throw-away data folder. A test site gets people over HTTP, the campaigns are posted as any client
/// would, what is approved is sent into the built-in mailbox, and the receipts are checked.
/// </summary>
internal static class DemoCommand
{
    private const int MaxRecipients = 1_000_000;

    /// <summary>People who unsubscribed, and people with a suppressed address: enough of each to be seen in the receipts.</summary>
    private const int FewPeople = 50;

    private static readonly TimeSpan LinkValidFor = TimeSpan.FromHours(12);

    public static Command Create()
    {
        var recipients = new Option<int>("--recipients") { Description = "How many sample subscribers.", HelpName = "N", DefaultValueFactory = _ => 2000 };
        recipients.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && (!int.TryParse(result.Tokens[0].Value, out var count) || count is < 1 or > MaxRecipients))
            {
                result.AddError($"--recipients must be a number from 1 to {MaxRecipients}.");
            }
        });
        var exit = new Option<bool>("--exit") { Description = "End when everything is sent; exit code 1 if a receipt does not add up." };
        var command = new Command("demo", "Show it all: a throw-away server with sample people, campaigns, receipts and the platform.") { recipients, exit };
        command.SetAction((parsed, cancel) => RunAsync(parsed, parsed.GetRequiredValue(recipients), parsed.GetValue(exit), cancel));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, int recipients, bool exit, CancellationToken cancel)
    {
        if (parsed.GetValue(CommonOptions.Data) is not null)
        {
            throw CommandFailure.Usage("--data: demo works in a folder of its own and removes it; leave the option out");
        }

        var folder = Directory.CreateTempSubdirectory("ekiben-demo-").FullName;
        try
        {
            await ShowAsync(parsed, folder, recipients, exit, cancel);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            Console.Error.WriteLine($"ekiben: the demo's data folder is kept: {folder}");
            throw;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            Remove(folder);
            throw;
        }

        Remove(folder);
        return 0;
    }

    /// <summary>The demonstration, step by step.</summary>
    private static async Task ShowAsync(ParseResult parsed, string folder, int recipients, bool exit, CancellationToken cancel)
    {
        var options = ChooseAddress(parsed, CommonOptions.Read(parsed, folder));
        using var held = await ServeLock.TakeAsync(options, cancel);
        await using var server = await RunningServer.StartAsync(options, held, cancel);
        var services = server.App.Services;
        var screen = new DemoScreen(services.GetRequiredService<TimeProvider>());

        var site = await CreateSiteAsync(services, cancel);
        using var client = new DemoClient(server.Address, site);
        screen.Say($"A test site, \"{site.Site.Name}\", on {server.Address}");
        await screen.ImportAsync(client, recipients, cancel);
        await LeaveSomeOutAsync(services.GetRequiredService<Database>(), site.Site.Id, cancel);

        var campaigns = await DemoCampaigns.PostAsync(client, cancel);
        screen.Say($"{campaigns.Count} campaigns posted. #5 came approved; #4 is approved now; the others stay drafts until a person approves them.");
        await client.ApproveAsync(campaigns.Single(c => c.Label == "#4").Id, cancel);
        await screen.WatchAsync(server.App.Services, site.Site.Id, [.. campaigns.Where(c => c.IsSent)], cancel);

        foreach (var campaign in campaigns)
        {
            campaign.Receipt = await client.ReceiptAsync(campaign.Id, cancel);
        }

        screen.ShowReceipts(campaigns);
        CheckReceipts(campaigns);
        screen.ShowAddresses(server.Address, await LogInLinkAsync(services, cancel));
        if (!exit)
        {
            screen.Say("Press Ctrl+C to end it; everything goes with it.");
            await server.App.WaitForShutdownAsync(cancel);
        }
    }

    /// <summary>Another port where the usual one is taken and nobody asked for it.</summary>
    private static EkibenOptions ChooseAddress(ParseResult parsed, EkibenOptions options) =>
        CommonOptions.UrlsGiven(parsed) || RunningServer.WhyNot(options.Urls) is null ? options : options with { Urls = "http://localhost:0" };

    private static async Task<NewSite> CreateSiteAsync(IServiceProvider services, CancellationToken cancel)
    {
        var (database, now) = (services.GetRequiredService<Database>(), services.GetRequiredService<TimeProvider>().GetUtcNow());
        var site = await NewSite.CreateAsync(database, "Station Kiosk", isTest: true, "UTC", Actor.Cli, now, cancel);
        await using var db = database.Open(site.Site.Id);
        await using var write = await database.BeginWriteAsync(db, cancel);
        db.Authors.Add(new Author { SiteId = site.Site.Id, Email = DemoCampaigns.FirstAuthor, Name = "Station Kiosk", CreatedAt = now });
        db.Authors.Add(new Author { SiteId = site.Site.Id, Email = DemoCampaigns.SecondAuthor, Name = "Hana from Station Kiosk", CreatedAt = now });
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        return site;
    }

    /// <summary>What a list has after some years: people who left, an address that bounced, one person twice.</summary>
    private static async Task LeaveSomeOutAsync(Database database, SiteId site, CancellationToken cancel)
    {
        await using var db = database.Open(site);
        await using var write = await database.BeginWriteAsync(db, cancel);
        var people = await db.Subscribers.OrderBy(s => s.Id).Take(FewPeople * 20).ToListAsync(cancel);
        var now = people[0].CreatedAt;
        for (var i = 19; i < people.Count; i += 20)
        {
            people[i].UnsubscribedAt = now;
        }

        for (var i = 38; i < people.Count; i += 200)
        {
            db.Suppressions.Add(new Suppression { SiteId = site, AddressId = people[i].AddressId, Reason = SuppressionReason.HardBounce, Detail = "sample", CreatedAt = now });
        }

        if (people.Count > 11)
        {
            people[11].AddressId = people[10].AddressId;
        }

        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
    }

    private static async Task<string> LogInLinkAsync(IServiceProvider services, CancellationToken cancel)
    {
        await using var scope = services.CreateAsyncScope();
        var user = await UserCommand.CreateAsync(scope.ServiceProvider, "demo@kiosk.example", null, Roles.Owner, cancel);
        await using var db = services.GetRequiredService<Database>().OpenEverySite();
        return await services.GetRequiredService<LoginLinks>().CreateAsync(db, user, LinkValidFor, cancel);
    }

    private static void CheckReceipts(IReadOnlyList<DemoCampaign> campaigns)
    {
        foreach (var campaign in campaigns)
        {
            var receipt = campaign.Receipt!;
            if (!receipt.Balanced)
            {
                throw new CommandFailure($"the receipt of {campaign.Name} does not add up");
            }

            if (campaign.IsSent && (receipt.Status != BroadcastStatus.Sent.Word() || receipt.Accepted != receipt.Recipients))
            {
                throw new CommandFailure($"{campaign.Name} is {receipt.Status} with {receipt.Accepted} of {receipt.Recipients} accepted");
            }

            if (!campaign.IsSent && (receipt.Status != BroadcastStatus.Draft.Word() || ReceiptCommand.Lines(receipt).Any(line => line.Count != 0)))
            {
                throw new CommandFailure($"{campaign.Name} was not approved and is {receipt.Status}, not an untouched draft");
            }
        }
    }

    private static void Remove(string folder)
    {
        // Pooled connections hold the files open.
        SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }
}
