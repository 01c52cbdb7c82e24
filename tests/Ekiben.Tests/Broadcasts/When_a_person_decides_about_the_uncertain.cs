using System.Net;
using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Tests.Conformance;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Broadcasts;

/// <summary>An uncertain message is sent once more, or treated as sent, by a person: once, named in the log, and never beside a stop (ledger.md rule 14).</summary>
[Trait("needs", "postgresql")]
public sealed class When_a_person_decides_about_the_uncertain(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    private const string Root = "/api/ekiben/v1/broadcasts";

    public static TheoryData<string> Databases => LedgerTests.Databases;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Databases))]
    public async Task A_closed_broadcast_under_hold_opens_for_the_one_second_copy_and_closes_again(string database)
    {
        await using var app = await StartAsync(database, "dot:accept-then-close:to=lost*");
        var id = await SendAsync(app, "lost1", "lost2", "ann");
        await app.UntilStatusAsync(id, "sent");
        var finished = (await app.Site.GetAsync($"{Root}/{id}")).Json.GetProperty("finished_at").GetString();
        Assert.Equal(1, CopiesOf(app, "lost1@example.com"));

        app.Sink.ReplaceFaults();
        var again = await app.Site.PostAsync($"{Root}/{id}/second-tries", new { email = "lost1@example.com" });
        Assert.Equal((HttpStatusCode.OK, 1), (again.Status, again.Json.GetProperty("recipients").GetInt32()));
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((2, 1, 1, 2), (receipt.Number("accepted"), receipt.Number("uncertain"), receipt.Number("resent"), receipt.Number("uncertain_ever")));
        Assert.True(receipt.IsBalanced());
        Assert.NotEqual(finished, (await app.Site.GetAsync($"{Root}/{id}")).Json.GetProperty("finished_at").GetString());
        Assert.Equal((2, 1, 1), (CopiesOf(app, "lost1@example.com"), CopiesOf(app, "lost2@example.com"), CopiesOf(app, "ann@example.com")));
        Assert.Single(app.Sink.Messages.Where(m => m.RcptTo.Contains("lost1@example.com")).Select(m => m.MessageId).Distinct());

        var third = await app.Site.PostAsync($"{Root}/{id}/second-tries", new { email = "lost1@example.com" });
        Assert.Equal((HttpStatusCode.Conflict, "not_uncertain"), (third.Status, third.Code));
        var why = (await app.Site.GetAsync($"{Root}/{id}/why?email=lost1@example.com")).Json;
        Assert.Equal(["second_try key:test"], why.GetProperty("decisions").EnumerateArray().Select(d => $"{d.GetProperty("decision")} {d.GetProperty("actor")}"));
        Assert.Equal(["recipient.second_try"], await LoggedAsync(app, id));
        Assert.Empty(await app.App.Service<SendQueue>().RecountAsync(DateTimeOffset.UnixEpoch, Cancel));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task The_second_try_is_the_last_whatever_comes_of_it(string database)
    {
        await using var app = await StartAsync(database, "dot:accept-then-close:to=lost*");
        var id = await SendAsync(app, "lost1", "lost2");
        await app.UntilStatusAsync(id, "sent");
        var seen = await app.Site.PostAsync($"{Root}/{id}/second-tries", new { all = true, count = 3 });
        Assert.Equal((HttpStatusCode.Conflict, "changed_meanwhile"), (seen.Status, seen.Code));
        Assert.Equal(0, app.Count("SELECT COUNT(*) FROM recipients WHERE resent = 0 AND state = 9"));
        Assert.Equal(2, (await app.Site.PostAsync($"{Root}/{id}/second-tries", new { all = true, count = 2 })).Json.GetProperty("recipients").GetInt32());
        var receipt = await app.UntilAsync(id, r => r.GetProperty("status").GetString() == "sent" && r.Number("resent") == 2);
        Assert.Equal((2, 2), (receipt.Number("uncertain"), receipt.Number("uncertain_ever")));
        Assert.True(receipt.IsBalanced());

        Assert.Equal("tried_twice", (await app.Site.PostAsync($"{Root}/{id}/second-tries", new { email = "lost1@example.com" })).Code);
        Assert.Equal("nobody", (await app.Site.PostAsync($"{Root}/{id}/second-tries", new { all = true })).Code);
        Assert.Equal((2, 2), (CopiesOf(app, "lost1@example.com"), CopiesOf(app, "lost2@example.com")));
        Assert.Contains("there is no third", (await app.Site.GetAsync($"{Root}/{id}/why?email=lost1@example.com")).Text, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Treated_as_sent_is_a_note_that_the_receipt_counts_and_an_order_for_all_leaves_out(string database)
    {
        await using var app = await StartAsync(database, "dot:accept-then-close:to=lost*");
        var id = await SendAsync(app, "lost1", "lost2");
        await app.UntilStatusAsync(id, "sent");
        Assert.Equal(1, (await app.Site.PostAsync($"{Root}/{id}/treated-as-sent", new { email = "lost1@example.com" })).Json.GetProperty("recipients").GetInt32());
        Assert.Equal("nobody", (await app.Site.PostAsync($"{Root}/{id}/treated-as-sent", new { email = "lost1@example.com" })).Code);
        var receipt = await app.ReceiptAsync(id);
        Assert.Equal((2, 1), (receipt.Number("uncertain"), receipt.Number("treated_as_sent")));
        Assert.True(receipt.IsBalanced());
        Assert.Contains("noted to treat it as sent", (await app.Site.GetAsync($"{Root}/{id}/why?email=lost1@example.com")).Text, StringComparison.Ordinal);

        app.Sink.ReplaceFaults();
        Assert.Equal(1, (await app.Site.PostAsync($"{Root}/{id}/second-tries", new { all = true })).Json.GetProperty("recipients").GetInt32());
        receipt = await app.UntilAsync(id, r => r.GetProperty("status").GetString() == "sent" && r.Number("accepted") == 1);
        Assert.Equal((1, 1), (receipt.Number("uncertain"), receipt.Number("treated_as_sent")));
        Assert.Equal((1, 2), (CopiesOf(app, "lost1@example.com"), CopiesOf(app, "lost2@example.com")));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task A_run_that_waits_for_others_sees_the_order(string database)
    {
        await using var app = await StartAsync(database, "dot:accept-then-close:to=lost*", "rcpt:450 4.2.2 Later:to=later*");
        var id = await SendAsync(app, "lost1", "later");
        await app.UntilAsync(id, r => r.Number("uncertain") == 1 && r.Number("deferred") == 1);
        app.Sink.ReplaceFaults();
        Assert.Equal(HttpStatusCode.OK, (await app.Site.PostAsync($"{Root}/{id}/second-tries", new { email = "lost1@example.com" })).Status);
        var receipt = await app.UntilAsync(id, r => r.Number("accepted") == 1);
        Assert.Equal(("sending", 1), (receipt.GetProperty("status").GetString(), receipt.Number("deferred")));
        Assert.Equal(2, CopiesOf(app, "lost1@example.com"));
    }

    [Fact]
    public async Task It_is_refused_beside_a_stop_to_those_who_left_and_to_whom_it_is_no_question()
    {
        await using var app = await StartAsync("SQLite", "dot:accept-then-close:to=lost*", "rcpt:450 4.2.2 Later:to=later*");
        var id = await SendAsync(app, "lost1", "gone", "later", "ann");
        await app.UntilAsync(id, r => r.Number("uncertain") == 1 && r.Number("deferred") == 1 && r.Number("accepted") == 2);
        Assert.Equal("not_uncertain", await CodeAsync("ann@example.com"));
        Assert.Equal("no_recipient", await CodeAsync("nobody@example.com"));
        Assert.Equal("unknown_recipient", (await app.Site.PostAsync($"{Root}/{id}/second-tries", new { })).Code);
        app.Sql("UPDATE subscribers SET unsubscribed_at = 1 WHERE address_id = (SELECT id FROM addresses WHERE normalised = 'lost1@example.com')");
        Assert.Equal("suppressed", await CodeAsync("lost1@example.com"));
        app.Sql("UPDATE subscribers SET unsubscribed_at = NULL");
        await app.ActAsync(id, "pause");
        Assert.Equal("not_now", await CodeAsync("lost1@example.com"));
        Assert.Equal(HttpStatusCode.OK, (await app.Site.PostAsync($"{Root}/{id}/treated-as-sent", new { all = true })).Status);
        await app.ActAsync(id, "cancellation");
        Assert.Equal("not_now", await CodeAsync("lost1@example.com"));
        Assert.Equal(1, CopiesOf(app, "lost1@example.com"));

        var other = await app.App.AddSiteAsync("Other", mayApprove: false);
        Assert.Equal(HttpStatusCode.NotFound, (await other.PostAsync($"{Root}/{id}/second-tries", new { all = 1 })).Status);
        var draft = await other.CreatedAsync(new { name = "n", subject = "s", content = "c" });
        Assert.Equal((HttpStatusCode.Forbidden, "may_not_approve"), await RefusedAsync("second-tries"));
        Assert.Equal((HttpStatusCode.Forbidden, "may_not_approve"), await RefusedAsync("treated-as-sent"));

        async Task<string> CodeAsync(string email) => (await app.Site.PostAsync($"{Root}/{id}/second-tries", new { email })).Code;

        async Task<(HttpStatusCode, string)> RefusedAsync(string act) =>
            await other.PostAsync($"{Root}/{draft}/{act}", new { all = true }) is var reply ? (reply.Status, reply.Code) : default;
    }

    private static int CopiesOf(SendingApp app, string address) => app.Sink.Messages.Count(message => message.RcptTo.Contains(address));

    private static async Task<List<string>> LoggedAsync(SendingApp app, string id)
    {
        await using var db = app.App.Database.Open(app.Site.Id);
        var subject = $"broadcast:{id}";
        return await db.AuditLog.Where(a => a.Subject == subject && a.Action.StartsWith("recipient.")).OrderBy(a => a.Id).Select(a => a.Action).ToListAsync(Cancel);
    }

    private static async Task<string> SendAsync(SendingApp app, params string[] names)
    {
        await app.Site.ImportAsync([.. names.Select(name => (object)new { email = $"{name}@example.com" })]);
        return await app.Site.CreatedAsync(new { name = "Once", subject = "Hi", content = "<p>Hello</p>", type = "plain", uncertain_policy = "hold", send_at = "2022-12-13 12:50", approved = true });
    }

    private async Task<SendingApp> StartAsync(string database, params string[] faults) =>
        await SendingApp.StartAsync(faults, connections: 1, database: database == "SQLite" ? null : await postgres.Server.CreateDatabaseAsync(Cancel));
}
