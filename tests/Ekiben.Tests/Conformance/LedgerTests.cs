using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Conformance;

/// <summary>What the ledger promises (docs/ledger.md), asked of each database at the seam itself.</summary>
[Trait("needs", "postgresql")]
public class LedgerTests(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    private static readonly SmtpReply Ok = new(250, "2.0.0", "queued as 1");

    public static TheoryData<string> Databases { get; } = ["SQLite", "PostgreSQL"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Databases))]
    public async Task The_freeze_puts_everybody_in_one_place_and_writes_six_figures_that_the_count_foretold(string database)
    {
        await using var ledger = await StartAsync(database);
        await ledger.Site.ImportAsync(
            new { email = "a@example.com", tags = "Lead" },
            new { email = "b@example.com", tags = "lead,customers" },
            new { email = "c@example.com", tags = "LEAD" },
            new { email = "d@example.com", tags = "lead" },
            new { email = "e@example.com", tags = "lead" },
            new { email = "f@example.com", tags = "other" });
        ledger.Sql("UPDATE subscribers SET unsubscribed_at = 1 WHERE address_id IN (SELECT id FROM addresses WHERE normalised = 'c@example.com')");
        ledger.Sql("INSERT INTO suppressions (site_id, address_id, reason, created_at) SELECT site_id, id, 'complaint', 1 FROM addresses WHERE normalised = 'd@example.com'");
        ledger.Sql("UPDATE subscribers SET address_id = (SELECT id FROM addresses WHERE normalised = 'a@example.com') WHERE address_id = (SELECT id FROM addresses WHERE normalised = 'e@example.com')");
        var rule = new AudienceRule(ledger.Site.Id, ["lead"], ["Customers"], null);
        Assert.Equal(new AudienceCount(5, 1, 1, 1, 1), await ledger.App.Service<Audiences>().CountAsync(rule, Cancel));
        await ledger.FreezeAsync(rule);
        var receipt = await ledger.ReceiptAsync();
        Assert.Equal((5, 1, 1, 1, 1, 1), (receipt.Matched, receipt.Excluded, receipt.Unsubscribed, receipt.SuppressedBefore, receipt.DuplicateAddresses, receipt.Recipients));
        Assert.True(receipt.Balanced);
        Assert.False(await ledger.Queue.BeginFreezeAsync(ledger.Broadcast, Cancel));
        Assert.False(await ledger.Queue.CompleteFreezeAsync(ledger.Broadcast, Cancel));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task A_row_is_claimed_once_however_often_it_is_asked_for_at_once(string database)
    {
        await using var ledger = await StartAsync(database, people: 20);
        var rows = await ledger.FrozenAsync();
        var answers = await Task.WhenAll(rows.Concat(rows).Concat(rows).Select(row => ledger.ClaimAsync(row)));
        Assert.Equal(20, answers.Count(answer => answer is ClaimAnswer.Claimed { Attempt: 1 }));
        Assert.Equal(40, answers.Count(answer => answer is ClaimAnswer.Passed));
        Assert.Equal(20, (await ledger.ReceiptAsync()).Sending);
        Assert.Empty(await ledger.Queue.RecountAsync(DateTimeOffset.UnixEpoch, Cancel));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Each_outcome_makes_of_its_row_what_the_rules_say(string database)
    {
        await using var ledger = await StartAsync(database, people: 5);
        var rows = await ledger.FrozenAsync();
        foreach (var row in rows)
        {
            Assert.IsType<ClaimAnswer.Claimed>(await ledger.ClaimAsync(row));
        }

        // A reply with what no text of a database holds.
        var odd = new SmtpReply(550, "5.1.1", "no\0body \ud83d here");
        await ledger.RecordAsync(rows[0], 1, new DeliveryOutcome.Accepted(Ok), new RetryDecision(RetryStep.Accept));
        await ledger.RecordAsync(rows[1], 1, new DeliveryOutcome.Refused(SmtpPhase.Rcpt, odd), new RetryDecision(RetryStep.Refuse) { Suppress = true });
        await ledger.RecordAsync(rows[2], 1, new DeliveryOutcome.Deferred(SmtpPhase.Rcpt, new SmtpReply(451, "4.3.0", "later")), new RetryDecision(RetryStep.Defer) { NotBefore = ledger.Clock.GetUtcNow().AddMinutes(5) });
        await ledger.RecordAsync(rows[3], 1, new DeliveryOutcome.NotSent(SmtpPhase.Mail, "gone"), new RetryDecision(RetryStep.GiveBack));
        await ledger.RecordAsync(rows[4], 1, new DeliveryOutcome.Uncertain(SmtpPhase.Dot, "lost"), new RetryDecision(RetryStep.MarkUncertain));
        var receipt = await ledger.ReceiptAsync();
        Assert.Equal((1, 1, 1, 1, 1, 1), (receipt.Accepted, receipt.Refused, receipt.Deferred, receipt.Pending, receipt.Uncertain, receipt.UncertainEver));
        Assert.Equal(1, ledger.Count("SELECT COUNT(*) FROM suppressions WHERE reason = 'hard_bounce'"));
        var counts = await ledger.CountsAsync();
        Assert.Equal((1, 1, 1, 1, 1, 1), (counts.Accepted, counts.Refused, counts.Deferred, counts.Pending, counts.Uncertain, counts.UncertainEver));

        // Deferred is claimed when it is due and not before; the row given back is as if never tried; the uncertain one exactly once more.
        Assert.IsType<ClaimAnswer.Passed>(await ledger.ClaimAsync(rows[2], seen: 1));
        ledger.Clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(rows[2].Address, Assert.Single(await ledger.Queue.ReadDueAsync(rows[2].Shard, RecipientState.Deferred, 10, Cancel)).Address);
        Assert.Equal(2, Assert.IsType<ClaimAnswer.Claimed>(await ledger.ClaimAsync(rows[2], seen: 1)).Attempt);
        Assert.Equal(1, Assert.IsType<ClaimAnswer.Claimed>(await ledger.ClaimAsync(rows[3])).Attempt);
        Assert.Equal(2, Assert.IsType<ClaimAnswer.Claimed>(await ledger.ClaimAsync(rows[4], seen: 1)).Attempt);
        await ledger.RecordAsync(rows[4], 2, new DeliveryOutcome.Refused(SmtpPhase.Rcpt, odd), new RetryDecision(RetryStep.Refuse));
        Assert.IsType<ClaimAnswer.Passed>(await ledger.ClaimAsync(rows[4], seen: 2));
        Assert.Equal((1, 1), ((await ledger.ReceiptAsync()).Uncertain, (await ledger.ReceiptAsync()).Resent));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task A_late_outcome_counts_by_its_attempt_and_an_older_250_is_kept_beside(string database)
    {
        await using var ledger = await StartAsync(database, people: 1);
        var row = Assert.Single(await ledger.FrozenAsync());
        await ledger.ClaimAsync(row);
        Assert.Equal(1, await ledger.Queue.RecoverAsync(null, Cancel));
        await ledger.ClaimAsync(row, seen: 1);
        await ledger.RecordAsync(row, 1, new DeliveryOutcome.Accepted(Ok), new RetryDecision(RetryStep.Accept));
        Assert.Equal(1, (await ledger.ReceiptAsync()).Sending);
        Assert.Equal(1, ledger.Count("SELECT COUNT(*) FROM attempts WHERE outcome = 'accepted' AND number = 1"));
        await ledger.RecordAsync(row, 2, new DeliveryOutcome.Accepted(Ok), new RetryDecision(RetryStep.Accept));
        Assert.Equal((1, 1, 1), ((await ledger.ReceiptAsync()).Accepted, (await ledger.ReceiptAsync()).UncertainEver, (await ledger.ReceiptAsync()).Resent));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Under_hold_an_uncertain_row_is_never_claimed_again(string database)
    {
        await using var ledger = await StartAsync(database, people: 2);
        ledger.Sql("UPDATE broadcasts SET uncertain_policy = 'hold'");
        var rows = await ledger.FrozenAsync();
        await ledger.ClaimAsync(rows[0]);
        await ledger.ClaimAsync(rows[1]);
        await ledger.RecordAsync(rows[0], 1, new DeliveryOutcome.Uncertain(SmtpPhase.Dot, "lost"), new RetryDecision(RetryStep.MarkUncertain));
        await ledger.Queue.RecoverAsync(ledger.Broadcast, Cancel);
        Assert.All(await Task.WhenAll(rows.Select(row => ledger.ClaimAsync(row, seen: 1))), answer => Assert.IsType<ClaimAnswer.Passed>(answer));
        Assert.Null(await ledger.Queue.CloseAsync(ledger.Broadcast, Cancel));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task An_owner_whose_shard_was_taken_claims_nothing(string database)
    {
        await using var ledger = await StartAsync(database, people: 1);
        var row = Assert.Single(await ledger.FrozenAsync());
        var taken = Assert.Single(await ledger.Queue.TakeShardsAsync(ledger.Broadcast, Cancel));
        Assert.IsType<ClaimAnswer.Stopped>(await ledger.ClaimAsync(row));
        Assert.IsType<ClaimAnswer.Claimed>(await ledger.ClaimAsync(row with { Shard = taken }));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Nothing_is_claimed_of_a_paused_broadcast_nor_for_people_who_left(string database)
    {
        await using var ledger = await StartAsync(database, people: 3);
        var rows = await ledger.FrozenAsync();
        ledger.Sql("UPDATE broadcasts SET status = 'paused'");
        Assert.IsType<ClaimAnswer.Stopped>(await ledger.ClaimAsync(rows[0]));
        ledger.Sql("UPDATE broadcasts SET status = 'sending'");
        ledger.Sql($"UPDATE subscribers SET unsubscribed_at = 1 WHERE id = {rows[0].Subscriber}");
        ledger.Sql($"INSERT INTO suppressions (site_id, address_id, reason, created_at) VALUES ({ledger.Site.Id}, {rows[1].Address}, 'complaint', 1)");
        Assert.IsType<ClaimAnswer.Passed>(await ledger.ClaimAsync(rows[0]));
        Assert.IsType<ClaimAnswer.Passed>(await ledger.ClaimAsync(rows[1]));
        Assert.IsType<ClaimAnswer.Claimed>(await ledger.ClaimAsync(rows[2]));
        Assert.Equal((2, 1), ((await ledger.ReceiptAsync()).Suppressed, (await ledger.ReceiptAsync()).Sending));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task The_rate_gives_one_claim_a_window_also_when_many_ask_at_once(string database)
    {
        await using var ledger = await StartAsync(database, people: 4);
        var rows = await ledger.FrozenAsync();
        ledger.Sql("UPDATE broadcasts SET batch_size_per_hour = 10");
        for (var window = 0; window < 3; window++)
        {
            var answers = await Task.WhenAll(rows.Skip(window).Select(row => ledger.ClaimAsync(row)));
            Assert.Equal(1, answers.Count(answer => answer is ClaimAnswer.Claimed));
            Assert.All(answers.OfType<ClaimAnswer.Wait>(), wait => Assert.Equal(ledger.Clock.GetUtcNow().AddMinutes(6), wait.Until));
            ledger.Clock.Advance(TimeSpan.FromMinutes(6));
        }
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task It_does_not_close_when_a_row_was_deleted_by_hand_and_the_recount_sees_it(string database)
    {
        await using var ledger = await StartAsync(database, people: 2);
        foreach (var row in await ledger.FrozenAsync())
        {
            await ledger.ClaimAsync(row);
            await ledger.RecordAsync(row, 1, new DeliveryOutcome.Accepted(Ok), new RetryDecision(RetryStep.Accept));
        }

        ledger.Sql("DELETE FROM recipients WHERE address_id = (SELECT MAX(address_id) FROM recipients)");
        Assert.False((await ledger.ReceiptAsync()).Balanced);
        Assert.NotNull(await ledger.Queue.CloseAsync(ledger.Broadcast, Cancel));
        Assert.Equal([ledger.Broadcast], await ledger.Queue.RecountAsync(DateTimeOffset.UnixEpoch, Cancel));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Canceling_leaves_what_is_on_the_wire_and_a_deferral_then_becomes_canceled(string database)
    {
        await using var ledger = await StartAsync(database, people: 3);
        var rows = await ledger.FrozenAsync();
        await ledger.ClaimAsync(rows[0]);
        ledger.Sql("UPDATE broadcasts SET status = 'canceled'");
        Assert.Contains(await ledger.Queue.ReadWorkAsync(Cancel), item => item.Broadcast == ledger.Broadcast);
        await ledger.Queue.CancelRowsAsync(ledger.Broadcast, Cancel);
        Assert.Equal((2, 1), ((await ledger.ReceiptAsync()).Canceled, (await ledger.ReceiptAsync()).Sending));
        await ledger.RecordAsync(rows[0], 1, new DeliveryOutcome.Deferred(SmtpPhase.Dot, new SmtpReply(451, "", "later")), new RetryDecision(RetryStep.Defer) { NotBefore = ledger.Clock.GetUtcNow() });
        Assert.Equal(3, (await ledger.ReceiptAsync()).Canceled);
        Assert.DoesNotContain(await ledger.Queue.ReadWorkAsync(Cancel), item => item.Broadcast == ledger.Broadcast);
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Segments_mean_the_same(string database)
    {
        await using var ledger = await StartAsync(database);
        await ledger.Site.ImportAsync(
            new { email = "a@example.com", first_name = "Ann", plan = "Pro", seats = 10, beta = true },
            new { email = "b@example.com", first_name = " ", plan = "free", seats = "10", beta = false },
            new { email = "c@example.com", first_name = "Zoë", seats = 2.5 });
        async Task<long> CountAsync(string rule) => (await ledger.App.Service<Audiences>().CountAsync(
            new AudienceRule(ledger.Site.Id, [], [], Ekiben.Segments.SegmentRule.Parse(rule)), Cancel)).Matched;
        string[] rules =
        [
            """{"field":"plan","op":"eq","value":"pro"}""", """{"field":"plan","op":"ne","value":"pro"}""", """{"field":"seats","op":"eq","value":10}""",
            """{"field":"seats","op":"gt","value":5}""", """{"field":"seats","op":"lt","value":5}""", """{"field":"seats","op":"eq","value":"10"}""",
            """{"field":"beta","op":"eq","value":true}""", """{"field":"plan","op":"missing"}""", """{"not":{"field":"plan","op":"contains","value":"R"}}""",
            """{"field":"email","op":"ends_with","value":"EXAMPLE.com"}""", """{"field":"first_name","op":"starts_with","value":"zo"}""",
            """{"field":"created_at","op":"gt","value":"2001-01-01"}""",
        ];
        var counts = new List<long>();
        foreach (var rule in rules)
        {
            counts.Add(await CountAsync(rule));
        }

        Assert.Equal([1, 2, 1, 2, 1, 2, 1, 1, 1, 3, 1, 3], counts);
        Assert.Equal([1, 1], await ledger.App.Service<Audiences>().CountBlankAsync(
            new AudienceRule(ledger.Site.Id, [], [], null), [new SubscriberField("first_name", false), new SubscriberField("plan", true)], Cancel));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task The_people_behind_each_number_are_the_number(string database)
    {
        await using var ledger = await StartAsync(database);
        await ledger.Site.ImportAsync([.. Enumerable.Range(1, 9).Select(i => (object)new { email = $"p{i}@example.com", first_name = i == 8 ? " " : $"P{i}", tags = i == 1 ? "lead,customers" : "lead" })]);
        ledger.Sql("UPDATE subscribers SET unsubscribed_at = 1 WHERE first_name = 'P2'");
        ledger.Sql("INSERT INTO suppressions (site_id, address_id, reason, created_at) SELECT site_id, id, 'complaint', 1 FROM addresses WHERE normalised = 'p3@example.com'");
        // Who shares an address with somebody who is unsubscribed is the first; who shares with a recipient of a lower number is not.
        ledger.Sql("UPDATE subscribers SET address_id = (SELECT id FROM addresses WHERE normalised = 'p2@example.com') WHERE first_name = 'P4'");
        ledger.Sql("UPDATE subscribers SET address_id = (SELECT id FROM addresses WHERE normalised = 'p5@example.com') WHERE first_name = 'P6'");
        var (audiences, rule) = (ledger.App.Service<Audiences>(), new AudienceRule(ledger.Site.Id, ["lead"], ["customers"], null));
        async Task<string> NamesAsync(AudienceGroup group) => string.Join(' ', (await audiences.ListAsync(rule, group, default, 100, Cancel)).People.Select(p => p.FirstName!.Trim()));

        Assert.Equal(new AudienceCount(9, 1, 1, 1, 1), await audiences.CountAsync(rule, Cancel));
        Assert.Equal("P1 P2 P3 P4 P5 P6 P7  P9", await NamesAsync(AudienceGroup.Matched));
        Assert.Equal("P1", await NamesAsync(AudienceGroup.Excluded));
        Assert.Equal("P2", await NamesAsync(AudienceGroup.Unsubscribed));
        Assert.Equal("P3", await NamesAsync(AudienceGroup.Suppressed));
        Assert.Equal("P6", await NamesAsync(AudienceGroup.Duplicate));
        Assert.Equal("P4 P5 P7  P9", await NamesAsync(AudienceGroup.Recipients));
        var walked = new List<Candidate>();
        await foreach (var page in audiences.WalkAsync(ledger.Broadcast, rule, Cancel))
        {
            walked.AddRange(page);
        }

        Assert.Equal("P4 P5 P7  P9", string.Join(' ', walked.Select(p => p.FirstName!.Trim())));
        Assert.All(walked, person => Assert.Equal(["lead"], person.Tags));
        var blank = await audiences.FindBlankAsync(rule, [new SubscriberField("first_name", false)], default, Cancel);
        Assert.Equal(walked[3].Subscriber, blank);
        Assert.Null(await audiences.FindBlankAsync(rule, [new SubscriberField("first_name", false)], blank!.Value, Cancel));
        Assert.Equal(new Overlap(5, 5, IsSample: false), await audiences.OverlapAsync(rule, new AudienceRule(ledger.Site.Id, [], [], null), Cancel));
        Assert.True(await audiences.ReachesAsync(rule, walked[0].Subscriber, Cancel));
        await ledger.FreezeAsync(rule);
        Assert.Equal(new Overlap(5, 5, IsSample: false), await audiences.OverlapAsync(rule, ledger.Broadcast, Cancel));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task An_import_adds_changes_and_brings_tags_back(string database)
    {
        await using var ledger = await StartAsync(database);
        await ledger.Site.ImportAsync(new { email = "A@Example.com", first_name = "Ann", tags = "x,y", plan = "a\0b" });
        await ledger.Site.ImportAsync(new { email = "a@example.com", last_name = "Lee", remove_tags = "Y", tags = "z" });
        await using var db = ledger.App.Database.Open(ledger.Site.Id);
        var person = await db.Subscribers.SingleAsync(Cancel);
        Assert.Equal(("Ann", "Lee"), (person.FirstName, person.LastName));
        Assert.Equal(["x", "z"], await db.TagNamesOfAsync(person.Id, Cancel));
        Assert.Contains("\"ab\"", person.Fields, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task A_broadcast_that_is_paused_before_it_closes_is_no_riddle(string database)
    {
        await using var ledger = await StartAsync(database, people: 1);
        var row = Assert.Single(await ledger.FrozenAsync());
        Assert.IsType<ClaimAnswer.Claimed>(await ledger.ClaimAsync(row));
        await ledger.RecordAsync(row, 1, new DeliveryOutcome.Accepted(Ok), new RetryDecision(RetryStep.Accept));
        ledger.Sql("UPDATE broadcasts SET status = 'paused'");
        Assert.Null(await ledger.Queue.CloseAsync(ledger.Broadcast, Cancel));
        Assert.Equal(1, ledger.Count("SELECT COUNT(*) FROM broadcasts WHERE status = 'paused'"));
        ledger.Sql("UPDATE broadcasts SET status = 'sending'");
        Assert.Null(await ledger.Queue.CloseAsync(ledger.Broadcast, Cancel));
        Assert.Equal(1, ledger.Count("SELECT COUNT(*) FROM broadcasts WHERE status = 'sent'"));
    }

    private async Task<LedgerApp> StartAsync(string database, int people = 0) =>
        await LedgerApp.StartAsync(database == "SQLite" ? null : await postgres.Server.CreateDatabaseAsync(Cancel), people);

    /// <summary>A server whose engine rests, and one broadcast; each step of the engine is taken by hand.</summary>
    internal sealed class LedgerApp(EkibenApp app, TestSite site, FakeTimeProvider clock) : IAsyncDisposable
    {
        public EkibenApp App => app;

        public TestSite Site => site;

        public FakeTimeProvider Clock => clock;

        public SendQueue Queue => app.Service<SendQueue>();

        public BroadcastId Broadcast { get; private set; }

        public static async Task<LedgerApp> StartAsync(string? database, int people)
        {
            var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
            var app = await EkibenApp.StartAsync(options => options with { Database = database, Clock = clock });
            var ledger = new LedgerApp(app, await app.AddSiteAsync(), clock);
            if (people > 0)
            {
                await ledger.Site.ImportAsync([.. Enumerable.Range(1, people).Select(i => new { email = $"p{i}@example.com" })]);
            }

            var id = await ledger.Site.CreatedAsync(new { name = "n", subject = "Hi", content = "x", send_at = "2022-12-13 12:50", approved = true });
            ledger.Broadcast = new BroadcastId(long.Parse(id, System.Globalization.CultureInfo.InvariantCulture));
            return ledger;
        }

        public async Task FreezeAsync(AudienceRule rule)
        {
            Assert.True(await Queue.BeginFreezeAsync(Broadcast, Cancel));
            while (await Queue.FreezeNextRangeAsync(Broadcast, rule, Cancel) == FreezeStep.More)
            {
            }

            Assert.True(await Queue.CompleteFreezeAsync(Broadcast, Cancel));
        }

        /// <summary>Everybody, frozen, and their rows.</summary>
        public async Task<IReadOnlyList<Candidate>> FrozenAsync()
        {
            await FreezeAsync(new AudienceRule(Site.Id, [], [], null));
            var shard = Assert.Single(await Queue.TakeShardsAsync(Broadcast, Cancel));
            return await Queue.ReadPendingAsync(shard, new AddressId(0), 100, Cancel);
        }

        public Task<ClaimAnswer> ClaimAsync(Candidate row, int seen = 0) =>
            Queue.ExchangeAsync(new Exchange(null, new ClaimRequest(row.Shard, row.Address, seen, Clock.GetUtcNow())), Cancel).AsTask();

        public Task<ClaimAnswer> RecordAsync(Candidate row, int attempt, DeliveryOutcome outcome, RetryDecision decision) =>
            Queue.ExchangeAsync(new Exchange(new OutcomeRecord(row.Shard, row.Address, attempt, outcome, decision), null), Cancel).AsTask();

        public async Task<Receipt> ReceiptAsync() => await app.Service<Receipts>().ReadAsync(await ReadAsync(), Cancel);

        public async Task<Receipt> CountsAsync() => await app.Service<Receipts>().ReadCountsAsync(await ReadAsync(), Cancel);

        public void Sql(string sql)
        {
            using var connection = app.Database.ConnectAsync(Cancel).GetAwaiter().GetResult();
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }

        public long Count(string sql)
        {
            using var connection = app.Database.ConnectAsync(Cancel).GetAwaiter().GetResult();
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            return (long)command.ExecuteScalar()!;
        }

        public ValueTask DisposeAsync() => app.DisposeAsync();

        private async Task<Broadcast> ReadAsync()
        {
            await using var db = app.Database.OpenEverySite();
            return await db.Broadcasts.SingleAsync(broadcast => broadcast.Id == Broadcast, Cancel);
        }
    }
}
