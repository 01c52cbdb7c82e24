using System.Globalization;
using System.Security.Cryptography;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Commands;

/// <summary>One proof, from an empty folder to the verdict.</summary>
/// <param name="plan">How much of it.</param>
/// <param name="options">The data folder, the database and the clock.</param>
/// <param name="folder">Its own folder, which its caller removes.</param>
/// <param name="relay">A relay that passes everything on to a sink; null for a sink of its own.</param>
/// <param name="journal">That sink's journal.</param>
internal sealed class ProveRun(ProvePlan plan, EkibenOptions options, string folder, string? relay, string? journal)
{
    /// <summary>How long a server sends before it is killed, on average: the sink answers so slowly that the kills fit.</summary>
    private const int LifeMs = 800;

    private const int MaxReplyMs = 400;

    /// <summary>What was handed over just before a kill has arrived after this long, at a sink of our own after its delay and this.</summary>
    private static readonly TimeSpan SettleTime = TimeSpan.FromMilliseconds(150);

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>A relay that passes mail on gets this long for the last of it.</summary>
    private static readonly TimeSpan RelayTime = TimeSpan.FromMinutes(1);

    private readonly string _domain = $"{RandomNumberGenerator.GetHexString(12, lowercase: true)}.example";
    private readonly List<long> _leftByKill = [];
    private readonly List<double> _again = [];
    private readonly List<double> _pauses = [];
    private long _afterPauseAtMost;
    private string _relayUrl = relay ?? "";
    private readonly string _journalFile = journal ?? Path.Combine(folder, "journal.jsonl");

    /// <summary>Connections of a relay whose URL does not say how many.</summary>
    private const int DefaultConnections = 4;

    private int Connections => relay is null ? DefaultConnections : options.Relay!.Connections;

    private int ReplyMs => (int)Math.Min(MaxReplyMs, DefaultConnections * (long)LifeMs * (plan.Kills + 1) / plan.Recipients);

    /// <summary>What the sink takes for both messages of a connection.</summary>
    private double AnswerSeconds => 2 * ReplyMs / 1000.0;

