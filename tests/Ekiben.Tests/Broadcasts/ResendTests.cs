using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Broadcasts;

/// <summary>A new draft for a part of an ended broadcast's recipients, and what people did with the first.</summary>
public sealed class ResendTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Those_not_reached_get_a_draft_of_their_own_which_nobody_approved()
    {
        await using var app = await SendingApp.StartAsync(["rcpt:550 5.7.1 Not today:to=p3@*", "dot:554 5.6.0 No:to=p5@*"]);
        await app.PeopleAsync(6);
        var id = await app.SendAsync();
        await app.UntilStatusAsync(id, "sent");
        app.Sink.ReplaceFaults();

        var reply = await app.Site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/resends", new { to = "not_reached" });

        Assert.Equal((201, "draft"), ((int)reply.Status, reply.Json.GetProperty("status").GetString()));
        var draft = reply.Json.GetProperty("id").GetString()!;
        Assert.Equal(2, (await app.Site.GetAsync($"/api/ekiben/v1/broadcasts/{draft}/audience")).Json.Number("recipients"));
        Assert.Equal(200, (int)(await app.ActAsync(draft, "approval")).Status);
        await app.UntilStatusAsync(draft, "sent");
        Assert.Equal(["p3@example.com", "p5@example.com"], (await app.RecipientsAsync(draft)).Select(r => r.GetProperty("email").GetString()).Order());
        Assert.Equal(6, app.Accepted.Count);
        // Asked again it is another draft with another tag.
        var again = await app.Site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/resends", new { to = "not_reached" });
        Assert.NotEqual(reply.Json.GetProperty("inclusive_tags")[0].GetString(), again.Json.GetProperty("inclusive_tags")[0].GetString());
    }

    [Fact]
    public async Task Those_who_did_not_open_it_are_known_where_opens_are_counted_and_the_report_counts_people_and_fetches()
    {
        await using var app = await SendingApp.StartAsync();
        await app.App.WriteAsync(db => db.Sites.ExecuteUpdateAsync(set => set.SetProperty(site => site.TracksLinks, true), Cancel));
        await app.PeopleAsync(4);
        var id = await app.SendAsync();
        await app.UntilStatusAsync(id, "sent");
        app.Sql($"""
            INSERT INTO feedback (site_id, broadcast_id, subscriber_id, kind, url, at)
            SELECT s.site_id, {id}, s.id, 'open', NULL, (SELECT started_at FROM broadcasts WHERE id = {id}) + 3600000 FROM subscribers s WHERE s.first_name IN ('P1', 'P2')
            """);
        app.Sql($"""
            INSERT INTO feedback (site_id, broadcast_id, subscriber_id, kind, url, at)
            SELECT s.site_id, {id}, s.id, 'open', NULL, (SELECT started_at FROM broadcasts WHERE id = {id}) FROM subscribers s WHERE s.first_name = 'P1'
            """);

        var report = (await app.Site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/report")).Json;
        Assert.Equal((4L, 2L, 3L, 0L), (Figure("accepted"), Figure("openers"), Figure("opens"), Figure("clickers")));
        Assert.Equal([1L, 2L], report.GetProperty("by_hour").EnumerateArray().Select(hour => hour.Number("opens")));

        var reply = await app.Site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/resends", new { to = "not_opened" });
        Assert.Equal(201, (int)reply.Status);
        Assert.Equal(2, (await app.Site.GetAsync($"/api/ekiben/v1/broadcasts/{reply.Json.GetProperty("id").GetString()}/audience")).Json.Number("recipients"));

        long Figure(string name) => report.GetProperty("figures").Number(name);
    }

    [Theory]
    [InlineData("not_reached", "nobody")]
    [InlineData("uncertain", "nobody")]
    [InlineData("not_opened", "opens_not_counted")]
    public async Task Nobody_is_no_draft_and_no_tag(string group, string code)
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(2);
        var id = await app.SendAsync();
        await app.UntilStatusAsync(id, "sent");
        var reply = await app.Site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/resends", new { to = group });
        Assert.Equal((409, code), ((int)reply.Status, reply.Code));
        Assert.Equal((0, 1), (app.Count("SELECT COUNT(*) FROM tags"), app.Count("SELECT COUNT(*) FROM broadcasts")));
    }

    [Fact]
    public async Task A_broadcast_that_is_not_over_has_no_rest_yet()
    {
        await using var app = await SendingApp.StartAsync();
        var id = await app.DraftAsync();
        Assert.Equal("not_over", (await app.Site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/resends", new { to = "not_reached" })).Code);
        Assert.Equal("unknown_group", (await app.Site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/resends", new { to = "all" })).Code);
        Assert.Equal(404, (int)(await app.Site.PostAsync("/api/ekiben/v1/broadcasts/99/resends", new { to = "not_reached" })).Status);
    }

    [Fact]
    public async Task An_unsubscription_by_the_link_of_a_message_is_counted_for_it_once()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(1);
        var id = await app.SendAsync();
        await app.UntilStatusAsync(id, "sent");
        var message = await MimeKit.MimeMessage.LoadAsync(new MemoryStream(app.Accepted.Single().Raw.ToArray()), Cancel);
        var link = message.Headers["List-Unsubscribe"]!.Trim('<', '>').Split('>')[0];
        using var browser = new HttpClient();
        for (var i = 0; i < 2; i++)
        {
            using var answer = await browser.PostAsync(link, new FormUrlEncodedContent([new("List-Unsubscribe", "One-Click")]), Cancel);
            Assert.Equal(200, (int)answer.StatusCode);
        }

        Assert.Equal(1, (await app.Site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/report")).Json.GetProperty("figures").Number("unsubscribed"));
    }
}
