using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Web;

/// <summary>Bento's smaller routes: templates, figures, forms, judgements.</summary>
public sealed class BentoRestTests(EkibenApp app)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_drafts_template_is_read_and_changed_and_the_broadcast_has_the_change()
    {
        var site = await app.AddSiteAsync();
        var id = await site.CreatedAsync(new { name = "B", subject = "Old", content = "<p>Old</p>", type = "raw" });

        var shown = (await site.GetAsync($"/api/v1/fetch/emails/templates/{id}")).Json;
        Assert.Equal((id, "email_template"), (shown.GetProperty("id").GetString(), shown.GetProperty("data").GetProperty("type").GetString()));
        Assert.Equal(JsonValueKind.Null, shown.GetProperty("attributes").GetProperty("stats").ValueKind);

        var changed = (await site.PatchAsync($"/api/v1/fetch/emails/templates/{id}", new { email_template = new { subject = "New", html = "<p>{{ visitor.email }}</p>" } })).Json;
        Assert.Equal("New", changed.GetProperty("attributes").GetProperty("subject").GetString());
        var listed = (await site.GetAsync("/api/v1/fetch/broadcasts?status=draft")).Json.GetProperty("data")[0].GetProperty("attributes");
        Assert.Equal(("New", "<p>{{ visitor.email }}</p>"), (listed.GetProperty("subject").GetString(), listed.GetProperty("content").GetString()));
    }

    [Fact]
    public async Task What_was_approved_cannot_be_changed_by_its_template()
    {
        var site = await app.AddSiteAsync();
        var id = await site.CreatedAsync(new { name = "B", subject = "Old", content = "<p>Old</p>", type = "raw", approved = true, send_at = "2036-01-01T00:00:00Z" });
        var refused = await site.PatchAsync($"/api/v1/fetch/emails/templates/{id}", new { email_template = new { subject = "New" } });
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.Status);
        Assert.Contains("scheduled", refused.Error, StringComparison.Ordinal);
        Assert.Equal("Old", (await site.GetAsync($"/api/v1/fetch/emails/templates/{id}")).Json.GetProperty("attributes").GetProperty("subject").GetString());
    }

    [Theory]
    [InlineData("""{"email_template":{"html":"{% if %}"}}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"email_template":{"subject":""}}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"email_template":{"subject":"a\nb"}}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"email_template":{"html":7}}""", HttpStatusCode.UnprocessableEntity)]
    [InlineData("""{"subject":"x"}""", HttpStatusCode.BadRequest)]
    public async Task A_change_that_is_wrong_changes_nothing(string body, HttpStatusCode status)
    {
        var site = await app.AddSiteAsync();
        var id = await site.CreatedAsync(new { name = "B", subject = "Old", content = "<p>Old</p>", type = "raw" });
        Assert.Equal(status, (await site.PatchAsync($"/api/v1/fetch/emails/templates/{id}", body)).Status);
        Assert.Equal("<p>Old</p>", (await site.GetAsync($"/api/v1/fetch/emails/templates/{id}")).Json.GetProperty("attributes").GetProperty("html").GetString());
    }

    [Fact]
    public async Task A_template_that_is_not_there_or_of_another_site_reads_as_none()
    {
        var (site, other) = (await app.AddSiteAsync(), await app.AddSiteAsync());
        var id = await other.CreatedAsync(new { name = "B", subject = "S", content = "<p>x</p>" });
        Assert.Equal(JsonValueKind.Null, (await site.GetAsync($"/api/v1/fetch/emails/templates/{id}")).Json.GetProperty("data").ValueKind);
        Assert.Equal(HttpStatusCode.NotFound, (await site.PatchAsync($"/api/v1/fetch/emails/templates/{id}", new { email_template = new { subject = "x" } })).Status);
    }

    [Fact]
    public async Task The_figures_of_site_segment_and_reports_are_counted()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "a@example.com", tags = "lead" }, new { email = "b@example.com", tags = "lead" }, new { email = "c@example.com" });
        await site.PostAsync("/api/v1/batch/events", """
            {"events":[{"type":"$unsubscribe","email":"b@example.com"},
            {"type":"$purchase","email":"a@example.com","details":{"value":{"amount":500,"currency":"EUR"}}},
            {"type":"$purchase","email":"a@example.com","details":{"value":{"amount":250,"currency":"EUR"}}}]}
            """);
        var segment = (await site.PostAsync("/api/ekiben/v1/segments", new { name = "Lead", rule = new { tag = "lead" } })).Json.GetProperty("id").GetString();

        Assert.Equal((3, 2, 1), Counts(await site.GetAsync("/api/v1/stats/site")));
        foreach (var path in new[] { $"segment?segment_id={segment}", $"segments/{segment}", $"segments?segement_id={segment}", $"segment?segment_id={segment}?site_uuid={site.Uuid}" })
        {
            Assert.Equal((2, 1, 1), Counts(await site.GetAsync("/api/v1/stats/" + path)));
        }

        var subscribers = (await site.GetAsync("/api/v1/stats/report?report_id=report_subscribers")).Json;
        Assert.Equal((2, 2), (subscribers.GetProperty("data").GetInt32(), subscribers.GetProperty("report_data").GetProperty("data").GetInt32()));
        Assert.Equal("counter", subscribers.GetProperty("chart_style").GetString());
        var revenue = (await site.GetAsync("/api/v1/stats/reports/report_revenue")).Json.GetProperty("data");
        Assert.Equal(("EUR", 750), (revenue[0].GetProperty("g").GetString(), revenue[0].GetProperty("y").GetInt32()));
        Assert.Equal(3, (await site.GetAsync("/api/v1/stats/reports/report_signups")).Json.GetProperty("data")[0].GetProperty("y").GetInt32());
        Assert.Equal(1, (await site.GetAsync("/api/v1/stats/reports/report_unsubscribes")).Json.GetProperty("data")[0].GetProperty("y").GetInt32());

        Assert.Equal(HttpStatusCode.NotFound, (await site.GetAsync("/api/v1/stats/report?report_id=report_x")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await site.GetAsync("/api/v1/stats/report")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await site.GetAsync("/api/v1/stats/segment?segment_id=123")).Status);

        static (int, int, int) Counts(Reply reply) => (
            reply.Json.GetProperty("user_count").GetInt32(), reply.Json.GetProperty("subscriber_count").GetInt32(), reply.Json.GetProperty("unsubscriber_count").GetInt32());
    }

    [Fact]
    public async Task Advertisements_are_told_apart_by_the_field_that_people_came_with()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(
            new { email = "a@example.com", utm_source = "search" }, new { email = "b@example.com", utm_source = "search" },
            new { email = "c@example.com", utm_source = "paper" }, new { email = "d@example.com" });
        await site.PostAsync("/api/v1/batch/events", """
            {"events":[{"type":"$purchase","email":"a@example.com","details":{"value":{"amount":500,"currency":"EUR"}}},
            {"type":"$purchase","email":"a@example.com","details":{"value":{"amount":250,"currency":"EUR"}}},
            {"type":"$purchase","email":"d@example.com","details":{"value":{"amount":9,"currency":"EUR"}}}]}
            """);

        var all = (await site.GetAsync("/api/v1/stats/ads?dimension=source")).Json;
        Assert.Equal((3, 1, 750), Totals(all));
        Assert.Equal("search", all.GetProperty("totals").GetProperty("topSource").GetString());
        Assert.Equal(["search", "paper"], all.GetProperty("breakdown").EnumerateArray().Select(row => row.GetProperty("key").GetString()));
        Assert.Equal(3, all.GetProperty("chartData")[0].GetProperty("signups").GetInt32());
        Assert.Equal((3, 1, 500), Totals((await site.GetAsync("/api/v1/stats/ads?revenue_mode=first_revenue")).Json));
        Assert.Equal((1, 0, 0), Totals((await site.GetAsync("/api/v1/stats/ads?value=paper&start_date=this%20week&end_date=today")).Json));
        Assert.Equal((0, 0, 0), Totals((await site.GetAsync("/api/v1/stats/ads?end_date=2020-01-01")).Json));
        Assert.Equal(HttpStatusCode.BadRequest, (await site.GetAsync("/api/v1/stats/ads?dimension=moon")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await site.GetAsync("/api/v1/stats/ads?start_date=soon")).Status);

        static (int, int, int) Totals(JsonElement shown) => (
            shown.GetProperty("totals").GetProperty("signups").GetInt32(),
            shown.GetProperty("totals").GetProperty("customers").GetInt32(),
            shown.GetProperty("totals").GetProperty("revenueCents").GetInt32());
    }

    [Fact]
    public async Task Advertisements_are_told_apart_by_what_events_say_of_them_too()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "a@example.com", utm_source = "search" }, new { email = "b@example.com" }, new { email = "c@example.com" });
        await site.PostAsync("/api/v1/batch/events", """
            {"events":[{"type":"$view","email":"b@example.com","date":"2026-01-02T00:00:00Z","details":{"utm_source":"late"}},
            {"type":"$view","email":"b@example.com","date":"2026-01-01T00:00:00Z","details":{"utm_source":"paper"}},
            {"type":"$view","email":"a@example.com","details":{"utm_source":"late"}},
            {"type":"$purchase","email":"b@example.com","details":{"value":{"amount":100,"currency":"EUR"}}},
            {"type":"$purchase","email":"a@example.com","details":{"utm_source":"poster","value":{"amount":20,"currency":"EUR"}}},
            {"type":"$purchase","email":"a@example.com","details":{"value":{"amount":3,"currency":"EUR"}}},
            {"type":"$purchase","email":"c@example.com","details":{"value":{"amount":1000,"currency":"EUR"}}}]}
            """);

        var shown = (await site.GetAsync("/api/v1/stats/ads?dimension=source")).Json.GetProperty("breakdown").EnumerateArray()
            .Select(row => (row.GetProperty("key").GetString(), row.GetProperty("signups").GetInt32(), row.GetProperty("revenueCents").GetInt32()));
        Assert.Equal([("paper", 1, 100), ("search", 1, 3), ("poster", 0, 20)], shown);
    }

    [Fact]
    public async Task Responses_are_those_of_one_form()
    {
        var site = await app.AddSiteAsync();
        await site.PostAsync("/api/v1/batch/events", """
            {"events":[{"type":"$surveyFormCompleted","email":"a@example.com","fields":{"city":"Bern"},"details":{"id":"f1","q":"yes"}},
            {"type":"$surveyFormCompleted","email":"a@example.com","details":{"id":"f2","q":"f1"}},{"type":"other","email":"a@example.com","details":{"id":"f1"}}]}
            """);
        var found = (await site.GetAsync("/api/v1/fetch/responses?id=f1")).Json.GetProperty("data");
        Assert.Equal(1, found.GetArrayLength());
        var data = found[0].GetProperty("attributes").GetProperty("data");
        Assert.Equal(("yes", "Bern", "a@example.com"), (
            data.GetProperty("details").GetProperty("q").GetString(), data.GetProperty("fields").GetProperty("city").GetString(), data.GetProperty("identity").GetProperty("email").GetString()));
        Assert.Equal(HttpStatusCode.BadRequest, (await site.GetAsync("/api/v1/fetch/responses")).Status);
    }

    [Theory]
    [InlineData("ann@example.org", true, false)]
    [InlineData("ann@mailinator.com", false, true)]
    [InlineData("ann@sub.yopmail.com", false, true)]
    [InlineData("ann@host.invalid", false, true)]
    [InlineData("info@example.org", true, true)]
    [InlineData("no address", false, true)]
    [InlineData("ann%40example.org", true, false)]
    public async Task An_address_is_judged_by_its_form_and_by_lists(string email, bool valid, bool risky)
    {
        var site = await app.AddSiteAsync();
        var query = "?email=" + Uri.EscapeDataString(email);
        Assert.Equal(valid, (await site.PostAsync("/api/v1/experimental/validation", new { email })).Json.GetProperty("valid").GetBoolean());
        Assert.Equal(valid, (await site.PostAsync("/api/v1/experimental/validation" + query)).Json.GetProperty("valid").GetBoolean());
        Assert.Equal(valid, (await site.GetAsync("/api/v1/fetch/spam/valid" + query)).Json.GetProperty("data").GetProperty("valid").GetBoolean());
        Assert.Equal(risky, (await site.GetAsync("/api/v1/fetch/spam/risky" + query)).Json.GetProperty("data").GetProperty("risky").GetBoolean());
    }

    [Theory]
    [InlineData("""{"email":"info@example.org"}""", false)]
    [InlineData("""{"email":"info@example.org","wiggleroom":true}""", true)]
    [InlineData("""{"email":"ann@gmail.com"}""", true)]
    [InlineData("""{"email":"ann@gmail.com","block_free_providers":true,"wiggleroom":null}""", false)]
    [InlineData("{}", false)]
    public async Task The_ruleset_gives_a_reason_for_each_no(string body, bool valid)
    {
        var site = await app.AddSiteAsync();
        var judged = (await site.PostAsync("/api/v1/experimental/jesses_ruleset", body)).Json;
        Assert.Equal(valid, judged.GetProperty("valid").GetBoolean());
        Assert.Equal(valid, judged.GetProperty("reasons").GetArrayLength() == 0);
    }

    [Theory]
    [InlineData("hello <b>there</b>", true, "hello <b>there</b>")]
    [InlineData("a<script>x</script>b", false, "axb")]
    [InlineData("a<scr<script>ipt>b", false, "ab")]
    [InlineData("<img src=x onerror=\"go()\">", false, "<img src=x>")]
    [InlineData("<a href='java\tscript:x'>", true, "<a href='java\tscript:x'>")]
    [InlineData("<a href='javascript:x'>", false, "<a href='x'>")]
    [InlineData(" ", false, "")]
    public async Task Content_comes_back_without_what_runs(string content, bool valid, string safe)
    {
        var site = await app.AddSiteAsync();
        foreach (var path in new[] { "content_moderation", "moderation" })
        {
            var judged = (await site.PostAsync("/api/v1/experimental/" + path, new { content })).Json;
            Assert.Equal((valid, safe), (judged.GetProperty("valid").GetBoolean(), judged.GetProperty("safe_original_content").GetString()));
            Assert.Equal(valid, judged.GetProperty("reasons").GetArrayLength() == 0);
        }
    }

    [Fact]
    public async Task What_the_server_cannot_know_is_answered_in_the_shape_that_clients_read()
    {
        var site = await app.AddSiteAsync();
        Assert.Equal("""{"gender":"unknown","confidence":0}""", (await site.PostAsync("/api/v1/experimental/gender", new { name = "Ann" })).Text);
        Assert.Equal("{}", (await site.GetAsync("/api/v1/experimental/geolocation?ip=1.1.1.1")).Text);
        Assert.False((await site.GetAsync("/api/v1/experimental/blacklist.json?domain=e.com?site_uuid=" + site.Uuid)).Json.GetProperty("results").GetProperty("spamhaus").GetBoolean());
        Assert.Equal("1.1.1.1", (await site.PostAsync("/api/v1/experimental/blacklist", new { ip_address = "1.1.1.1" })).Json.GetProperty("query").GetString());
        Assert.Equal(0, (await site.GetAsync("/api/v1/fetch/workflows?page=1")).Json.GetProperty("data").GetArrayLength());
        site.Client.DefaultRequestHeaders.Add("User-Agent", "bento-dotnet-" + site.Uuid);
        Assert.Equal(JsonValueKind.Array, (await site.GetAsync("/api/v1/experimental/blacklist.json?domain=e.com")).Json.ValueKind);
    }

    [Fact]
    public async Task The_first_clients_post_events_with_the_whole_key_as_the_users_name()
    {
        var site = await app.AddSiteAsync();
        using var client = site.NewClient(null, null);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{site.PublishableKey}:{site.SecretKey}:")));
        using var body = new StringContent("""{"events":{"0":{"type":"seen","email":"a@example.com"},"1":{"type":"seen","email":"b@example.com"}}}""", Encoding.UTF8, "application/json");
        var reply = await Reply.OfAsync(await client.PostAsync("/tracking/events/", body, Cancel));
        Assert.Equal(2, reply.Json.GetProperty("results").GetInt32());
        using var nobody = site.NewClient(site.Uuid, "");
        Assert.Equal(HttpStatusCode.Unauthorized, (await Reply.OfAsync(await nobody.PostAsync("/tracking/events/", null, Cancel))).Status);
    }
}
