using System.Net;
using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Broadcasts;

public class CreateBroadcastsTests(EkibenApp app)
{
    private const string Path = "/api/v1/batch/broadcasts";

    private static readonly object Plain = new { name = "Campaign", subject = "Hello", content = "<p>Hi {{ visitor.first_name }}</p>" };

    [Fact]
    public async Task The_answer_holds_what_clients_of_all_ages_read()
    {
        var site = await app.AddSiteAsync();
        var reply = await site.CreateAsync(Plain, new { name = "Bad", subject = "x", content = "y", batch_size_per_hour = 5 });

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal("application/json", reply.ContentType);
        Assert.Equal(1, reply.Json.GetProperty("results").GetInt32());
        Assert.Equal(1, reply.Json.GetProperty("failed").GetInt32());
        var made = Assert.Single(reply.Json.GetProperty("broadcasts").EnumerateArray());
        Assert.Equal(JsonValueKind.Number, made.GetProperty("id").ValueKind);
        Assert.Equal(JsonValueKind.Number, made.GetProperty("template_id").ValueKind);
        Assert.Equal("Campaign", made.GetProperty("name").GetString());
        Assert.Equal("draft", made.GetProperty("status").GetString());
        Assert.EndsWith($"/broadcasts/{made.GetProperty("id")}", made.GetProperty("dashboard_url").GetString(), StringComparison.Ordinal);
        var failure = Assert.Single(reply.Json.GetProperty("failures").EnumerateArray());
        Assert.Equal(1, failure.GetProperty("index").GetInt32());
        Assert.Equal("Bad", failure.GetProperty("name").GetString());
        Assert.Equal("batch_size_per_hour must be between 10 and 250000", failure.GetProperty("error").GetString());
        var record = Assert.Single(reply.Json.GetProperty("data").EnumerateArray());
        Assert.Equal(JsonValueKind.String, record.GetProperty("id").ValueKind);
        Assert.Equal("broadcasts", record.GetProperty("type").GetString());
        Assert.Equal(["template_id"], record.GetProperty("attributes").GetProperty("template").EnumerateObject().Select(p => p.Name));
    }

    [Fact]
    public async Task All_refused_is_still_200_with_no_results()
    {
        var site = await app.AddSiteAsync();
        var reply = await site.CreateAsync(new { name = "x" });
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal(0, reply.Json.GetProperty("results").GetInt32());
        Assert.Equal(1, reply.Json.GetProperty("failed").GetInt32());
        Assert.Equal(0, await CountAsync(site));
    }

    [Fact]
    public async Task One_plain_object_counts_as_a_list_of_one()
    {
        var site = await app.AddSiteAsync();
        var reply = await site.PostAsync(Path, new { broadcasts = Plain });
        Assert.Equal(1, reply.Json.GetProperty("results").GetInt32());
    }

    [Fact]
    public async Task A_hundred_are_taken_and_a_hundred_and_one_store_nothing()
    {
        var site = await app.AddSiteAsync();
        var reply = await site.PostAsync(Path, new { broadcasts = Enumerable.Repeat(Plain, 101) });
        Assert.Equal(HttpStatusCode.BadRequest, reply.Status);
        Assert.Contains("at most 100", reply.Error, StringComparison.Ordinal);
        Assert.Equal(0, await CountAsync(site));

        reply = await site.PostAsync(Path, new { broadcasts = Enumerable.Repeat(Plain, 100) });
        Assert.Equal(100, reply.Json.GetProperty("results").GetInt32());
        Assert.Equal(100, await CountAsync(site));
    }

    [Theory]
    [InlineData("""{"broadcasts":[]}""")]
    [InlineData("""{"broadcasts":"x"}""")]
    [InlineData("""{"broadcasts":null}""")]
    [InlineData("""{"other":[]}""")]
    [InlineData("""[]""")]
    [InlineData("""7""")]
    [InlineData("")]
    [InlineData("""{"broadcasts":[""")]
    [InlineData("""{"broadcasts":[{"name":"\ud800"}]}""")]
    public async Task A_body_without_a_usable_list_is_400_with_one_sentence(string body)
    {
        var site = await app.AddSiteAsync();
        var reply = await site.PostAsync(Path, body);
        Assert.Equal(HttpStatusCode.BadRequest, reply.Status);
        Assert.NotEmpty(reply.Error);
    }

