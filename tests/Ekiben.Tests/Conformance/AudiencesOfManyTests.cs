using Ekiben.Storage;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Conformance;

/// <summary>Reads over so many people that they are bounded: by a sample, by ranges, and by whoever asked and does not want to know any more.</summary>
[Trait("needs", "postgresql")]
public class AudiencesOfManyTests(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    private const int Many = 60_000;

    public static TheoryData<string> Databases => LedgerTests.Databases;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Databases))]
    public async Task What_two_have_in_common_is_estimated_from_a_sample_and_who_is_far_is_found(string database)
    {
        await using var ledger = await StartAsync(database);
        AddPeople(ledger, database);
        var audiences = ledger.App.Service<Audiences>();
        var everybody = new AudienceRule(ledger.Site.Id, [], [], null);
        var (half, last) = (everybody with { InclusiveTags = ["half"] }, everybody with { InclusiveTags = ["last"] });

        var overlap = await audiences.OverlapAsync(everybody, half, Cancel);
        Assert.True(overlap.IsSample);
        Assert.Equal(Many / 2, overlap.Of(Many));
        Assert.Equal(Many / 2, (await audiences.OverlapAsync(half, everybody, Cancel)).Of(Many / 2));

        // Too few of a sample for a share of them: counted.
        Assert.Equal(new Overlap(1, 1, IsSample: false), await audiences.OverlapAsync(last, half, Cancel));
        var found = Assert.Single(await audiences.SampleAsync(last, default, 3, Cancel));
        Assert.Empty(await audiences.SampleAsync(last, found, 3, Cancel));
        Assert.Equal(found, Assert.Single((await audiences.ListAsync(last, AudienceGroup.Recipients, default, 3, Cancel)).People).Id);
        Assert.True(await audiences.ReachesAsync(half, found, Cancel));
        Assert.False(await audiences.ReachesAsync(half, new SubscriberId(found.Value - 1), Cancel));
        Assert.Equal(found, await audiences.FindBlankAsync(last, [new SubscriberField("first_name", false)], default, Cancel));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task A_long_read_ends_in_its_middle_when_whoever_asked_is_gone(string database)
    {
        await using var ledger = await StartAsync(database);
        using var gone = new CancellationTokenSource();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var endless = ledger.App.Database.ReadLongAsync(
            async connection =>
            {
                await using var command = connection.CreateCommand();
                command.CommandText = database == "SQLite" ? "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n" : "SELECT 1 FROM pg_sleep(3600)";
                begun.SetResult();
                return await command.ExecuteScalarAsync(gone.Token);
            },
            gone.Token);
        await begun.Task.WaitAsync(Cancel);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => endless);

        // The connection that goes round is as good as new.
        var everybody = new AudienceRule(ledger.Site.Id, [], [], null);
        Assert.Equal(0, (await ledger.App.Service<Audiences>().CountAsync(everybody, Cancel)).Matched);
    }

    /// <summary>Everybody has a number; the even ones carry "half", the last one "last" too.</summary>
    private static void AddPeople(LedgerTests.LedgerApp ledger, string database)
    {
        var site = ledger.Site.Id;
        var isSqlite = database == "SQLite";
        var numbers = $"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {Many})";
        ledger.Sql($"{numbers} INSERT INTO addresses (id, site_id, normalised, written, hash) SELECT i, {site}, 'p' || i || '@example.com', 'p' || i || '@example.com', {(isSqlite ? "randomblob(16)" : "decode(md5(CAST(i AS text)), 'hex')")} FROM n");
        ledger.Sql($"{numbers} INSERT INTO subscribers (id, site_id, uuid, address_id, fields, created_at, updated_at) SELECT i, {site}, 'u' || i, i, '{{}}', 0, 0 FROM n");
        ledger.Sql($"INSERT INTO tags (id, site_id, name, created_at) VALUES (1, {site}, 'half', 0), (2, {site}, 'last', 0)");
        ledger.Sql($"INSERT INTO subscriber_tags (tag_id, subscriber_id) SELECT 1, id FROM subscribers WHERE id % 2 = 0");
        ledger.Sql($"INSERT INTO subscriber_tags (tag_id, subscriber_id) VALUES (2, {Many})");
    }

    private async Task<LedgerTests.LedgerApp> StartAsync(string database) =>
        await LedgerTests.LedgerApp.StartAsync(database == "SQLite" ? null : await postgres.Server.CreateDatabaseAsync(Cancel), people: 0);
}
