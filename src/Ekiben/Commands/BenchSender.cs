using System.Globalization;
using System.Text;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Domains;
using Ekiben.Mail;
using Ekiben.Providers;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Subscribers;

namespace Ekiben.Commands;

/// <summary>Our side of <c>bench</c>: a site with people in a folder of its own, and one frozen broadcast after the other through the real run.</summary>
internal sealed class BenchSender : IAsyncDisposable
{
    /// <summary>Of the two senders' domains, the one with a key.</summary>
    private const string SigningDomain = "signed.example";

    private readonly DataFolder _folder;
    private readonly Site _site;

    private BenchSender(DataFolder folder, Site site) => (_folder, _site) = (folder, site);

    private IServiceProvider Services => _folder.Services;

    public static async Task<BenchSender> CreateAsync(EkibenOptions options, int people, CancellationToken cancel)
    {
        var folder = await DataFolder.OpenAsync(options, cancel);
        try
        {
            var made = await NewSite.CreateAsync(folder.Database, "Bench", isTest: false, "UTC", Actor.Cli, folder.Clock.GetUtcNow(), cancel);
            var sender = new BenchSender(folder, made.Site);
            await sender.ImportAsync(people, cancel);
            await sender.Services.GetRequiredService<DomainActions>().AddAsync(made.Site, SigningDomain, null, ed25519: false, Actor.Cli, cancel);
            return sender;
        }
        catch
        {
            await folder.DisposeAsync();
            throw;
        }
    }

    /// <summary>Octets of one message as this sender makes it, so that the other sends as much.</summary>
    public async Task<int> MessageSizeAsync(BroadcastId id, CancellationToken cancel)
    {
        await using var db = _folder.Database.Open(_site.Id);
        var broadcast = await db.Broadcasts.FindAsync([id], cancel);
        var compiled = Services.GetRequiredService<MessageComposer>().Compile(Manifest.Of(broadcast!, _site, null), _folder.Clock.GetUtcNow());
        var queue = Services.GetRequiredService<SendQueue>();
        var shard = (await queue.TakeShardsAsync(id, cancel))[0];
        var buffer = new MessageBuffer();
        compiled.Compose((await queue.ReadPendingAsync(shard, new AddressId(0), 1, cancel))[0], _folder.Clock.GetUtcNow(), buffer, out _);
        return buffer.Bytes.Length;
    }

    /// <summary>A broadcast to everybody, approved and frozen: all that is left is to send it.</summary>
    public async Task<BroadcastId> PrepareAsync(bool signed, CancellationToken cancel)
    {
        var now = _folder.Clock.GetUtcNow();
        var broadcast = new Broadcast
        {
            SiteId = _site.Id,
            Name = "Bench",
            Subject = "News for {{ visitor.first_name }}",
            Content = Content,
            Type = "plain",
            FromEmail = signed ? $"news@{SigningDomain}" : "news@bench.example",
            FromName = "Bench",
            CreatedBy = Actor.Cli.Name,
            CreatedAt = now,
            UpdatedAt = now,
        };
        await using (var db = _folder.Database.Open(_site.Id))
        await using (var write = await _folder.Database.BeginWriteAsync(db, cancel))
        {
            db.Broadcasts.Add(broadcast);
            await db.SaveChangesAsync(cancel);
            await write.CommitAsync(cancel);
        }

        await Services.GetRequiredService<BroadcastActions>().ApproveAsync(_site.Id, broadcast.Id, Actor.Cli, cancel);
        var queue = Services.GetRequiredService<SendQueue>();
        var rule = AudienceRule.Of(_site.Id, Manifest.Of(broadcast, _site, null));
        await queue.BeginFreezeAsync(broadcast.Id, cancel);
        while (await queue.FreezeNextRangeAsync(broadcast.Id, rule, cancel) == FreezeStep.More)
        {
        }

        await queue.CompleteFreezeAsync(broadcast.Id, cancel);
        return broadcast.Id;
    }

    /// <summary>The product's own run, with the ledger or without. Checks that everybody was sent to.</summary>
    public async Task SendAsync(BroadcastId id, bool ledger, CancellationToken cancel)
    {
        var queue = Services.GetRequiredService<SendQueue>();
        await using var forgetful = new ForgetfulQueue(queue);
        await using var relays = ActivatorUtilities.CreateInstance<RelayPools>(Services);
        var run = new BroadcastRun(
            id, _folder.Database, Services.GetRequiredService<Audiences>(), ledger ? queue : forgetful, Services.GetRequiredService<SendingRequirements>(), relays,
            Services.GetRequiredService<ProviderPolicies>(), Services.GetRequiredService<MessageComposer>(), Services.GetRequiredService<DomainSigning>(), Services.GetRequiredService<InstanceKey>(), _folder.Clock, Services.GetRequiredService<ILogger<BroadcastRun>>());
        await run.RunAsync(cancel, cancel);
        cancel.ThrowIfCancellationRequested();
        if (!ledger)
        {
            return;
        }

        await using var db = _folder.Database.Open(_site.Id);
        var after = await db.Broadcasts.FindAsync([id], cancel);
        if (after is not { Status: BroadcastStatus.Sent })
        {
            throw new CommandFailure($"the broadcast ended {after?.Status.ToString().ToLowerInvariant()}: {after?.StatusReason ?? "no reason given"}");
        }
    }