    [Theory]
    [InlineData("""{"subject":"s","content":"c"}""", "name is required")]
    [InlineData("""{"name":"  ","subject":"s","content":"c"}""", "name is required")]
    [InlineData("""{"name":7,"subject":"s","content":"c"}""", "name must be a text")]
    [InlineData("""{"name":"n","content":"c"}""", "subject is required")]
    [InlineData("""{"name":"n","subject":"s"}""", "content is required")]
    [InlineData("""{"name":"n","subject":"s","content":["c"]}""", "content must be a text")]
    [InlineData("""{"name":"n\r\nBcc: x@y.z","subject":"s","content":"c"}""", "name must be one line")]
    [InlineData("""{"name":"n","subject":"s\nBcc: x@y.z","content":"c"}""", "subject must be one line")]
    [InlineData("""{"name":"n","subject":"s\u0000","content":"c"}""", "subject must be one line")]
    [InlineData("""{"name":"n","subject":"s","content":"c","from":{"name":"a\nb"}}""", "from.name must be one line")]
    [InlineData("""{"name":"n","subject":"s","content":"c","type":"fanciest"}""", "type must be one of plain, fancy, raw, html, markdown, layout")]
    [InlineData("""{"name":"n","subject":"s","type":"layout"}""", "layout_id is required")]
    [InlineData("""{"name":"n","subject":"s","type":"layout","layout_id":"layout_000000000000"}""", "no layout of this site")]
    [InlineData("""{"name":"n","subject":"s","content":"c","segment_id":"segment_000000000000"}""", "no segment of this site")]
    [InlineData("""{"name":"n","subject":"s","content":"c","segement_id":"segment_000000000000"}""", "no segment of this site")]
    [InlineData("""{"name":"n","subject":"s","content":"c","segment_id":{"a":1}}""", "segment_id must be a text")]
    [InlineData("""{"name":"n","subject":"s","content":"c","from":{"email":"who@example.com"}}""", "is no author of this site; use \"news@example.com\"")]
    [InlineData("""{"name":"n","subject":"s","content":"c","from":"news@example.com"}""", "from must be an object")]
    [InlineData("""{"name":"n","subject":"s","content":"c","inclusive_tags":{"a":1}}""", "inclusive_tags must be tag names")]
    [InlineData("""{"name":"n","subject":"s","content":"c","batch_size_per_hour":9}""", "batch_size_per_hour must be between 10 and 250000")]
    [InlineData("""{"name":"n","subject":"s","content":"c","batch_size_per_hour":250001}""", "batch_size_per_hour must be between 10 and 250000")]
    [InlineData("""{"name":"n","subject":"s","content":"c","batch_size_per_hour":"many"}""", "batch_size_per_hour must be between 10 and 250000")]
    [InlineData("""{"name":"n","subject":"s","content":"c","batch_size_per_hour":10.5}""", "batch_size_per_hour must be between 10 and 250000")]
    [InlineData("""{"name":"n","subject":"s","content":"c","batch_size_per_hour":true}""", "batch_size_per_hour must be between 10 and 250000")]
    [InlineData("""{"name":"n","subject":"s","content":"c","send_at":"tomorrow"}""", "is no time")]
    [InlineData("""{"name":"n","subject":"s","content":"c","send_at":"2026-02-30 10:00"}""", "is no time")]
    [InlineData("""{"name":"n","subject":"s","content":"c","send_at":"9999-12-31T23:59:59Z"}""", "years ahead")]
    [InlineData("""{"name":"n","subject":"s","content":"c","send_at":1700000000}""", "send_at must be a text")]
    [InlineData("""{"name":"n","subject":"s","content":"c","approved":"yes"}""", "approved must be true or false")]
    [InlineData("""{"name":"n","subject":"s","content":"","approved":true,"send_at":"2030-01-01"}""", "content is empty")]
    [InlineData("""{"name":"n","subject":"s","content":"a\nb {{ visitor. }}"}""", "content, line 2, column")]
    [InlineData("""{"name":"n","subject":"{% if %}","content":"c"}""", "subject, line 1, column")]
    [InlineData("\"text\"", "each broadcast must be an object")]
    public async Task A_bad_item_fails_alone_with_a_sentence_that_says_why(string item, string error)
    {
        var site = await app.AddSiteAsync();
        var reply = await site.PostAsync(Path, $$"""{"broadcasts":[{{item}},{{JsonSerializer.Serialize(Plain)}}]}""");
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal(1, reply.Json.GetProperty("results").GetInt32());
        var failure = Assert.Single(reply.Json.GetProperty("failures").EnumerateArray());
        Assert.Equal(0, failure.GetProperty("index").GetInt32());
        Assert.Contains(error, failure.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Content_over_a_mebibyte_fails_the_item()
    {
        var site = await app.AddSiteAsync();
        var reply = await site.CreateAsync(new { name = "n", subject = "s", content = new string('x', (1 << 20) + 1) });
        Assert.Contains("larger than 1 MiB", reply.Json.GetProperty("failures")[0].GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_over_the_limit_is_413()
    {
        var site = await app.AddSiteAsync();
        var reply = await site.PostAsync(Path, "{\"broadcasts\":\"" + new string('x', 17 << 20) + "\"}");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, reply.Status);
        Assert.Contains("16 MiB", reply.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{}""", "news@example.com", "News")]
    [InlineData("""{"from":{}}""", "news@example.com", "News")]
    [InlineData("""{"from":null}""", "news@example.com", "News")]
    [InlineData("""{"from":{"email":"","name":""}}""", "news@example.com", "News")]
    [InlineData("""{"from":{"email":"news@example.com"}}""", "news@example.com", "News")]
    [InlineData("""{"from":{"email":"NEWS@Example.COM","name":"Given"}}""", "news@example.com", "Given")]
    [InlineData("""{"from":{"name":"Given"}}""", "news@example.com", "Given")]
    public async Task From_is_the_first_author_unless_another_is_named(string item, string email, string name)
    {
        var site = await app.AddSiteAsync();
        var stored = await StoredAsync(site, item);
        Assert.Equal((email, name), (stored.FromEmail, stored.FromName));
    }

    [Fact]
    public async Task A_site_without_an_author_is_told_how_to_add_one()
    {
        var site = await app.AddSiteAsync(author: null);
        var reply = await site.CreateAsync(Plain);
        Assert.Contains("ekiben site author add", reply.Json.GetProperty("failures")[0].GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("fancy")]
    [InlineData("raw")]
    [InlineData("html")]
    [InlineData("markdown")]
    public async Task Every_type_is_stored_as_it_was_given(string type)
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(type, (await StoredAsync(site, $$"""{"type":"{{type}}"}""")).Type);
    }

    [Fact]
    public async Task A_missing_type_is_plain()
    {
        var site = await app.AddSiteAsync();
        Assert.Equal("plain", (await StoredAsync(site, "{}")).Type);
    }

    [Fact]
    public async Task A_layout_is_copied_and_later_changes_do_not_reach_the_broadcast()
    {
        var site = await app.AddSiteAsync();
        var layout = (await site.PostAsync("/api/ekiben/v1/layouts", new { name = "Frame", html = "<main>{{ content }}</main>" })).Json.GetProperty("id").GetString();
        await site.CreatedAsync(new { name = "n", subject = "s", type = "layout", layout_id = layout });
        await site.PatchAsync($"/api/ekiben/v1/layouts/{layout}", new { html = "<p>other</p>" });
        await using var db = app.Database.Open(site.Id);
        var stored = await db.Broadcasts.SingleAsync(TestContext.Current.CancellationToken);
        Assert.Equal((layout, "<main>{{ content }}</main>", ""), (stored.LayoutId, stored.LayoutHtml, stored.Content));
    }

    [Theory]
    [InlineData("""{"inclusive_tags":"lead, mql,,Lead","exclusive_tags":""}""", "lead,mql", "")]
    [InlineData("""{"inclusive_tags":["lead","mql"],"exclusive_tags":["customers"]}""", "lead,mql", "customers")]
    [InlineData("""{"inclusive_tags":null}""", "", "")]
    public async Task Tags_come_as_a_text_or_a_list(string item, string inclusive, string exclusive)
    {
        var site = await app.AddSiteAsync();
        var stored = await StoredAsync(site, item);
        Assert.Equal((inclusive, exclusive), (stored.InclusiveTags, stored.ExclusiveTags));
    }

    [Theory]
    [InlineData("segment_id")]
    [InlineData("segement_id")]
    public async Task A_segment_is_found_under_both_spellings(string field)
    {
        var site = await app.AddSiteAsync();
        var segment = await AddSegmentAsync(site);
        Assert.Equal(segment, (await StoredAsync(site, $$"""{"{{field}}":"{{segment}}"}""")).SegmentId);
        Assert.StartsWith("segment_", segment, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_segment_means_none()
    {
        var site = await app.AddSiteAsync();
        Assert.Equal("", (await StoredAsync(site, """{"segment_id":""}""")).SegmentId);
    }

    [Fact]
    public async Task Another_sites_segment_fails_the_item()
    {
        var (site, other) = (await app.AddSiteAsync(), await app.AddSiteAsync());
        var segment = await AddSegmentAsync(other);
        var reply = await site.CreateAsync(new { name = "n", subject = "s", content = "c", segment_id = segment });
        Assert.Contains("no segment of this site", reply.Json.GetProperty("failures")[0].GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1500", 1500)]
    [InlineData("\"1500\"", 1500)]
    [InlineData("\" 10 \"", 10)]
    [InlineData("250000", 250000)]
    [InlineData("null", null)]
    [InlineData("\"\"", null)]
    public async Task The_rate_is_a_whole_number_or_its_text(string value, int? rate)
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(rate, (await StoredAsync(site, $$"""{"batch_size_per_hour":{{value}}}""")).BatchSizePerHour);
    }

    [Theory]
    [InlineData("2027-07-01 12:50", "2027-07-01T10:50:00.000Z")]
    [InlineData("2027-01-01T12:50", "2027-01-01T11:50:00.000Z")]
    [InlineData("2027-07-01T12:50:00Z", "2027-07-01T12:50:00.000Z")]
    [InlineData("2027-07-01T07:48:04.7685138Z", "2027-07-01T07:48:04.768Z")]
    [InlineData("2027-07-01T12:50:00+00:00", "2027-07-01T12:50:00.000Z")]
    [InlineData("2027-07-01T12:50:00-05:30", "2027-07-01T18:20:00.000Z")]
    [InlineData("2027-07-01 12:50:00 UTC", "2027-07-01T12:50:00.000Z")]
    [InlineData("2027-07-01 12:50:00 +0200", "2027-07-01T10:50:00.000Z")]
    [InlineData("2027-07-01", "2027-06-30T22:00:00.000Z")]
    [InlineData("2027-03-28 02:30", "2027-03-28T01:30:00.000Z")]
    [InlineData("2027-10-31 02:30", "2027-10-31T00:30:00.000Z")]
    public async Task A_time_without_a_zone_is_the_sites_and_comes_back_as_the_instant(string sendAt, string instant)
    {
        var site = await app.AddSiteAsync(timeZone: "Europe/Berlin");
        await site.CreatedAsync(new { name = "n", subject = "s", content = "c", send_at = sendAt });
        var listed = await site.GetAsync("/api/v1/fetch/broadcasts?status=draft");
        Assert.Equal(instant, listed.Json.GetProperty("data")[0].GetProperty("attributes").GetProperty("send_at").GetString());
    }

    [Theory]
    [InlineData("true")]
    [InlineData("1")]
    [InlineData("\"1\"")]
    [InlineData("\"true\"")]
    [InlineData("\"True\"")]
    public async Task Approved_with_a_time_is_scheduled(string approved)
    {
        var site = await app.AddSiteAsync();
        var reply = await site.PostAsync(Path, $$"""{"broadcasts":[{"name":"n","subject":"s","content":"c","send_at":"2027-01-01T00:00:00Z","approved":{{approved}}}]}""");
        Assert.Equal("scheduled", reply.Json.GetProperty("broadcasts")[0].GetProperty("status").GetString());
        Assert.False(reply.Json.GetProperty("broadcasts")[0].TryGetProperty("notice", out _));
    }

    [Theory]
    [InlineData("false")]
    [InlineData("0")]
    [InlineData("\"\"")]
    [InlineData("null")]
    [InlineData("\"false\"")]
    public async Task Not_approved_stays_a_draft(string approved)
    {
        var site = await app.AddSiteAsync();
        var stored = await StoredAsync(site, $$"""{"send_at":"2027-01-01T00:00:00Z","approved":{{approved}}}""");
        Assert.Equal(BroadcastStatus.Draft, stored.Status);
    }

    [Fact]
    public async Task Approved_without_a_time_is_a_draft_with_a_notice()
    {
        var site = await app.AddSiteAsync();
        var reply = await site.CreateAsync(new { name = "n", subject = "s", content = "c", approved = true });
        var made = reply.Json.GetProperty("broadcasts")[0];
        Assert.Equal("draft", made.GetProperty("status").GetString());
        Assert.Contains("send_at", made.GetProperty("notice").GetString(), StringComparison.Ordinal);
        Assert.Equal(1, reply.Json.GetProperty("results").GetInt32());
    }

    [Fact]
    public async Task A_key_that_may_not_approve_makes_a_draft_with_a_notice()
    {
        var site = await app.AddSiteAsync(mayApprove: false);
        var reply = await site.CreateAsync(new { name = "n", subject = "s", content = "c", send_at = "2020-01-01 00:00", approved = true });
        var made = reply.Json.GetProperty("broadcasts")[0];
        Assert.Equal("draft", made.GetProperty("status").GetString());
        Assert.Contains("may not approve", made.GetProperty("notice").GetString(), StringComparison.Ordinal);
        await using var db = app.Database.Open(site.Id);
        Assert.False(await db.Approvals.AnyAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_live_site_without_a_relay_holds_with_the_options_name()
    {
        var site = await app.AddSiteAsync(isTest: false);
        var reply = await site.CreateAsync(new { name = "n", subject = "s", content = "c", send_at = "2020-01-01 00:00", approved = true });
        var made = reply.Json.GetProperty("broadcasts")[0];
        Assert.Equal("scheduled", made.GetProperty("status").GetString());
        Assert.Contains("--relay", made.GetProperty("notice").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_approval_records_the_manifest_the_key_and_the_count()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "a@example.com", tags = "lead" }, new { email = "b@example.com" });
        await site.CreatedAsync(new { name = "n", subject = "s", content = "c", inclusive_tags = "lead", send_at = "2027-01-01 00:00", approved = true });
        await using var db = app.Database.Open(site.Id);
        var approval = await db.Approvals.SingleAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, approval.CountedRecipients);
        Assert.Equal("key:test", approval.ApprovedBy);
        Assert.False(approval.ByPerson);
        Assert.Equal(1, await db.AuditLog.CountAsync(a => a.SiteId == site.Id && a.Action == "approval.given", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Unknown_keys_are_ignored()
    {
        var site = await app.AddSiteAsync();
        var reply = await site.PostAsync(Path, """{"site":"x","transactional":true,"broadcasts":[{"name":"n","subject":"s","content":"c","colour":"red"}]}""");
        Assert.Equal(1, reply.Json.GetProperty("results").GetInt32());
    }

    [Fact]
    public async Task The_seeds_campaigns_are_all_taken()
    {
        var site = await app.AddSiteAsync();
        var segment = await AddSegmentAsync(site);
        var layout = (await site.PostAsync("/api/ekiben/v1/layouts", new { name = "l", html = "<b>{{ content }}</b>" })).Json.GetProperty("id").GetString();
        var reply = await site.PostAsync(Path, new
        {
            site_uuid = site.Uuid,
            broadcasts = new object[]
            {
                new { name = "Campaign #1 — Plain Text Example", subject = "Hello Plain World", content = "<p>Hi {{ visitor.first_name }}</p>", type = "plain" },
                new
                {
                    name = "Campaign #2", subject = "Hello", content = "<p><strong>Hi</strong></p>", type = "fancy", from = new { email = "news@example.com" },
                    inclusive_tags = "lead,mql", exclusive_tags = "customers", segment_id = segment, batch_size_per_hour = 1500,
                },
                new { name = "Campaign #4 — Layout", subject = "Hello World", layout_id = layout, type = "layout", inclusive_tags = "customer" },
                new { name = "Campaign #5 — Approved and Scheduled!", subject = "Hello World", content = "<p>Sending now</p>", type = "plain", send_at = "2022-12-13 12:50", approved = true },
            },
        });
        Assert.Equal((4, 0), (reply.Json.GetProperty("results").GetInt32(), reply.Json.GetProperty("failed").GetInt32()));
        Assert.Equal(["draft", "draft", "draft", "scheduled"], reply.Json.GetProperty("broadcasts").EnumerateArray().Select(b => b.GetProperty("status").GetString()));
    }

    private static async Task<string> AddSegmentAsync(TestSite site) =>
        (await site.PostAsync("/api/ekiben/v1/segments", new { name = "Pro", rule = new { field = "plan", op = "eq", value = "pro" } })).Json.GetProperty("id").GetString()!;

    /// <summary>Posts a sound broadcast with the fields of <paramref name="item"/> put over it, and reads what was stored.</summary>
    private async Task<Broadcast> StoredAsync(TestSite site, string item)
    {
        var fields = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(item)!;
        foreach (var name in (string[])["name", "subject", "content"])
        {
            fields.TryAdd(name, JsonSerializer.SerializeToElement("text"));
        }

        await site.CreatedAsync(fields);
        await using var db = app.Database.Open(site.Id);
        return await db.Broadcasts.SingleAsync(TestContext.Current.CancellationToken);
    }

    private async Task<int> CountAsync(TestSite site)
    {
        await using var db = app.Database.Open(site.Id);
        return await db.Broadcasts.CountAsync(TestContext.Current.CancellationToken);
    }
}
