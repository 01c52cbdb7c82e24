using System.Net;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Web;

public sealed class StrictTests(EkibenApp app)
{
    [Fact]
    public async Task A_strict_site_wants_its_uuid_and_a_user_agent_as_Bento_does()
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/api/v1/fetch/tags")).Status);
        await app.WriteAsync(async db => (await db.Sites.SingleAsync(s => s.Id == site.Id)).IsStrict = true);

        Assert.Equal(HttpStatusCode.Forbidden, (await site.GetAsync("/api/v1/fetch/tags?site_uuid=" + site.Uuid)).Status);
        site.Client.DefaultRequestHeaders.Add("User-Agent", "bento-node-" + site.Uuid);
        Assert.Equal(HttpStatusCode.Unauthorized, (await site.GetAsync("/api/v1/fetch/tags")).Status);
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/api/v1/fetch/tags?site_uuid=" + site.Uuid)).Status);
        Assert.Equal(HttpStatusCode.OK, (await site.PostAsync("/api/v1/fetch/tags", new { tag = new { name = "x" }, site_uuid = site.Uuid })).Status);
        // Ours never asks for either.
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/api/ekiben/v1/broadcasts")).Status);
    }

    [Theory]
    [InlineData("GET", "fetch/broadcasts?status=mailed", null, "status must be one of sent, draft, sending, scheduled, paused, canceled, cancelled.")]
    [InlineData("GET", "fetch/broadcasts?page=0", null, "page must be a whole number from 1 to 1000000.")]
    [InlineData("GET", "fetch/broadcasts?per_page=many", null, "per_page must be a whole number from 1 to 100.")]
    [InlineData("GET", "fetch/broadcasts?state=sent", null, "There is no parameter \"state\" here; there is page, per_page, status, site_uuid.")]
    [InlineData("GET", "stats/ads?start_date=11/24/2026", null, "start_date and end_date must be days such as 2026-11-24, or words such as last week.")]
    [InlineData("GET", "stats/report?report_id=report_x", null, "report_id must be one of report_subscribers, report_unsubscribers, report_signups, report_unsubscribes, report_events, report_revenue.")]
    [InlineData("POST", "fetch/tags", """{"tag":{"name":"x","colour":"red"}}""", "There is no field \"tag.colour\"; there is name.")]
    [InlineData("POST", "fetch/tags", """{"tag":{"name":"x"},"colour":"red"}""", "There is no field \"colour\"; there is tag.")]
    [InlineData("POST", "batch/events", """{"events":[{"type":"a","email":"a@example.com"},{"type":"a","email":"a@example.com","when":"now"}]}""", "There is no field \"events[1].when\"; there is type, email, fields, details, date.")]
    [InlineData("POST", "fetch/commands", """{"command":{"command":"subscribe","email":"a@example.com","why":"x"}}""", "There is no field \"command.why\"; there is command, email, query.")]
    [InlineData("POST", "experimental/gender?nom=x", null, "There is no parameter \"nom\" here; there is name, site_uuid.")]
    [InlineData("PATCH", "fetch/emails/templates/1", """{"email_template":{"body":"x"}}""", "There is no field \"email_template.body\"; there is subject, html.")]
    public async Task A_strict_site_says_what_it_does_not_know(string method, string path, string? body, string error)
    {
        var site = await StrictSiteAsync();
        var reply = await site.SendAsync(new HttpMethod(method), $"/api/v1/{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}site_uuid={site.Uuid}", body);
        Assert.Equal((HttpStatusCode.BadRequest, error), (reply.Status, reply.Error));

        // Others take the same as if it were not there.
        var lenient = await app.AddSiteAsync();
        var taken = await lenient.SendAsync(new HttpMethod(method), $"/api/v1/{path}", body);
        Assert.DoesNotContain("There is no ", taken.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_strict_site_takes_what_it_knows_and_stores_nothing_of_what_it_does_not()
    {
        var site = await StrictSiteAsync();
        object Body(object item) => new { site_uuid = site.Uuid, broadcasts = new[] { item } };
        var refused = await site.PostAsync("/api/v1/batch/broadcasts", Body(new { name = "N", subject = "S", content = "x", segement_id = "", subjet = "S" }));
        Assert.Equal(HttpStatusCode.BadRequest, refused.Status);
        Assert.StartsWith("There is no field \"broadcasts[0].subjet\"; there is name, subject, content,", refused.Error, StringComparison.Ordinal);
        var made = await site.PostAsync("/api/v1/batch/broadcasts", Body(new { name = "N", subject = "S", content = "x", segement_id = "", inclusive_tags = new[] { "a" }, from = new { email = "", name = "" } }));
        Assert.Equal(HttpStatusCode.OK, made.Status);
        Assert.Equal(1, (await site.GetAsync("/api/v1/fetch/broadcasts?status=draft&site_uuid=" + site.Uuid)).Json.GetProperty("meta").GetProperty("total").GetInt32());

        // People may have any field, and a search asks for any.
        var import = new { site_uuid = site.Uuid, subscribers = new[] { new { email = "a@example.com", shoe_size = 42 } } };
        Assert.Equal(HttpStatusCode.OK, (await site.PostAsync("/api/v1/batch/subscribers", import)).Status);
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/api/v1/fetch/search?shoe_size=42&created_at[gt]=2020-01-01&site_uuid=" + site.Uuid)).Status);
        Assert.Equal(HttpStatusCode.OK, (await site.PostAsync("/api/v1/fetch/search", new { site_uuid = site.Uuid, shoe_size = 42 })).Status);
    }

    [Theory]
    [InlineData("GET", "fetch/%2500.json", null, HttpStatusCode.NotFound)]
    [InlineData("POST", "fetch/tags", "{\"tag\":{\"name\":\"\u00ff\"}}", HttpStatusCode.BadRequest)]
    public async Task What_cannot_be_text_is_the_callers_fault(string method, string path, string? body, HttpStatusCode status)
    {
        var site = await app.AddSiteAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), "/api/v1/" + path);
        request.Content = body is null ? null : new ByteArrayContent(System.Text.Encoding.Latin1.GetBytes(body));
        Assert.Equal(status, (await Reply.OfAsync(await site.Client.SendAsync(request, TestContext.Current.CancellationToken))).Status);
    }

    [Fact]
    public async Task A_browsers_script_is_refused_without_a_log_in_box()
    {
        var site = await app.AddSiteAsync();
        using var stranger = site.NewClient(null, null);
        stranger.DefaultRequestHeaders.Add("Sec-Fetch-Site", "cross-site");
        var reply = await Reply.OfAsync(await stranger.GetAsync("/api/v1/fetch/tags", TestContext.Current.CancellationToken));
        Assert.Equal((HttpStatusCode.Unauthorized, 0), (reply.Status, reply.Headers.WwwAuthenticate.Count));
    }

    private async Task<TestSite> StrictSiteAsync()
    {
        var site = await app.AddSiteAsync();
        await app.WriteAsync(async db => (await db.Sites.SingleAsync(s => s.Id == site.Id)).IsStrict = true);
        site.Client.DefaultRequestHeaders.Add("User-Agent", "tests");
        return site;
    }
}
