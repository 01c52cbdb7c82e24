using System.Globalization;
using Ekiben.Broadcasts;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;
using Spectre.Console;

namespace Ekiben.Commands;

/// <summary>What the demo shows: bars and a table on a terminal, plain lines elsewhere.</summary>
internal sealed class DemoScreen(TimeProvider clock)
{
    private const int ImportBatch = 1000;

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>Without a single message handed over for so long, something is wrong.</summary>
    private static readonly TimeSpan MaxStandstill = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan PlainLineEvery = TimeSpan.FromSeconds(2);

    private readonly bool _bars = AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected;

    public void Say(string line) => Console.Out.WriteLine(line);

    public Task ImportAsync(DemoClient client, int people, CancellationToken cancel) => WithBarsAsync([("Importing people", (double)people)], async advance =>
    {
        for (var from = 0; from < people; from += ImportBatch)
        {
            var to = Math.Min(people, from + ImportBatch);
            await client.ImportAsync(DemoCampaigns.People(from, to), cancel);
            advance(0, to, people);
        }
    });

    /// <summary>Follows broadcasts until each is sent.</summary>
    /// <exception cref="CommandFailure">One was held or canceled, or nothing moves any more.</exception>
    public Task WatchAsync(IServiceProvider services, SiteId site, IReadOnlyList<DemoCampaign> campaigns, CancellationToken cancel) =>
        WithBarsAsync([.. campaigns.Select(c => ($"Sending {c.Label}", 1d))], async advance =>
        {
            var (database, receipts, worker) =
                (services.GetRequiredService<Database>(), services.GetRequiredService<Receipts>(), services.GetRequiredService<BroadcastsWorker>());
            var (lastMoved, lastDone) = (clock.GetUtcNow(), -1L);
            while (true)
            {
                var (done, open) = (0L, 0);
                for (var i = 0; i < campaigns.Count; i++)
                {
                    var broadcast = await ReadAsync(database, site, campaigns[i], cancel);
                    if (broadcast.Status is BroadcastStatus.Held or BroadcastStatus.Canceled or BroadcastStatus.Paused)
                    {
                        throw new CommandFailure($"{campaigns[i].Name} is {broadcast.Status.Word()}: {broadcast.StatusReason}");
                    }

                    var counts = await receipts.ReadCountsAsync(broadcast, cancel);
                    done += counts.Recipients - counts.Moving;
                    open += broadcast.Status == BroadcastStatus.Sent ? 0 : 1;
                    // Before the freeze is complete nobody knows of how many.
                    if (broadcast.FrozenAt is not null)
                    {
                        advance(i, counts.Recipients - counts.Moving, counts.Recipients);
                    }
                }

                if (open == 0)
                {
                    return;
                }

                var now = clock.GetUtcNow();
                (lastMoved, lastDone) = done == lastDone ? (lastMoved, lastDone) : (now, done);
                if (now - lastMoved > MaxStandstill)
                {
                    throw new CommandFailure(worker.Stopped ?? $"nothing was sent for {MaxStandstill.TotalSeconds:0} s");
                }

                await Task.Delay(LookEvery, clock, cancel);
            }
        });

    public void ShowReceipts(IReadOnlyList<DemoCampaign> campaigns)
    {
        Say("");
        foreach (var campaign in campaigns)
        {
            Say($"  {campaign.Label,-4} broadcast {campaign.Id}  {campaign.Receipt!.Status,-6} {campaign.Name}");
        }

        Say("");
        var table = new Table().Border(_bars ? TableBorder.Rounded : TableBorder.Ascii).AddColumn("receipt");
        foreach (var campaign in campaigns)
        {
            table.AddColumn(new TableColumn(campaign.Label).RightAligned());
        }

        var lines = campaigns.Select(c => ReceiptCommand.Lines(c.Receipt!)).ToList();
        for (var row = 0; row < lines[0].Count; row++)
        {
            table.AddRow([lines[0][row].Name, .. lines.Select(line => line[row].Count.ToString("N0", CultureInfo.InvariantCulture))]);
        }

        table.AddRow(["balanced", .. campaigns.Select(c => c.Receipt!.Balanced ? "yes" : "NO")]);
        AnsiConsole.Write(table);
    }

    public void ShowAddresses(string address, string loginPath)
    {
        Say("");
        Say($"Platform  {address}");
        Say($"Log in    {address}{loginPath}  (once)");
        Say($"Mailbox   {address}/mailbox");
    }

    private static async Task<Broadcast> ReadAsync(Database database, SiteId site, DemoCampaign campaign, CancellationToken cancel)
    {
        var id = new BroadcastId(long.Parse(campaign.Id, CultureInfo.InvariantCulture));
        await using var db = database.Open(site);
        return await db.Broadcasts.AsNoTracking().SingleAsync(b => b.Id == id, cancel);
    }

    /// <summary>Runs a step that reports (bar, done, of).</summary>
    private async Task WithBarsAsync(IReadOnlyList<(string Name, double Of)> bars, Func<Action<int, double, double>, Task> step)
    {
        if (_bars)
        {
            await AnsiConsole.Progress().StartAsync(async progress =>
            {
                var tasks = bars.Select(bar => progress.AddTask(bar.Name, maxValue: bar.Of)).ToList();
                await step((bar, done, of) =>
                {
                    tasks[bar].MaxValue = Math.Max(1, of);
                    tasks[bar].Value = of == 0 ? 1 : done;
                });
            });
            return;
        }

        var shown = bars.Select(_ => (Done: -1d, At: DateTimeOffset.MinValue)).ToArray();
        await step((bar, done, of) =>
        {
            var now = clock.GetUtcNow();
            var last = shown[bar];
            if (last.Done != done && (done == of || now - last.At >= PlainLineEvery))
            {
                shown[bar] = (done, now);
                Say(string.Create(CultureInfo.InvariantCulture, $"{bars[bar].Name}: {done:N0} of {of:N0}"));
            }
        });
    }
}