    /// <summary>1. Start a sink. 2. Serve, import, post. 3. Pause, resume, kill, look, serve again, until enough. 4. Wait until it is sent. 5. Compare.</summary>
    public async Task<ProveResult> RunAsync(CancellationToken cancel)
    {
        await using var sink = relay is null ? await StartSinkAsync(cancel) : null;
        using var tail = new JournalTail(_journalFile, options.Clock);
        var site = await MakeSiteAsync(cancel);
        var server = await ServeAsync(cancel);
        try
        {
            long id;
            using (var client = new DemoClient(server.Said, site))
            {
                await ImportAsync(client, cancel);
                id = await client.PostBroadcastAsync(Broadcast(), cancel);
            }

            var random = new Random();
            for (var kill = 1; kill <= plan.Kills; kill++)
            {
                var left = plan.Recipients - tail.Look();
                // Between one message and nearly twice its share of what is left, so that the last kill still finds something to interrupt.
                await tail.ReachAsync(tail.Lines + random.NextInt64(1, Math.Max(2, 17 * left / (10 * (plan.Kills - kill + 2)))), cancel);
                while (_pauses.Count < plan.Pauses * kill / plan.Kills)
                {
                    await PauseAsync(id, tail, cancel);
                }

                await Task.Delay(TimeSpan.FromMilliseconds(random.NextDouble() * (ReplyMs + 2)), options.Clock, cancel);
                await server.KillAsync();
                await server.DisposeAsync();
                await LookAsync(kill, id, cancel);
                await Task.Delay(SettleTime + TimeSpan.FromMilliseconds(ReplyMs), options.Clock, cancel);
                var before = tail.Look();
                var started = options.Clock.GetTimestamp();
                server = await ServeAsync(cancel);
                await tail.ReachAsync(before + 1, cancel);
                _again.Add(Math.Round(options.Clock.GetElapsedTime(started).TotalSeconds, 2));
                Progress($"kill {kill} of {plan.Kills}: {_leftByKill[^1]} on the wire, sending again after {_again[^1].ToString("0.0", CultureInfo.InvariantCulture)} s, {tail.Lines} of {plan.Recipients} arrived");
            }

            return await CompareAsync(id, tail, cancel);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    private async Task<ChildProcess> StartSinkAsync(CancellationToken cancel)
    {
        var sink = await ChildProcess.StartAsync(
            "ekiben sink: listening on",
            ["sink", "--listen", "127.0.0.1:0", "--journal", _journalFile, "--quiet", .. ReplyMs > 0 ? new[] { "--fault", $"dot:delay={ReplyMs}" } : []],
            options.Clock,
            cancel);
        _relayUrl = $"smtp://{sink.Said}?connections={DefaultConnections}";
        return sink;
    }

    private Task<ChildProcess> ServeAsync(CancellationToken cancel) => ChildProcess.StartAsync(
        "ekiben: listening on",
        ["serve", "--data", options.DataFolder, "--urls", "http://127.0.0.1:0", "--relay", _relayUrl, .. options.Database is { } database ? new[] { "--database", database } : []],
        options.Clock,
        cancel);

    private async Task<NewSite> MakeSiteAsync(CancellationToken cancel)
    {
        await using var data = await DataFolder.OpenAsync(options, cancel);
        await using (var any = data.Database.OpenEverySite())
        {
            if (await any.Sites.AnyAsync(cancel))
            {
                throw new CommandFailure("--database: there are sites in it, and prove would fill it with made-up people; give it an empty one");
            }
        }

        var now = options.Clock.GetUtcNow();
        var site = await NewSite.CreateAsync(data.Database, "Proof", isTest: false, "UTC", Actor.Cli, now, cancel);
        await using var db = data.Database.Open(site.Site.Id);
        await using var write = await data.Database.BeginWriteAsync(db, cancel);
        db.Authors.Add(new Author { SiteId = site.Site.Id, Email = $"news@{_domain}", Name = "News", CreatedAt = now });
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        return site;
    }

    private async Task ImportAsync(DemoClient client, CancellationToken cancel)
    {
        for (var done = 0; done < plan.Recipients;)
        {
            var batch = Enumerable.Range(done + 1, Math.Min(RequestLimits.MaxSubscribers, plan.Recipients - done))
                .Select(number => new Dictionary<string, object> { ["email"] = Address(number), ["first_name"] = $"P{number}" }).ToList();
            await client.ImportAsync(batch, cancel);
            done += batch.Count;
        }

        Progress($"{plan.Recipients} subscribers imported");
    }

    private string Address(int number) => string.Create(CultureInfo.InvariantCulture, $"p{number}@{_domain}");

    /// <summary>Approved with a time that has passed: it goes out at once.</summary>
    private object Broadcast() => new
    {
        name = "Proof",
        subject = "Hello {{ visitor.first_name }}",
        content = "<p>Hello {{ visitor.first_name }}, this is the news.</p>",
        type = "plain",
        uncertain_policy = Words.SnakeCase(plan.Policy.ToString()),
        send_at = "2022-12-13 12:50",
        approved = true,
    };

    /// <summary>Pauses as <c>ekiben broadcast pause</c> does, from a process beside the server's; looks what still arrives, and goes on when the next message has.</summary>
    private async Task PauseAsync(long id, JournalTail tail, CancellationToken cancel)
    {
        // What goes on needs a relay to go by, so it is told of the server's.
        if (!RelayOptions.TryParse(_relayUrl, out var servers, out var wrong))
        {
            throw new CommandFailure(wrong!);
        }

        await using var data = await DataFolder.OpenAsync(options with { Relay = servers }, cancel);
        var (actions, broadcast) = (data.Services.GetRequiredService<BroadcastActions>(), await data.FindBroadcastAsync(id, cancel));
        Demand(await actions.PauseAsync(broadcast.SiteId, broadcast.Id, Actor.Cli, cancel));
        var before = tail.Look();
        var last = await tail.LastWithinAsync(TimeSpan.FromSeconds(ProveResult.PauseLimitSeconds + AnswerSeconds) + SettleTime, cancel);
        _pauses.Add(Math.Round(last?.TotalSeconds ?? 0, 3));
        _afterPauseAtMost = Math.Max(_afterPauseAtMost, tail.Lines - before);
        Demand(await actions.ResumeAsync(broadcast.SiteId, broadcast.Id, Actor.Cli, cancel));
        await tail.ReachAsync(tail.Lines + 1, cancel);
    }

    private static void Demand(ActionResult result)
    {
        if (!result.Done)
        {
            throw new CommandFailure(result.Problem!);
        }
    }

    /// <summary>The ledger as the kill left it. Opened and closed each time, so that the next server finds the files as a crash leaves them.</summary>
    private async Task LookAsync(int kill, long id, CancellationToken cancel)
    {
        var receipt = await ReadReceiptAsync(id, cancel);
        SqliteConnection.ClearAllPools();
        _leftByKill.Add(receipt.Sending);
        if (BroadcastTransitions.FromWord(receipt.Status) != BroadcastStatus.Sending)
        {
            throw new CommandFailure($"the broadcast was {receipt.Status} at kill {kill}, so there was nothing to prove");
        }
    }

    private async Task<Receipt> ReadReceiptAsync(long id, CancellationToken cancel)
    {
        await using var data = await DataFolder.OpenAsync(options, cancel);
        // A database that is a server of its own may still be at the commit that the killed one asked for.
        if (await data.Services.GetRequiredService<SendQueue>().OwnAsync(cancel) is { } taken)
        {
            throw new CommandFailure(taken);
        }

        return await data.Services.GetRequiredService<Receipts>().ReadAsync(await data.FindBroadcastAsync(id, cancel), cancel);
    }

    private async Task<ProveResult> CompareAsync(long id, JournalTail tail, CancellationToken cancel)
    {
        await using var data = await DataFolder.OpenAsync(options, cancel);
        var receipts = data.Services.GetRequiredService<Receipts>();
        await UntilSentAsync(data, receipts, id, tail, cancel);
        var broadcast = await data.FindBroadcastAsync(id, cancel);
        var receipt = await receipts.ReadAsync(broadcast, cancel);
        var ever = await EmailsAsync(receipts, broadcast, null, wasUncertain: true, cancel);
        var atEnd = await EmailsAsync(receipts, broadcast, RecipientState.Uncertain, wasUncertain: false, cancel);
        var copies = await ArrivedAsync(tail, atEnd, cancel);
        var repeated = copies.Where(one => one.Value.Count > 1).ToList();
        var people = Enumerable.Range(1, plan.Recipients).Select(Address).ToHashSet(StringComparer.Ordinal);
        return new ProveResult
        {
            Policy = Words.SnakeCase(plan.Policy.ToString()),
            Recipients = plan.Recipients,
            // Two a connection where transactions are chained (ledger.md rule 12).
            OnTheWireAtMost = Connections * 2,
            Kills = _leftByKill.Count,
            Lost = people.Count(address => !copies.ContainsKey(address) && !atEnd.Contains(address)),
            Repeated = repeated.Sum(one => one.Value.Count - 1),
            RepeatedUnnamed = repeated.Count(one => !ever.Contains(one.Key)),
            DifferingMessageIds = copies.Count(one => one.Value.Distinct(StringComparer.Ordinal).Count() > 1),
            Unknown = copies.Keys.Count(address => !people.Contains(address)),
            UncertainByKill = _leftByKill,
            UncertainEver = receipt.UncertainEver,
            UncertainAtEnd = receipt.Uncertain,
            Accepted = receipt.Accepted,
            Balanced = receipt.Balanced && receipt.Recipients == plan.Recipients,
            AgainSeconds = _again,
            PauseSeconds = _pauses,
            AfterPauseAtMost = _afterPauseAtMost,
            AnswerSeconds = AnswerSeconds,
        };
    }

    private async Task UntilSentAsync(DataFolder data, Receipts receipts, long id, JournalTail tail, CancellationToken cancel)
    {
        var (counted, since) = (-1L, options.Clock.GetTimestamp());
        while (true)
        {
            var progress = await receipts.ReadCountsAsync(await data.FindBroadcastAsync(id, cancel), cancel);
            switch (BroadcastTransitions.FromWord(progress.Status))
            {
                case BroadcastStatus.Sent:
                    return;
                case BroadcastStatus.Sending when progress.Moving + tail.Look() == counted && options.Clock.GetElapsedTime(since) > RelayTime:
                    throw new CommandFailure($"no message has moved for {RelayTime.TotalSeconds:0} s");
                case BroadcastStatus.Sending:
                    (counted, since) = progress.Moving + tail.Lines == counted ? (counted, since) : (progress.Moving + tail.Lines, options.Clock.GetTimestamp());
                    await Task.Delay(LookEvery, options.Clock, cancel);
                    continue;
                default:
                    throw new CommandFailure($"the broadcast is {progress.Status}");
            }
        }
    }

    /// <summary>Behind a relay the last copies may still be on their way to the sink.</summary>
    private async Task<Dictionary<string, List<string?>>> ArrivedAsync(JournalTail tail, HashSet<string> uncertain, CancellationToken cancel)
    {
        var since = options.Clock.GetTimestamp();
        while (true)
        {
            var copies = tail.Copies(_domain);
            if (relay is null || copies.Count >= plan.Recipients - uncertain.Count || options.Clock.GetElapsedTime(since) > RelayTime)
            {
                return copies;
            }

            await Task.Delay(LookEvery, options.Clock, cancel);
        }
    }

    private static async Task<HashSet<string>> EmailsAsync(
        Receipts receipts, Broadcast broadcast, RecipientState? state, bool wasUncertain, CancellationToken cancel)
    {
        var emails = new HashSet<string>(StringComparer.Ordinal);
        string? cursor = null;
        do
        {
            var page = await receipts.ListAsync(broadcast, state, wasUncertain, cursor, Receipts.MaxPage, cancel);
            emails.UnionWith(page.Data.Select(line => line.Email));
            cursor = page.NextCursor;
        }
        while (cursor is not null);

        return emails;
    }

    private static void Progress(string line) => Console.Error.WriteLine($"prove: {line}");
}
