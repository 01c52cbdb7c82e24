using System.Net;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Broadcasts;

public class BroadcastActionsApiTests(EkibenApp app)
{
    private const string Root = "/api/ekiben/v1/broadcasts";

    private static readonly object Draft = new { name = "n", subject = "s", content = "c", inclusive_tags = "lead,nobody", exclusive_tags = "never" };

    [Fact]
    public async Task A_draft_is_shown_with_everything_that_decides_who_gets_what()
    {
        var site = await app.AddSiteAsync();
        var id = await site.CreatedAsync(Draft);
        var shown = (await site.GetAsync($"{Root}/{id}")).Json;
        Assert.Equal(id, shown.GetProperty("id").GetString());
        Assert.Equal("draft", shown.GetProperty("status").GetString());
        Assert.Equal("c", shown.GetProperty("content").GetString());
        Assert.Equal(["lead", "nobody"], shown.GetProperty("inclusive_tags").EnumerateArray().Select(t => t.GetString()));
        Assert.Equal("key:test", shown.GetProperty("created_by").GetString());
        Assert.Equal("resend", shown.GetProperty("uncertain_policy").GetString());
    }

    [Fact]
    public async Task An_approval_is_given_and_taken_back()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "a@example.com", tags = "lead" });
        var id = await site.CreatedAsync(Draft);

        var approved = await site.PostAsync($"{Root}/{id}/approval");
        Assert.Equal(HttpStatusCode.OK, approved.Status);
        Assert.Equal("scheduled", approved.Json.GetProperty("status").GetString());
        Assert.Equal("key:test", approved.Json.GetProperty("approval").GetProperty("approved_by").GetString());
        Assert.Equal(1, approved.Json.GetProperty("approval").GetProperty("counted_recipients").GetInt64());

        var again = await site.PostAsync($"{Root}/{id}/approval");
        Assert.Equal((HttpStatusCode.Conflict, "not_a_draft", "application/problem+json"), (again.Status, again.Code, again.ContentType));

        var revoked = await site.DeleteAsync($"{Root}/{id}/approval");
        Assert.Equal("draft", revoked.Json.GetProperty("status").GetString());
        Assert.Equal("not_revocable", (await site.DeleteAsync($"{Root}/{id}/approval")).Code);
        await using var db = app.Database.Open(site.Id);
        Assert.Equal(
            ["approval.given", "approval.revoked"],
            await db.AuditLog.Where(a => a.SiteId == site.Id && a.Subject == $"broadcast:{id}").OrderBy(a => a.Id).Select(a => a.Action)
                .ToListAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_key_that_may_not_approve_is_refused_with_403()
    {
        var site = await app.AddSiteAsync(mayApprove: false);
        var id = await site.CreatedAsync(Draft);
        var refused = await site.PostAsync($"{Root}/{id}/approval");
        Assert.Equal((HttpStatusCode.Forbidden, "may_not_approve"), (refused.Status, refused.Code));
    }

    [Fact]
    public async Task Pause_and_resume_need_the_right_state_and_cancel_is_for_good()
    {
        var site = await app.AddSiteAsync();
        var id = await site.CreatedAsync(Draft);
        Assert.Equal("not_sending", (await site.PostAsync($"{Root}/{id}/pause")).Code);
        Assert.Equal("not_stopped", (await site.PostAsync($"{Root}/{id}/resume")).Code);
        Assert.Equal("canceled", (await site.PostAsync($"{Root}/{id}/cancellation")).Json.GetProperty("status").GetString());
        var again = await site.PostAsync($"{Root}/{id}/cancellation");
        Assert.Equal((HttpStatusCode.Conflict, "finished"), (again.Status, again.Code));
    }

    [Fact]
    public async Task A_hold_is_released_by_resume()
    {
        var site = await app.AddSiteAsync();
        var id = await site.CreatedAsync(new { name = "n", subject = "s", content = "c", send_at = "2027-01-01 00:00", approved = true });
        await app.WriteAsync(async db => (await db.Broadcasts.SingleAsync(b => b.Name == "n" && b.SiteId == site.Id)).Status = Ekiben.Broadcasts.BroadcastStatus.Held);
        Assert.Equal("held", (await site.GetAsync($"{Root}/{id}")).Json.GetProperty("status").GetString());
        Assert.Equal("scheduled", (await site.PostAsync($"{Root}/{id}/resume")).Json.GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_broadcast_whose_segment_is_gone_cannot_be_approved()
    {
        var site = await app.AddSiteAsync();
        var segment = (await site.PostAsync("/api/ekiben/v1/segments", new { name = "Pro", rule = new { tag = "pro" } })).Json.GetProperty("id").GetString();
        var id = await site.CreatedAsync(new { name = "n", subject = "s", content = "c", segment_id = segment });
        var kept = await site.DeleteAsync($"/api/ekiben/v1/segments/{segment}");
        Assert.Equal((HttpStatusCode.Conflict, "segment_in_use"), (kept.Status, kept.Code));

        await app.WriteAsync(db => db.Segments.Where(s => s.PublicId == segment).ExecuteDeleteAsync());
        Assert.Equal("segment_gone", (await site.PostAsync($"{Root}/{id}/approval")).Code);
        Assert.Contains("unknown_segment", (await site.GetAsync($"{Root}/{id}/audience")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_audience_counts_by_reason_and_names_unknown_tags()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(
            new { email = "a@example.com", tags = "lead" },
            new { email = "b@example.com", tags = "lead,customers" },
            new { email = "c@example.com", tags = "lead" },
            new { email = "d@example.com" });
        await app.WriteAsync(async db =>
            (await db.Subscribers.SingleAsync(s => s.SiteId == site.Id && s.Address.Normalised == "c@example.com")).UnsubscribedAt = app.Options.Clock.GetUtcNow());
        var id = await site.CreatedAsync(new { name = "n", subject = "s", content = "c", inclusive_tags = "lead,nobody", exclusive_tags = "customers,never" });

        var audience = (await site.GetAsync($"{Root}/{id}/audience")).Json;
        Assert.Equal((3, 1, 1, 1), (N("matched"), N("excluded"), N("unsubscribed"), N("recipients")));
        Assert.Equal(
            ["unknown_inclusive_tag:nobody", "unknown_exclusive_tag:never"],
            audience.GetProperty("findings").EnumerateArray().Select(f => $"{f.GetProperty("code")}:{f.GetProperty("subject")}"));

        int N(string name) => audience.GetProperty(name).GetInt32();
    }

    [Fact]
    public async Task A_drafts_receipt_is_all_zero_and_balanced()
    {
        var site = await app.AddSiteAsync();
        var id = await site.CreatedAsync(Draft);
        var receipt = (await site.GetAsync($"{Root}/{id}/receipt")).Json;
        Assert.Equal(
            ["broadcast_id", "status", "matched", "excluded", "unsubscribed", "suppressed_before", "duplicate_addresses", "recipients", "pending", "sending",
             "deferred", "accepted", "refused", "expired", "suppressed", "render_failed", "canceled", "uncertain", "uncertain_ever", "resent", "balanced"],
            receipt.EnumerateObject().Select(p => p.Name));
        Assert.Equal(id, receipt.GetProperty("broadcast_id").GetString());
        Assert.Equal("draft", receipt.GetProperty("status").GetString());
        Assert.All(receipt.EnumerateObject().Skip(2).SkipLast(1), figure => Assert.Equal(0, figure.Value.GetInt64()));
        Assert.True(receipt.GetProperty("balanced").GetBoolean());
    }

    [Theory]
    [InlineData("recipients?state=delivered", "unknown_state")]
    [InlineData("recipients?was=refused", "unknown_state")]
    [InlineData("recipients?cursor=x", "unknown_cursor")]
    [InlineData("left-out?reason=boredom", "unknown_reason")]
    [InlineData("left-out?cursor=-1", "unknown_cursor")]
    public async Task A_wrong_filter_is_400_with_a_code(string path, string code)
    {
        var site = await app.AddSiteAsync();
        var id = await site.CreatedAsync(Draft);
        var refused = await site.GetAsync($"{Root}/{id}/{path}");
        Assert.Equal((HttpStatusCode.BadRequest, code), (refused.Status, refused.Code));
    }

    [Theory]
    [InlineData("recipients?state=accepted&was=uncertain&limit=5")]
    [InlineData("recipients")]
    [InlineData("left-out?reason=duplicate")]
    [InlineData("left-out?reason=excluded&limit=100000")]
    public async Task A_draft_has_no_recipients_and_nobody_left_out(string path)
    {
        var site = await app.AddSiteAsync();
        var id = await site.CreatedAsync(Draft);
        var page = (await site.GetAsync($"{Root}/{id}/{path}")).Json;
        Assert.Empty(page.GetProperty("data").EnumerateArray());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, page.GetProperty("next_cursor").ValueKind);
    }

    [Fact]
    public async Task The_list_goes_by_cursor_newest_first()
    {
        var site = await app.AddSiteAsync();
        await site.CreatedAsync([.. Enumerable.Range(1, 5).Select(i => new { name = $"n{i}", subject = "s", content = "c" })]);
        var names = new List<string?>();
        string? cursor = null;
        do
        {
            var page = (await site.GetAsync($"{Root}?limit=2&status=draft{(cursor is null ? "" : "&cursor=" + cursor)}")).Json;
            names.AddRange(page.GetProperty("data").EnumerateArray().Select(b => b.GetProperty("name").GetString()));
            cursor = page.GetProperty("next_cursor").GetString();
        }
        while (cursor is not null);
        Assert.Equal(["n5", "n4", "n3", "n2", "n1"], names);
        Assert.Equal("unknown_status", (await site.GetAsync($"{Root}?status=delivered")).Code);
    }

    [Theory]
    [InlineData("999999999")]
    [InlineData("x")]
    [InlineData("-1")]
    [InlineData("99999999999999999999999")]
    public async Task A_broadcast_that_is_not_there_is_404(string id)
    {
        var site = await app.AddSiteAsync();
        var missing = await site.GetAsync($"{Root}/{id}");
        Assert.Equal((HttpStatusCode.NotFound, "not_found"), (missing.Status, missing.Code));
    }
}
