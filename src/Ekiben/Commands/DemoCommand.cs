using System.CommandLine;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Suppressions;
using Ekiben.Web;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Commands;

/// <summary>
/// <c>ekiben demo</c>: the whole product in one command, on a folder that goes with it. The real server and engine run in this process,
/// and everything that a client would do comes over HTTP.
/// </summary>
internal static class DemoCommand
{
    private const int MaxRecipients = 1_000_000;

    public static Command Create()
    {
        var recipients = new Option<int>("--recipients") { Description = "How many sample subscribers.", HelpName = "N", DefaultValueFactory = _ => 2000 };
        var exit = new Option<bool>("--exit") { Description = "End when all is sent, with 1 if anything does not add up. Otherwise it serves until Ctrl+C." };
        var command = new Command("demo", "Show everything at once: sample subscribers, five campaigns, receipts, the platform.") { recipients, exit };
        command.SetAction(async (parsed, cancel) =>
        {
            var people = parsed.GetValue(recipients);
            if (people is < 1 or > MaxRecipients)
            {
                throw CommandFailure.Usage($"--recipients takes 1 to {DemoScreen.Number(MaxRecipients)}");
            }

            if (new[] { CommonOptions.Data, CommonOptions.PublicUrl, CommonOptions.Relay }.FirstOrDefault(option => parsed.GetValue(option) is not null) is { } given)
            {
                throw CommandFailure.Usage($"{given.Name}: demo works on a folder of its own and sends into the built-in mailbox only; leave the option out.");
            }

            var folder = Directory.CreateTempSubdirectory("ekiben-demo-").FullName;
            var run = new DemoRun(OptionsFor(parsed, folder), people, parsed.GetValue(exit));
            return await RunAndCleanAsync(run, folder, cancel);
        });
        return command;
    }

    private static EkibenOptions OptionsFor(ParseResult parsed, string folder)
    {
        try
        {
            var options = CommonOptions.Read(parsed, folder) with { PublicUrl = null, Relay = null };
            // Only where nobody asked for a port may another one be taken.
            return CommonOptions.UrlsGiven(parsed) || RunningServer.WhatKeepsFrom(options.Urls) is null ? options : options with { Urls = "http://localhost:0" };
        }
        catch (CommandFailure)
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    /// <summary>The folder goes, also after Ctrl+C. After a failure it stays and is named: it holds what went wrong.</summary>
    private static async Task<int> RunAndCleanAsync(DemoRun run, string folder, CancellationToken cancel)
    {
        string? wrong;
        try
        {
            wrong = await run.RunAsync(cancel);
        }
        catch (OperationCanceledException stopped) when (stopped.InnerException is not TimeoutException)
        {
            Remove(folder);
            throw;
        }
        catch (CommandFailure) when (!run.HasServed)
        {
            Remove(folder);
            throw;
        }
        catch (Exception world) when (world is CommandFailure or OperationCanceledException or HttpRequestException or IOException or SqliteException)
        {
            throw new CommandFailure($"{world.Message}{KeptIn(folder)}");
        }
        catch
        {
            Console.Error.WriteLine($"ekiben: the demo failed{KeptIn(folder)}");
            throw;
        }

        if (wrong is not null)
        {
            throw new CommandFailure($"{wrong}{KeptIn(folder)}");
        }

        Remove(folder);
        return 0;
    }

    private static string KeptIn(string folder) => $"; the demo's data is kept in {folder}";

    private static void Remove(string folder)
    {
        // Pooled connections keep files open, and some systems do not delete those.
        SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }
}

/// <summary>One run of the demo, from the empty folder to the last receipt.</summary>
internal sealed class DemoRun(EkibenOptions options, int people, bool exit)
{
    /// <summary>When nothing moves for so long, nothing will.</summary>
    private static readonly TimeSpan StallLimit = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan LinkValidFor = TimeSpan.FromHours(24);

    /// <summary>Whether the folder may hold more than an empty database.</summary>
    public bool HasServed { get; private set; }

