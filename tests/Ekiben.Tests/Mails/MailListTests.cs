using System.Net;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Mails;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Ekiben.Tests.Web;

namespace Ekiben.Tests.Mails;

/// <summary>What the list of mails finds on each database, and what of it goes into a file.</summary>
[Trait("needs", "postgresql")]
public class MailListTests(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    public static TheoryData<string> Databases { get; } = ["SQLite", "PostgreSQL"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Databases))]
    public async Task Each_filter_finds_its_own_over_all_shards_page_after_page(string database)
    {
        await using var app = await StartAsync(database);
        await SendAsync(app, "ann@example.com", "no1@example.com", "bo@example.com", "no2@example.com");
        await MailStates.UntilAsync(app, "refused", 2);
        // The next mail is far beyond the first shard.
        app.Sql(database == "SQLite" ? "UPDATE sqlite_sequence SET seq = 50000 WHERE name = 'mails'" : "SELECT setval(pg_get_serial_sequence('mails', 'id'), 50000)");
        await SendAsync(app, "no3@example.com", "ann@example.com", "no1@example.com");
        await MailStates.UntilAsync(app, "refused", 4);
        await MailStates.UntilAsync(app, "accepted", 3);
        Assert.Equal(2, app.Count("SELECT COUNT(*) FROM shards"));
        app.Sql($"UPDATE mails SET step_id = 7 WHERE id IN (SELECT MAX(id) FROM mails)");

        await FindsAsync(app, null, null, null, "no1 ann no3 no2 bo no1 ann");
        await FindsAsync(app, null, "refused", null, "no1 no3 no2 no1");
        await FindsAsync(app, null, "deferred", null, "");
        await FindsAsync(app, null, "refused", "api", "no3 no2 no1");
        await FindsAsync(app, null, null, "sequence", "no1");
        await FindsAsync(app, "ANN@example.com", null, null, "ann ann");
        await FindsAsync(app, "ann@example.com", "refused", null, "");
        await FindsAsync(app, "nobody@example.com", null, null, "");
        await FindsAsync(app, "no", null, null, "no1 no3 no2 no1");
        await FindsAsync(app, "no", "refused", "api", "no3 no2 no1");
        await FindsAsync(app, "n%1", null, null, "");
        await FindsAsync(app, "n_1", null, null, "");
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Part_that_many_addresses_have_is_found_all_the_same(string database)
    {
        await using var app = await StartAsync(database);
        await app.PeopleAsync(300);
        await SendAsync(app, "p7@example.com", "odd@elsewhere.example", "p299@example.com");
        await MailStates.UntilAsync(app, "accepted", 3);

        await FindsAsync(app, "@example.com", null, null, "p299 p7");
    }

    [Fact]
    public async Task Words_that_name_nothing_are_no_filter()
    {
        await using var app = await StartAsync("SQLite");
        var key = app.App.Service<InstanceKey>();
        Assert.False(MailFilters.TryRead(key, null, "sent", null, out _));
        Assert.False(MailFilters.TryRead(key, null, null, "mailbox", out _));
        Assert.Equal(HttpStatusCode.BadRequest, (await app.Site.GetAsync("/api/ekiben/v1/mails?origin=mailbox")).Status);
    }

    [Theory]
    [InlineData(Roles.Author, "state=refused", HttpStatusCode.OK, "no1@example.com,\"'=1+1, Ann\",refused,1,550,5.7.1 Not here")]
    [InlineData(Roles.Author, "q=ann", HttpStatusCode.OK, "ann@example.com,\"'=1+1, Ann\",accepted,1,")]
    [InlineData(Roles.Author, "state=sent", HttpStatusCode.NotFound, null)]
    [InlineData(Roles.Viewer, "", HttpStatusCode.Forbidden, null)]
    public async Task Mails_go_into_a_file_for_who_may_write(string role, string query, HttpStatusCode expected, string? contained)
    {
        await using var app = await StartAsync("SQLite");
        await SendAsync(app, "ann@example.com", "no1@example.com");
        await MailStates.UntilAsync(app, "refused", 1);
        await MailStates.UntilAsync(app, "accepted", 1);
        var user = await PlatformVisitor.AddUserAsync(app.App, role);
        using var visitor = new PlatformVisitor(app.App);
        (await visitor.LogInAsync(user.Email!)).Dispose();

        using var answer = await visitor.GetAsync($"/mails.csv?site={app.Site.Uuid}&{query}");

        Assert.Equal(expected, answer.StatusCode);
        if (contained is not null)
        {
            var lines = (await answer.Content.ReadAsStringAsync(Cancel)).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal("id,email,subject,state,attempts,code,reply,last_at,origin,sequence,step,created_at", lines[0]);
            Assert.Contains(contained, Assert.Single(lines.Skip(1)), StringComparison.Ordinal);
            await using var db = app.App.Database.Open(app.Site.Id);
            Assert.Equal($"user:{user.Email}", Assert.Single(db.AuditLog.Where(entry => entry.Action == "people.exported").ToList()).Actor);
        }
    }

    /// <summary>Whom the mails go to, by the part before the @, read two at a time.</summary>
    private static async Task FindsAsync(SendingApp app, string? q, string? state, string? origin, string expected)
    {
        Assert.True(MailFilters.TryRead(app.App.Service<InstanceKey>(), q, state, origin, out var filter));
        var (found, before) = (new List<string>(), long.MaxValue);
        while (await MailList.ReadAsync(app.App.Database, app.Site.Id, filter, before, 2, Cancel) is { Count: > 0 } page)
        {
            found.AddRange(page.Select(line => line.Email.Split('@')[0]));
            before = page[^1].Id;
        }

        Assert.Equal(expected, string.Join(' ', found));
    }

    private static async Task SendAsync(SendingApp app, params string[] people) => await app.Site.PostAsync("/api/v1/batch/emails", new
    {
        emails = people.Select(to => new { to, from = "news@example.com", subject = "=1+1, Ann", html_body = "<p>Hello</p>", transactional = true }),
    });

    private async Task<SendingApp> StartAsync(string database) =>
        await SendingApp.StartAsync(["rcpt:550 5.7.1 Not here:to=no*"], database: database == "SQLite" ? null : await postgres.Server.CreateDatabaseAsync(Cancel));
}
