using System.Text.Json;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Broadcasts;

/// <summary>Causes are planted, and the answer names each.</summary>
public class When_somebody_asks_why
{
    [Fact]
    public async Task The_answer_names_the_planted_cause()
    {
        await using var app = await SendingApp.StartAsync(
            ["rcpt:550 5.1.1 No such user:to=refused@*", "rcpt:450 4.2.2 Mailbox full:to=deferred@*", "dot:accept-then-close:to=uncertain@*"], connections: 1);
        await app.Site.ImportAsync(
            [.. new[] { "accepted", "refused", "deferred", "uncertain", "unsubscribed", "suppressed", "erased", "twin" }.Select(name => Person(name)),
             Person("excluded", tags: "lead,vip"), Person("untagged", tags: "other"), Person("outside", plan: "free"), Person("broken", title: null), Person("twin2")]);
        var site = app.Site.Id.Value;
        app.Sql($"UPDATE subscribers SET unsubscribed_at = 1 WHERE site_id = {site} AND address_id = {Address("unsubscribed")}");
        app.Sql($"INSERT INTO suppressions (site_id, address_id, reason, detail, created_at) VALUES ({site}, {Address("suppressed")}, 'complaint', 'report of 1 May', 1)");
        app.Sql($"UPDATE subscribers SET address_id = {Address("twin")} WHERE address_id = {Address("twin2")}");
        var segment = (await app.Site.PostAsync("/api/ekiben/v1/segments", new { name = "Payers", rule = new { field = "plan", op = "eq", value = "pro" } })).Json.GetProperty("id").GetString();
        var id = await app.Site.CreatedAsync(new
        {
            name = "Causes",
            subject = "{{ visitor.title }}",
            content = "<p>Hello</p>",
            type = "plain",
            inclusive_tags = "lead",
            exclusive_tags = "vip",
            segment_id = segment,
            uncertain_policy = "hold",
            approved = true,
            send_at = "2022-12-13 12:50",
        });
        await app.UntilAsync(id, r => r.Number("pending") + r.Number("sending") == 0 && r.Number("accepted") == 3 && r.Number("deferred") == 1);
        await app.Site.ImportAsync(Person("later"));
        Assert.Equal(202, (int)(await app.Site.PostAsync("/api/v1/data_deletion_requests", new { data_deletion_request = new { email = "erased@example.com" } })).Status);

        await NamesAsync("accepted", "accepted", "accepted the message", "250");
        await NamesAsync("refused", "refused", "550 5.1.1 No such user");
        await NamesAsync("deferred", "deferred", "450 4.2.2 Mailbox full", "tried again");
        await NamesAsync("uncertain", "uncertain", "may have arrived", "never sends a second copy");
        await NamesAsync("unsubscribed", "unsubscribed", "unsubscribed on 1 January 1970");
        await NamesAsync("suppressed", "suppressed", "called a message spam", "report of 1 May");
        await NamesAsync("excluded", "excluded", "“vip”");
        await NamesAsync("untagged", "not_matched", "no tag of “lead”");
        await NamesAsync("outside", "not_matched", "“Payers”", "plan is “pro”");
        await NamesAsync("broken", "render_failed", "subject is empty");
        await NamesAsync("erased", "accepted", "accepted the message");
        await NamesAsync("later", "came_later", "after the audience had been frozen");
        await NamesAsync("twin", "accepted", "accepted the message");
        await NamesAsync("nobody", "unknown", "Nobody on this site");
        var wrong = await AskAsync(app, id, "no address");
        Assert.Equal("no_address", wrong.GetProperty("cause").GetString());

        string Address(string name) => $"(SELECT id FROM addresses WHERE normalised = '{name}@example.com')";

        async Task NamesAsync(string name, string cause, params string[] parts)
        {
            var answer = await AskAsync(app, id, $" {name.ToUpperInvariant()}@example.com");
            Assert.Equal(cause, answer.GetProperty("cause").GetString());
            foreach (var part in parts)
            {
                Assert.Contains(part, answer.GetProperty("answer").GetString(), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Attempts_are_listed_with_what_the_relay_said()
    {
        await using var app = await SendingApp.StartAsync(["dot:accept-then-close:first=1"], connections: 1);
        await app.PeopleAsync(1);
        var id = await app.SendAsync();
        await app.UntilStatusAsync(id, "sent");
        var answer = await AskAsync(app, id, "p1@example.com");
        Assert.Equal("accepted", answer.GetProperty("state").GetString());
        Assert.Equal(
            ["1 uncertain dot: the connection ended: the server closed it", "2 accepted dot: 2.0.0"],
            answer.GetProperty("attempts").EnumerateArray().Select(one => $"{one.GetProperty("number")} {one.GetProperty("outcome")} {one.GetProperty("phase")}: {one.GetProperty("reply")}"));
        Assert.Contains("There were 2 attempts", answer.GetProperty("answer").GetString(), StringComparison.Ordinal);
        Assert.Contains("two copies", answer.GetProperty("answer").GetString(), StringComparison.Ordinal);
        Assert.Contains($"<{answer.GetProperty("message_id").GetString()}>", app.Sink.Messages[^1].MessageId, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_stopped_in_the_middle_says_so()
    {
        await using var app = await SendingApp.StartAsync(["dot:delay=500"], connections: 1);
        // The first are on the wire, the last waits for its turn.
        await app.PeopleAsync(20);
        var draft = await app.DraftAsync();
        Assert.Equal(("not_started", true), await CauseAsync(draft, "is a draft"));
        app.Sql("UPDATE subscribers SET unsubscribed_at = 1 WHERE address_id = (SELECT id FROM addresses WHERE normalised = 'p20@example.com')");
        Assert.Equal("unsubscribed", (await AskAsync(app, draft, "p20@example.com")).GetProperty("cause").GetString());
        var id = await app.SendAsync();
        await app.UntilAsync(id, r => r.Number("recipients") == 19 && r.Number("sending") > 0);
        await app.ActAsync(id, "pause");
        Assert.Equal(("pending", true), await CauseAsync(id, "is paused"));
        await app.ActAsync(id, "cancellation");
        await app.UntilAsync(id, r => r.Number("pending") == 0);
        Assert.Equal(("canceled", true), await CauseAsync(id, "was canceled"));

        async Task<(string? Cause, bool Says)> CauseAsync(string broadcast, string part)
        {
            var answer = await AskAsync(app, broadcast, "p19@example.com");
            return (answer.GetProperty("cause").GetString(), answer.GetProperty("answer").GetString()!.Contains(part, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task It_wants_an_address_and_a_broadcast_of_the_site()
    {
        await using var app = await EkibenApp.StartAsync();
        var (site, other) = (await app.AddSiteAsync(), await app.AddSiteAsync("Other"));
        var id = await site.CreatedAsync(new { name = "Draft", subject = "Hi", content = "<p>Hello</p>", type = "plain" });
        var none = await site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/why");
        Assert.Equal((400, "missing_email"), ((int)none.Status, none.Code));
        Assert.Equal(404, (int)(await other.GetAsync($"/api/ekiben/v1/broadcasts/{id}/why?email=a@example.com")).Status);
    }

    private static object Person(string name, string tags = "lead", string plan = "pro", string? title = "News") =>
        new { email = $"{name}@example.com", tags, fields = new { plan, title } };

    private static async Task<JsonElement> AskAsync(SendingApp app, string id, string email) =>
        (await app.Site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/why?email={Uri.EscapeDataString(email)}")).Json;
}