    /// <summary>1. Serve. 2. Make the site. 3. Import. 4. Post the campaigns. 5. Watch them go out. 6. Show and judge. 7. Serve on, if wanted.</summary>
    /// <returns>One sentence on what does not add up, or null.</returns>
    public async Task<string?> RunAsync(CancellationToken cancel)
    {
        using var held = await ServeLock.TakeAsync(options, cancel);
        await using var server = await RunningServer.StartAsync(options, held, cancel);
        HasServed = true;
        var stopping = server.App.Lifetime.ApplicationStopping;
        try
        {
            return await ShowEverythingAsync(server, cancel);
        }
        catch (Exception broken) when (cancel.IsCancellationRequested || stopping.IsCancellationRequested)
        {
            // Requests break off in many ways when the server under them stops: whichever it was, Ctrl+C is why.
            throw new OperationCanceledException("stopped", broken, cancel);
        }
    }

    private async Task<string?> ShowEverythingAsync(RunningServer server, CancellationToken cancel)
    {
        var site = await MakeSiteAsync(server, cancel);
        var link = await MakeOwnerAsync(server, cancel);
        using var client = new DemoClient(server.Address, site);
        await ImportAsync(client, cancel);
        await LeaveSomeOutAsync(server, site.Site, cancel);
        var posted = await PostAsync(client, cancel);
        await WatchAsync(client, [.. posted.Where(one => one.Campaign.Fate != DemoFate.Draft)], cancel);
        var outcome = await CollectAsync(client, posted, cancel);
        var wrong = outcome.WhatIsWrong();
        Show(outcome, wrong, server.Address, link, site);
        if (!exit)
        {
            DemoScreen.Say("Serving until Ctrl+C.");
            await server.App.WaitForShutdownAsync(cancel);
        }

        return wrong;
    }

    private async Task<NewSite> MakeSiteAsync(RunningServer server, CancellationToken cancel)
    {
        var database = server.App.Services.GetRequiredService<Database>();
        var now = options.Clock.GetUtcNow();
        var site = await NewSite.CreateAsync(database, DemoSamples.SiteName, isTest: true, "UTC", Actor.Cli, now, cancel);
        await using var db = database.Open(site.Site.Id);
        await using var write = await database.BeginWriteAsync(db, cancel);
        foreach (var (email, name) in DemoSamples.Authors)
        {
            db.Authors.Add(new Author { SiteId = site.Site.Id, Email = email, Name = name, CreatedAt = now });
        }

        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        DemoScreen.Say($"A test site at {server.Address}, data in {options.DataFolder}");
        return site;
    }

    private static async Task<string> MakeOwnerAsync(RunningServer server, CancellationToken cancel)
    {
        await using var scope = server.App.Services.CreateAsyncScope();
        var owner = await UserCommand.CreateAsync(scope.ServiceProvider, DemoSamples.Owner, password: null, Roles.Owner, cancel);
        await using var db = server.App.Services.GetRequiredService<Database>().OpenEverySite();
        return server.Address + await server.App.Services.GetRequiredService<LoginLinks>().CreateAsync(db, owner, LinkValidFor, cancel);
    }

    private Task ImportAsync(DemoClient client, CancellationToken cancel) => DemoScreen.ShowProgressAsync(["Subscribers imported"], async report =>
    {
        for (var done = 0; done < people;)
        {
            var batch = Enumerable.Range(done + 1, Math.Min(RequestLimits.MaxSubscribers, people - done)).Select(DemoSamples.Person).ToList();
            await client.ImportAsync(batch, cancel);
            done += batch.Count;
            report(0, done, people);
        }
    });