    public ValueTask DisposeAsync() => _folder.DisposeAsync();

    private async Task ImportAsync(int people, CancellationToken cancel)
    {
        var (import, key) = (Services.GetRequiredService<SubscriberImport>(), Services.GetRequiredService<InstanceKey>());
        foreach (var numbers in Enumerable.Range(1, people).Chunk(SubscriberImport.MaxRecords))
        {
            var records = numbers.Select(number =>
            {
                var email = string.Create(CultureInfo.InvariantCulture, $"person{number}@bench.example");
                var address = new EmailAddress(email, email);
                return new SubscriberRecord { Address = address, Hash = AddressHash.Of(key, address.Normalised), FirstName = "Ada", LastName = "Lovelace" };
            }).ToList();
            await using var db = _folder.Database.Open(_site.Id);
            await using var write = await _folder.Database.BeginWriteAsync(db, cancel);
            await import.ImportAsync(db, _site.Id, records, _folder.Clock.GetUtcNow(), cancel);
            await write.CommitAsync(cancel);
        }
    }

    /// <summary>Nine variables; with headers and both parts about 5 KB.</summary>
    private static string Content
    {
        get
        {
            var content = new StringBuilder("<p>Dear {{ visitor.first_name }} {{ visitor.last_name }},</p>\n");
            for (var paragraph = 1; paragraph <= 6; paragraph++)
            {
                content.Append(CultureInfo.InvariantCulture, $"<p>{paragraph}. {{{{ visitor.first_name }}}}, the quick brown fox jumps over the lazy dog, and the days of the week")
                    .Append(" go by as they did last year: a paragraph of plain words is what most newsletters are made of.</p>\n");
            }

            return content.Append("<p>Written to {{ visitor.email }}.</p>").ToString();
        }
    }
}

/// <summary>The ledger with its exchanges taken out, to see what they cost: rows are read, and every claim is granted and forgotten.</summary>
internal sealed class ForgetfulQueue(SendQueue real) : SendQueue
{
    public override string? Blind => null;

    public override ValueTask<ClaimAnswer> ExchangeAsync(Exchange exchange, CancellationToken cancel) => ValueTask.FromResult<ClaimAnswer>(
        exchange.Claim is { } claim ? new ClaimAnswer.Claimed(claim.AttemptsSeen + 1, claim.FirstAt) : ClaimAnswer.Recorded.Instance);

    public override Task<string?> CloseAsync(BroadcastId broadcast, CancellationToken cancel) => Task.FromResult<string?>(null);

    public override Task<long> RecoverAsync(BroadcastId? broadcast, CancellationToken cancel) => Task.FromResult(0L);

    public override Task<IReadOnlyList<WorkItem>> ReadWorkAsync(CancellationToken cancel) => real.ReadWorkAsync(cancel);

    public override Task<bool> BeginFreezeAsync(BroadcastId broadcast, CancellationToken cancel) => real.BeginFreezeAsync(broadcast, cancel);

    public override Task<FreezeStep> FreezeNextRangeAsync(BroadcastId broadcast, AudienceRule rule, CancellationToken cancel) =>
        real.FreezeNextRangeAsync(broadcast, rule, cancel);

    public override Task<bool> CompleteFreezeAsync(BroadcastId broadcast, CancellationToken cancel) => real.CompleteFreezeAsync(broadcast, cancel);

    public override Task<IReadOnlyList<TakenShard>> TakeShardsAsync(BroadcastId broadcast, CancellationToken cancel, int above = -1) => real.TakeShardsAsync(broadcast, cancel, above);

    public override Task<IReadOnlyList<Candidate>> ReadPendingAsync(TakenShard shard, AddressId after, int limit, CancellationToken cancel) =>
        real.ReadPendingAsync(shard, after, limit, cancel);

    public override Task<IReadOnlyList<Candidate>> ReadDueAsync(TakenShard shard, RecipientState state, int limit, CancellationToken cancel) =>
        real.ReadDueAsync(shard, state, limit, cancel);

    public override Task<DateTimeOffset?> NextDueAsync(TakenShard shard, DateTimeOffset after, CancellationToken cancel) => real.NextDueAsync(shard, after, cancel);

    public override Task<bool> HoldAsync(BroadcastId broadcast, string reason, CancellationToken cancel) => real.HoldAsync(broadcast, reason, cancel);

    public override Task<bool> HoldBeforeStartAsync(BroadcastId broadcast, string reason, CancellationToken cancel) =>
        real.HoldBeforeStartAsync(broadcast, reason, cancel);

    public override Task CancelRowsAsync(BroadcastId broadcast, CancellationToken cancel) => real.CancelRowsAsync(broadcast, cancel);

    public override Task<IReadOnlyList<BroadcastId>> RecountAsync(DateTimeOffset since, CancellationToken cancel) => real.RecountAsync(since, cancel);

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
