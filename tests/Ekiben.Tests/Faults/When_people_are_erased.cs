using Ekiben.Storage;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Faults;

/// <summary>People are deleted, leave and join while a broadcast is sent (F21), on both databases.</summary>
[Trait("needs", "postgresql")]
public class When_people_are_erased(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    private const int People = 200;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("SQLite")]
    [InlineData("PostgreSQL")]
    public async Task Whoever_is_erased_while_it_sends_gets_nothing_that_was_not_claimed_and_changes_no_sum(string database)
    {
        await using var app = await SendingApp.StartAsync(
            ["dot:delay=20"], connections: 2, database: database == "SQLite" ? null : await postgres.Server.CreateDatabaseAsync(Cancel));
        await app.PeopleAsync(People);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") > 5);

        // The last ones first: most of them have not had their turn.
        for (var number = People; number > People - 40; number--)
        {
            Assert.InRange((int)(await app.Site.PostAsync("/api/v1/data_deletion_requests", new { data_deletion_request = new { email = $"p{number}@example.com" } })).Status, 200, 299);
        }

        await app.Site.ImportAsync([.. Enumerable.Range(1, 10).Select(i => new { email = $"new{i}@example.com" })]);
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((People, 0, 0), (receipt.Number("recipients"), receipt.Number("render_failed"), receipt.Number("uncertain_ever")));
        Assert.Equal(People, receipt.Number("accepted") + receipt.Number("suppressed"));
        Assert.InRange(receipt.Number("suppressed"), 1, 40);
        Assert.True(receipt.IsBalanced(), receipt.ToString());
        Assert.Empty(await app.App.Service<SendQueue>().RecountAsync(DateTimeOffset.UnixEpoch, Cancel));

        // One copy for each accepted row, none for the suppressed, and none for those who came later.
        Assert.Equal(receipt.Number("accepted"), app.Accepted.Count);
        Assert.Equal(app.Accepted.Count, app.Accepted.Select(message => message.RcptTo.Single()).Distinct().Count());
        Assert.DoesNotContain(app.Accepted, message => message.RcptTo.Single().StartsWith("new", StringComparison.Ordinal));
        Assert.Equal(0, app.Count("SELECT COUNT(*) FROM recipients r JOIN addresses a ON a.id = r.address_id WHERE a.normalised = '' AND r.state NOT IN (3, 6)"));
    }
}