    /// <summary>Some people unsubscribed long ago and some addresses bounced: no import can say so, since it must not lift either.</summary>
    private async Task LeaveSomeOutAsync(RunningServer server, Site site, CancellationToken cancel)
    {
        var database = server.App.Services.GetRequiredService<Database>();
        var now = options.Clock.GetUtcNow();
        var (first, second) = DemoSamples.Unsubscribed;
        await using var db = database.Open(site.Id);
        await using var write = await database.BeginWriteAsync(db, cancel);
        await db.Subscribers.Where(s => s.Address.Normalised.Contains(first) || s.Address.Normalised.Contains(second))
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.UnsubscribedAt, now), cancel);
        var bounced = await db.Subscribers.Where(s => s.Address.Normalised.Contains(DemoSamples.Suppressed)).Select(s => s.AddressId).ToListAsync(cancel);
        db.Suppressions.AddRange(bounced.Select(address => new Suppression
        {
            SiteId = site.Id,
            AddressId = address,
            Reason = SuppressionReason.HardBounce,
            Detail = "550 5.1.1 no such mailbox",
            CreatedAt = now,
        }));
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
    }

    private static async Task<List<Posted>> PostAsync(DemoClient client, CancellationToken cancel)
    {
        var layout = await client.CreateAsync("layouts", DemoSamples.Layout, cancel);
        var segment = await client.CreateAsync("segments", DemoSamples.Segment, cancel);
        var posted = new List<Posted>();
        foreach (var request in DemoSamples.Campaigns(layout, segment))
        {
            var ids = await client.PostBroadcastsAsync(request, cancel);
            foreach (var (campaign, id) in request.Zip(ids))
            {
                posted.Add(new Posted(campaign, id));
                if (campaign.Fate == DemoFate.ApprovedLater)
                {
                    await client.ApproveAsync(id, cancel);
                }

                DemoScreen.Say($"Posted {campaign.Name}{(campaign.Fate == DemoFate.Draft ? ", a draft" : ", approved")}");
            }
        }

        return posted;
    }

    private Task WatchAsync(DemoClient client, IReadOnlyList<Posted> approved, CancellationToken cancel) =>
        DemoScreen.ShowProgressAsync([.. approved.Select(one => one.Campaign.Name)], async report =>
        {
            var (lastMove, before) = (options.Clock.GetTimestamp(), Array.Empty<Receipt>());
            while (true)
            {
                var asked = options.Clock.GetTimestamp();
                var receipts = new Receipt[approved.Count];
                for (var line = 0; line < approved.Count; line++)
                {
                    var receipt = receipts[line] = await client.ReceiptAsync(approved[line].Id, cancel);
                    report(line, receipt.Recipients - receipt.Moving, receipt.Recipients);
                }

                if (!receipts.Any(CanGoOn))
                {
                    return;
                }

                if (!receipts.SequenceEqual(before))
                {
                    (lastMove, before) = (options.Clock.GetTimestamp(), receipts);
                }
                else if (options.Clock.GetElapsedTime(lastMove) > StallLimit)
                {
                    throw new CommandFailure($"no message has moved for {StallLimit.TotalMinutes:0} minutes");
                }

                // A receipt is counted afresh: with many rows, looking must not slow down what is looked at.
                var pause = options.Clock.GetElapsedTime(asked) * 4;
                await Task.Delay(pause > LookEvery ? pause : LookEvery, options.Clock, cancel);
            }
        });

    private static bool CanGoOn(Receipt receipt) =>
        BroadcastTransitions.FromWord(receipt.Status) is BroadcastStatus.Scheduled or BroadcastStatus.Sending;

    private static async Task<DemoOutcome> CollectAsync(DemoClient client, List<Posted> posted, CancellationToken cancel)
    {
        var (sent, drafts) = (new List<DemoAccount>(), new List<DemoDraft>());
        foreach (var (campaign, id) in posted)
        {
            var receipt = await client.ReceiptAsync(id, cancel);
            if (campaign.Fate == DemoFate.Draft)
            {
                drafts.Add(new DemoDraft(campaign, receipt, await client.ReachAsync(id, cancel)));
            }
            else
            {
                sent.Add(new DemoAccount(campaign.Name, receipt));
            }
        }

        return new DemoOutcome(sent, drafts, await client.MailboxAsync(cancel));
    }

    private void Show(DemoOutcome outcome, string? wrong, string address, string link, NewSite site)
    {
        foreach (var account in outcome.Sent)
        {
            DemoScreen.ShowReceipt(account);
        }

        DemoScreen.ShowDrafts(outcome.Drafts);
        DemoScreen.Say($"{DemoScreen.Number(outcome.Accepted)} messages accepted, {DemoScreen.Number(outcome.Mailbox.Taken)} in the mailbox.");
        if (wrong is null)
        {
            DemoScreen.Say("Everything adds up.");
        }
        else if (!exit)
        {
            // Said now, since the end may be hours away.
            DemoScreen.Say($"It does not add up: {wrong}");
        }

        DemoScreen.Say("");
        DemoScreen.Say($"Platform  {link}  (logs in once, as {DemoSamples.Owner})");
        DemoScreen.Say($"Mailbox   {address}/mailbox");
        if (!exit)
        {
            DemoScreen.Say($"API       site_uuid {site.Site.Uuid}, publishable_key {site.PublishableKey}, secret_key {site.SecretKey}");
        }
    }

    private sealed record Posted(DemoCampaign Campaign, string Id);
}
