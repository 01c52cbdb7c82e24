using System.Text.Json;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Broadcasts;

/// <summary>What the report counts by domain and by way of leaving, on each database.</summary>
[Trait("needs", "postgresql")]
public class ReportTests(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    public static TheoryData<string> Databases { get; } = ["SQLite", "PostgreSQL"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Databases))]
    public async Task Each_domain_has_its_figures_and_the_small_ones_are_one_line(string database)
    {
        await using var app = await StartAsync(database, "rcpt:550 5.7.1 Not here:to=p1@big.example", "rcpt:451 4.3.0 Later:to=p2@big.example");
        await app.Site.ImportAsync(
        [
            .. Enumerable.Range(1, 5).Select(i => new { email = $"p{i}@big.example", first_name = $"P{i}" }),
            .. Enumerable.Range(1, 22).Select(i => new { email = $"q@small{i:00}.example", first_name = "Q" }),
        ]);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") == 25 && receipt.Number("deferred") == 1);
        foreach (var (kind, name) in new[] { ("open", "P3"), ("open", "P3"), ("open", "P4"), ("click", "P3"), ("unsubscribe", "P4") })
        {
            app.Sql($"INSERT INTO feedback (site_id, broadcast_id, subscriber_id, kind, url, at) SELECT site_id, {id}, id, '{kind}', {(kind == "click" ? "'https://x.example'" : "NULL")}, 5 FROM subscribers WHERE first_name = '{name}'");
        }

        app.Sql($"INSERT INTO suppressions (site_id, address_id, reason, created_at) SELECT s.site_id, s.address_id, 'complaint', b.started_at + 1 FROM subscribers s JOIN broadcasts b ON b.id = {id} WHERE s.first_name = 'P5'");
        // One was put off before it was accepted, one was uncertain.
        foreach (var (outcome, name) in new[] { ("deferred", "P3"), ("uncertain", "P4") })
        {
            app.Sql($"INSERT INTO attempts (broadcast_id, address_id, number, at, outcome, phase) SELECT {id}, address_id, 1, 5, '{outcome}', 'rcpt' FROM subscribers WHERE first_name = '{name}'");
            app.Sql($"UPDATE recipients SET attempts = 2 WHERE broadcast_id = {id} AND subscriber_id = (SELECT id FROM subscribers WHERE first_name = '{name}')");
        }

        var domains = (await ReportAsync(app, id, "?include=domains")).GetProperty("by_domain").EnumerateArray().ToList();

        Assert.Equal(21, domains.Count);
        Assert.Equal("big.example: 5 3 1 2 2 1 1 1", Line(domains[0]));
        Assert.Equal("small01.example: 1 1 0 0 0 0 0 0", Line(domains[1]));
        Assert.Equal(": 3 3 0 0 0 0 0 0", Line(domains[20]));
        Assert.Equal(JsonValueKind.Null, (await ReportAsync(app, id, "")).GetProperty("by_domain").ValueKind);
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Everybody_who_left_is_counted_by_the_way_they_took(string database)
    {
        await using var app = await StartAsync(database);
        await app.PeopleAsync(8);
        await app.Site.ImportAsync(new { email = "aside@example.com", first_name = "Aside", tags = "aside" });
        var id = await app.SendAsync(exclusive: "aside");
        await app.UntilStatusAsync(id, "sent");
        using var browser = new HttpClient();
        await LeaveAsync(app, browser, "p1@example.com", isOneClick: true);
        await LeaveAsync(app, browser, "p2@example.com", isOneClick: false);
        await LeaveAsync(app, browser, "p3@example.com", isOneClick: false);
        // Recorded before the ways were told apart.
        app.Sql("UPDATE feedback SET way = NULL WHERE subscriber_id = (SELECT id FROM subscribers WHERE first_name = 'P3')");
        foreach (var email in (string[])["p4@example.com", "aside@example.com"])
        {
            await app.Site.PostAsync("/api/v1/fetch/commands", new { command = new { command = "unsubscribe", email } });
        }

        // Long before and long after have nothing to do with it.
        app.Sql($"UPDATE subscribers SET unsubscribed_at = 5 WHERE first_name = 'P5'");
        app.Sql($"UPDATE subscribers SET unsubscribed_at = (SELECT started_at FROM broadcasts WHERE id = {id}) + 2678400000 WHERE first_name = 'P6'");
        app.Sql($"INSERT INTO suppressions (site_id, address_id, reason, created_at) SELECT s.site_id, s.address_id, 'complaint', b.started_at + 1 FROM subscribers s JOIN broadcasts b ON b.id = {id} WHERE s.first_name IN ('P7', 'Aside')");

        var ways = (await ReportAsync(app, id, "")).GetProperty("unsubscribed_by");

        Assert.Equal((1L, 1L, 1L, 1L, 1L), (ways.Number("one_click"), ways.Number("page"), ways.Number("link"), ways.Number("elsewhere"), ways.Number("complaint")));
    }

    private static string Line(JsonElement domain) =>
        $"{domain.GetProperty("domain").GetString()}: " + string.Join(' ', new[] { "recipients", "accepted", "refused", "deferred", "opened", "clicked", "unsubscribed", "complained" }.Select(name => domain.Number(name)));

    private static async Task<JsonElement> ReportAsync(SendingApp app, string id, string query) => (await app.Site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/report{query}")).Json;

    private static async Task LeaveAsync(SendingApp app, HttpClient browser, string email, bool isOneClick)
    {
        var message = await MimeKit.MimeMessage.LoadAsync(new MemoryStream(app.Accepted.Single(sent => sent.RcptTo[0] == email).Raw.ToArray()), Cancel);
        var link = message.Headers["List-Unsubscribe"]!.Trim('<', '>').Split('>')[0];
        using var answer = await browser.PostAsync(link, new FormUrlEncodedContent(isOneClick ? [new("List-Unsubscribe", "One-Click")] : []), Cancel);
        Assert.Equal(200, (int)answer.StatusCode);
    }

    private async Task<SendingApp> StartAsync(string database, params string[] faults) =>
        await SendingApp.StartAsync(faults, database: database == "SQLite" ? null : await postgres.Server.CreateDatabaseAsync(Cancel));
}
