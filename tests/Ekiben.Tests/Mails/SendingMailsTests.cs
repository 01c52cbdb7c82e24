using System.Net;
using Ekiben.Mails;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Mails;

/// <summary>Mails to one person over real HTTP and real SMTP, on each database.</summary>
[Trait("needs", "postgresql")]
public class SendingMailsTests(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    public static TheoryData<string> Databases { get; } = ["SQLite", "PostgreSQL"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Databases))]
    public async Task A_mail_reaches_its_person_with_its_variables_and_makes_a_person_that_was_unknown(string database)
    {
        await using var app = await StartAsync(database);
        await app.Site.ImportAsync(new { email = "known@example.com", first_name = "Ann" });
        var answer = await PostAsync(
            app,
            new { to = "known@example.com", from = "news@example.com", subject = "{{ visitor.first_name }}: order {{ order.number }}", html_body = "<p>{{ order.lines[1] }} for {{ visitor.first_name }}</p>", transactional = true, personalizations = new { order = new { number = 42, lines = new[] { "pen", "ink" } } } },
            new { to = "new@example.com", from = "news@example.com", subject = "Welcome", html_body = "<p>Hello {{ name }}</p>", personalizations = new { name = "<Bo>" } });
        Assert.Equal((HttpStatusCode.OK, 2, 0), (answer.Status, answer.Json.GetProperty("results").GetInt32(), answer.Json.GetProperty("failed").GetInt32()));
        await UntilAsync(app, "accepted", 2);
        var first = await MessageToAsync(app, "known@example.com");
        Assert.Equal("Ann: order 42", first.Subject);
        Assert.Contains("ink for Ann", first.HtmlBody, StringComparison.Ordinal);
        // It answers what its reader did: there is no list to leave.
        Assert.Null(first.Headers["List-Unsubscribe"]);
        Assert.Null(first.Headers["Precedence"]);
        Assert.DoesNotContain("nsubscribe", first.HtmlBody, StringComparison.Ordinal);
        var second = await MessageToAsync(app, "new@example.com");
        Assert.Contains("Hello &lt;Bo&gt;", second.HtmlBody, StringComparison.Ordinal);
        Assert.Contains("/u/", second.Headers["List-Unsubscribe"], StringComparison.Ordinal);
        Assert.Equal(1, app.Count("SELECT COUNT(*) FROM subscribers s JOIN addresses a ON a.id = s.address_id WHERE a.normalised = 'new@example.com'"));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Who_gets_one_is_decided_by_unsubscription_suppression_and_whether_it_is_transactional(string database)
    {
        await using var app = await StartAsync(database);
        await app.Site.ImportAsync(new { email = "fine@example.com" }, new { email = "left@example.com" }, new { email = "bounced@example.com" }, new { email = "complained@example.com" });
        app.Sql("UPDATE subscribers SET unsubscribed_at = 1 WHERE address_id IN (SELECT id FROM addresses WHERE normalised = 'left@example.com')");
        app.Sql("INSERT INTO suppressions (site_id, address_id, reason, created_at) SELECT site_id, id, 'hard_bounce', 1 FROM addresses WHERE normalised = 'bounced@example.com'");
        app.Sql("INSERT INTO suppressions (site_id, address_id, reason, created_at) SELECT site_id, id, 'complaint', 1 FROM addresses WHERE normalised = 'complained@example.com'");
        string[] everybody = ["fine", "left", "bounced", "complained"];
        await PostAsync(app, [.. everybody.SelectMany(who => (bool[])[true, false], (who, transactional) =>
            new { to = $"{who}@example.com", from = "news@example.com", subject = $"{transactional}", html_body = "<p>Hi</p>", transactional })]);
        await UntilAsync(app, "suppressed", 5);
        await UntilAsync(app, "accepted", 3);
        Assert.Equal(
            ["fine@example.com False", "fine@example.com True", "left@example.com True"],
            (await Task.WhenAll(app.Accepted.Select(async message => $"{message.RcptTo.Single()} {(await ReadAsync(message)).Subject}"))).Order(StringComparer.Ordinal));
        Assert.Equal(0, app.Count("SELECT COUNT(*) FROM shards WHERE pending <> 0 OR sending <> 0 OR accepted <> 3 OR suppressed <> 5"));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task A_mailbox_that_does_not_exist_is_suppressed_by_its_own_address_and_not_by_the_mails_number(string database)
    {
        await using var app = await StartAsync(database, "rcpt:550 5.1.1:to=gone@example.com");
        // So that mails' numbers are other people's addresses' ids.
        await app.PeopleAsync(10);
        await PostAsync(app, Mail("gone@example.com"), Mail("p1@example.com"), Mail("p2@example.com"));
        await UntilAsync(app, "refused", 1);
        await UntilAsync(app, "accepted", 2);
        Assert.Equal(1, app.Count("SELECT COUNT(*) FROM suppressions"));
        Assert.Equal(1, app.Count("SELECT COUNT(*) FROM suppressions p JOIN addresses a ON a.id = p.address_id WHERE a.normalised = 'gone@example.com'"));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task A_sender_that_is_no_author_is_answered_500_with_the_sentence_and_nothing_is_stored(string database)
    {
        await using var app = await StartAsync(database);
        var answer = await PostAsync(app, Mail("a@example.com"), new { to = "b@example.com", from = "stranger@example.net", subject = "Hi", html_body = "<p>Hi</p>" });
        Assert.Equal(HttpStatusCode.InternalServerError, answer.Status);
        Assert.Equal(BentoMailsApi.NoAuthor, answer.Json.GetProperty("error").GetString());
        Assert.Equal(0, app.Count("SELECT COUNT(*) FROM mails"));
    }

    [Theory]
    [InlineData("5")]
    [InlineData("true")]
    [InlineData("""["stranger@example.net"]""")]
    [InlineData("""{"email":"stranger@example.net"}""")]
    public async Task A_sender_that_is_no_text_is_not_taken_for_the_default_one(string from)
    {
        await using var app = await StartAsync("SQLite");
        var answer = await PostAsync(app, new { to = "b@example.com", from = System.Text.Json.Nodes.JsonNode.Parse(from), subject = "Hi", html_body = "<p>Hi</p>" });
        Assert.Equal((HttpStatusCode.InternalServerError, BentoMailsApi.NoAuthor), (answer.Status, answer.Json.GetProperty("error").GetString()));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task What_is_wrong_with_one_item_stops_no_other(string database)
    {
        await using var app = await StartAsync(database);
        var answer = await PostAsync(
            app,
            Mail("a@example.com"),
            new { to = "nobody", from = "news@example.com", subject = "Hi", html_body = "<p>Hi</p>" },
            new { to = "b@example.com", from = "news@example.com", subject = "", html_body = "<p>Hi</p>" },
            new { to = "b@example.com", from = "news@example.com", subject = "Hi" },
            new { to = "b@example.com", from = "news@example.com", subject = "Hi {% if %}", html_body = "<p>Hi</p>" });
        Assert.Equal((HttpStatusCode.OK, 1, 4), (answer.Status, answer.Json.GetProperty("results").GetInt32(), answer.Json.GetProperty("failed").GetInt32()));
        Assert.Equal([1, 2, 3, 4], answer.Json.GetProperty("failures").EnumerateArray().Select(failure => failure.GetProperty("index").GetInt32()));
        await UntilAsync(app, "accepted", 1);
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Copies_are_further_recipients_of_one_message_and_those_in_bcc_stand_in_no_header(string database)
    {
        await using var app = await StartAsync(database, "rcpt:550 5.1.1:to=odd@example.com");
        await app.Site.ImportAsync(new { email = "barred@example.com" });
        app.Sql("INSERT INTO suppressions (site_id, address_id, reason, created_at) SELECT site_id, id, 'complaint', 1 FROM addresses WHERE normalised = 'barred@example.com'");
        await PostAsync(app, new { to = "a@example.com, Bo <b@example.com>", cc = "c@example.com,odd@example.com,barred@example.com", bcc = "d@example.com", from = "news@example.com", subject = "Hi", html_body = "<p>Hi</p>" });
        await UntilAsync(app, "accepted", 2);
        var first = app.Accepted.Single(message => message.RcptTo[0] == "a@example.com");
        Assert.Equal(["a@example.com", "c@example.com", "d@example.com"], first.RcptTo);
        var read = await ReadAsync(first);
        Assert.Equal(["c@example.com", "odd@example.com"], read.Cc.Mailboxes.Select(mailbox => mailbox.Address));
        Assert.Null(read.Headers["Bcc"]);
        Assert.Equal(["b@example.com"], app.Accepted.Single(message => message != first).RcptTo);
        // Refusals of copies are nobody's bounce.
        Assert.Equal(1, app.Count("SELECT COUNT(*) FROM suppressions"));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task The_same_request_under_one_key_sends_once(string database)
    {
        await using var app = await StartAsync(database);
        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => app.Site.PostAsync("/api/v1/batch/emails", new { emails = new[] { Mail("a@example.com") } }, "once")));
        Assert.All(answers, answer => Assert.True(answer.Status is HttpStatusCode.OK or HttpStatusCode.Conflict, answer.Json.ToString()));
        Assert.Equal(1, app.Count("SELECT COUNT(*) FROM mails"));
        await UntilAsync(app, "accepted", 1);
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task A_mail_goes_before_a_broadcast_that_fills_the_relay(string database)
    {
        await using var app = await StartAsync(database, "dot:delay=30", connections: 1);
        await app.PeopleAsync(200);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") > 3);
        await PostAsync(app, Mail("urgent@example.com"));
        await UntilAsync(app, "accepted", 1);
        var receipt = await app.ReceiptAsync(id);
        Assert.True(receipt.Number("pending") > 0, receipt.ToString());
        var ahead = app.Accepted.TakeWhile(message => message.RcptTo[0] != "urgent@example.com").Count();
        Assert.InRange(ahead, 4, 190);
        await app.UntilStatusAsync(id, "sent");
        Assert.Equal(201, app.Accepted.Count);
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task The_stream_is_no_broadcast_anywhere(string database)
    {
        await using var app = await StartAsync(database);
        await PostAsync(app, Mail("a@example.com"));
        await UntilAsync(app, "accepted", 1);
        Assert.Empty((await app.Site.GetAsync("/api/ekiben/v1/broadcasts")).Json.GetProperty("data").EnumerateArray());
        var number = app.Count("SELECT id FROM broadcasts WHERE is_stream");
        Assert.Equal(HttpStatusCode.NotFound, (await app.Site.GetAsync($"/api/ekiben/v1/broadcasts/{number}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await app.ActAsync($"{number}", "cancellation")).Status);
        Assert.Empty(await app.App.Service<Ekiben.Storage.SendQueue>().RecountAsync(DateTimeOffset.UnixEpoch, Cancel));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Mails_of_a_person_who_is_erased_are_suppressed_and_their_words_are_gone(string database)
    {
        await using var app = await StartAsync(database, "rcpt:450 4.2.1");
        await PostAsync(app, Mail("a@example.com"), Mail("b@example.com"), new { to = "a@example.com", from = "news@example.com", subject = "Secret {{ code }}", html_body = "<p>Hi</p>", personalizations = new { code = 7 } });
        await UntilAsync(app, "deferred", 3);
        Assert.Equal(HttpStatusCode.Accepted, (await app.Site.PostAsync("/api/v1/data_deletion_requests", new { data_deletion_request = new { email = "a@example.com" } })).Status);
        await UntilAsync(app, "suppressed", 2);
        await UntilAsync(app, "deferred", 1);
        Assert.Equal(1, app.Count("SELECT COUNT(*) FROM mail_contents"));
        Assert.Equal(2, app.Count("SELECT COUNT(*) FROM mails WHERE content_id IS NULL AND personalizations IS NULL"));
        Assert.Equal((2, 1), (app.Count("SELECT SUM(suppressed) FROM shards"), app.Count("SELECT SUM(deferred) FROM shards")));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task A_mail_that_cannot_be_made_stops_no_other(string database)
    {
        await using var app = await StartAsync(database);
        await PostAsync(app, [.. Enumerable.Range(0, 15).Select(i => new { to = $"bad{i}@example.com", from = "news@example.com", subject = "{{ empty }}", html_body = "<p>Hi</p>" }), Mail("good@example.com")]);
        await UntilAsync(app, "render_failed", 15);
        await UntilAsync(app, "accepted", 1);
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task The_list_says_what_became_of_each(string database)
    {
        await using var app = await StartAsync(database, "rcpt:550 5.7.1:to=b@example.com");
        await PostAsync(app, Mail("a@example.com"), Mail("b@example.com"), Mail("a@example.com"));
        await UntilAsync(app, "accepted", 2);
        await UntilAsync(app, "refused", 1);
        var first = (await app.Site.GetAsync("/api/ekiben/v1/mails?limit=2")).Json;
        var second = (await app.Site.GetAsync($"/api/ekiben/v1/mails?limit=2&cursor={first.GetProperty("next").GetString()}")).Json;
        Assert.Equal(
            ["a@example.com accepted", "b@example.com refused", "a@example.com accepted"],
            first.GetProperty("data").EnumerateArray().Concat(second.GetProperty("data").EnumerateArray()).Select(mail => $"{mail.GetProperty("email")} {mail.GetProperty("state")}"));
        Assert.Equal(System.Text.Json.JsonValueKind.Null, second.GetProperty("next").ValueKind);
        var refused = (await app.Site.GetAsync("/api/ekiben/v1/mails?state=refused")).Json.GetProperty("data")[0];
        Assert.Equal((550, 1), (refused.GetProperty("code").GetInt32(), refused.GetProperty("attempts").GetInt32()));
        Assert.Equal(2, (await app.Site.GetAsync("/api/ekiben/v1/mails?email=a@example.com")).Json.GetProperty("data").GetArrayLength());
        Assert.Equal(HttpStatusCode.BadRequest, (await app.Site.GetAsync("/api/ekiben/v1/mails?state=sent")).Status);
    }

    internal static object Mail(string to) => new { to, from = "news@example.com", subject = "Hi", html_body = "<p>Hello</p>", transactional = true };

    private async Task<SendingApp> StartAsync(string database, string? fault = null, int connections = 4) => await SendingApp.StartAsync(
        fault is null ? null : [fault], connections, database: database == "SQLite" ? null : await postgres.Server.CreateDatabaseAsync(Cancel));

    private static Task<Reply> PostAsync(SendingApp app, params object[] emails) => app.Site.PostAsync("/api/v1/batch/emails", new { emails });

    private static Task UntilAsync(SendingApp app, string state, int count) => MailStates.UntilAsync(app, state, count);

    private static Task<MimeKit.MimeMessage> MessageToAsync(SendingApp app, string address) => ReadAsync(app.Accepted.Single(message => message.RcptTo[0] == address));

    private static Task<MimeKit.MimeMessage> ReadAsync(Ekiben.Sink.SinkMessage message) => MimeKit.MimeMessage.LoadAsync(new MemoryStream(message.Raw.ToArray()), Cancel);
}
