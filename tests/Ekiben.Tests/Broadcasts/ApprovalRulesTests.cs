using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Broadcasts;

/// <summary>Whose word lets how much mail go out, by the rules of the site.</summary>
public sealed class ApprovalRulesTests(EkibenApp app)
{
    private static readonly Actor Ann = new("user:ann@example.com", IsPerson: true, MayApprove: true);
    private static readonly Actor Bob = new("user:bob@example.com", IsPerson: true, MayApprove: true);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private BroadcastActions Actions => app.Service<BroadcastActions>();

    [Fact]
    public async Task Who_made_it_may_not_approve_it_where_author_and_approver_differ()
    {
        var site = await SiteAsync(3, s => s.ApproverDiffers = true);
        var id = await DraftAsync(site, createdBy: Ann.Name);

        Assert.Equal("author_approves", (await Actions.ApproveAsync(site.Id, id, Ann, Cancel)).Code);
        Assert.True((await Actions.ApproveAsync(site.Id, id, Bob, Cancel)).Done);
    }

    [Fact]
    public async Task Who_edited_it_is_its_author_too()
    {
        var site = await SiteAsync(3, s => s.ApproverDiffers = true);
        var id = await DraftAsync(site, createdBy: "key:test");
        await EditAsync(site, id, Bob, broadcast => broadcast.Subject = "Better");

        Assert.Equal("author_approves", (await Actions.ApproveAsync(site.Id, id, Bob, Cancel)).Code);
        Assert.True((await Actions.ApproveAsync(site.Id, id, Ann, Cancel)).Done);
    }

    [Fact]
    public async Task Above_the_limit_two_people_must_approve_and_one_twice_does_not_count()
    {
        var site = await SiteAsync(3, s => s.SecondApprovalAbove = 2);
        var id = await DraftAsync(site);

        Assert.True((await Actions.ApproveAsync(site.Id, id, Ann, Cancel)).Done);
        Assert.Equal(BroadcastStatus.Draft, await StatusAsync(id));
        Assert.Equal("needs_another", (await Actions.ApproveAsync(site.Id, id, Ann, Cancel)).Code);
        Assert.True((await Actions.ApproveAsync(site.Id, id, Bob, Cancel)).Done);
        Assert.Equal(BroadcastStatus.Scheduled, await StatusAsync(id));
    }

    [Fact]
    public async Task Who_approved_first_may_approve_alone_once_one_is_enough()
    {
        var site = await SiteAsync(3, s => s.SecondApprovalAbove = 2);
        var id = await DraftAsync(site);
        Assert.True((await Actions.ApproveAsync(site.Id, id, Ann, Cancel)).Done);

        await app.WriteAsync(async db => (await db.Sites.SingleAsync(s => s.Id == site.Id)).SecondApprovalAbove = null);

        Assert.True((await Actions.ApproveAsync(site.Id, id, Ann, Cancel)).Done);
        Assert.Equal(BroadcastStatus.Scheduled, await StatusAsync(id));
    }

    [Fact]
    public async Task Edit_between_two_approvals_begins_anew()
    {
        var site = await SiteAsync(3, s => s.SecondApprovalAbove = 2);
        var id = await DraftAsync(site);
        Assert.True((await Actions.ApproveAsync(site.Id, id, Ann, Cancel)).Done);

        await EditAsync(site, id, Ann, broadcast => broadcast.Subject = "Other");
        Assert.True((await Actions.ApproveAsync(site.Id, id, Bob, Cancel)).Done);

        Assert.Equal(BroadcastStatus.Draft, await StatusAsync(id));
    }

    [Fact]
    public async Task One_is_enough_up_to_the_limit()
    {
        var site = await SiteAsync(2, s => s.SecondApprovalAbove = 2);
        var id = await DraftAsync(site);

        Assert.True((await Actions.ApproveAsync(site.Id, id, Ann, Cancel)).Done);

        Assert.Equal(BroadcastStatus.Scheduled, await StatusAsync(id));
    }

    [Theory]
    [InlineData(false, null, "Keys may not approve on this site: a person approves in the platform.")]
    [InlineData(true, 2, "Keys approve up to 2 people on this site and this reaches 3: a person approves in the platform.")]
    [InlineData(true, 3, null)]
    [InlineData(true, null, null)]
    public async Task Keys_approve_as_far_as_the_site_lets_them(bool may, int? limit, string? notice)
    {
        var site = await SiteAsync(3, s => (s.KeysMayApprove, s.KeyApprovalLimit) = (may, limit));

        var reply = await site.CreateAsync(new { name = "N", subject = "Hi", content = "<p>Hello</p>", type = "plain", send_at = "2030-01-01 10:00", approved = true });

        var made = reply.Json.GetProperty("broadcasts")[0];
        Assert.Equal(notice is null ? "scheduled" : "draft", made.GetProperty("status").GetString());
        Assert.Equal(notice, made.TryGetProperty("notice", out var said) ? said.GetString() : null);
    }

    [Fact]
    public async Task Key_above_two_approvals_leaves_a_draft_that_says_so()
    {
        var site = await SiteAsync(3, s => s.SecondApprovalAbove = 2);

        var reply = await site.CreateAsync(new { name = "N", subject = "Hi", content = "<p>Hello</p>", type = "plain", send_at = "2030-01-01 10:00", approved = true });

        var made = reply.Json.GetProperty("broadcasts")[0];
        Assert.Equal("draft", made.GetProperty("status").GetString());
        Assert.Contains("second approval", made.GetProperty("notice").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Person_confirms_what_they_saw_ticks_what_is_odd_and_types_the_number()
    {
        var site = await SiteAsync(3, s => s.TypeCountAbove = 2);
        var id = await DraftAsync(site, tags: "nosuch", exclusive: true);
        var report = await CheckAsync(site, id);
        var codes = report.Warnings.Select(w => w.Code).ToList();
        Assert.Contains("unknown_tag:nosuch", codes);

        Assert.Equal("changed_meanwhile", (await Actions.ApproveAsync(site.Id, id, Ann, new ApprovalOrder("other", 3, codes), Cancel)).Code);
        Assert.Equal("not_ticked", (await Actions.ApproveAsync(site.Id, id, Ann, new ApprovalOrder(report.Digest, 3, []), Cancel)).Code);
        Assert.Equal("count_not_typed", (await Actions.ApproveAsync(site.Id, id, Ann, new ApprovalOrder(report.Digest, 30, codes), Cancel)).Code);
        Assert.True((await Actions.ApproveAsync(site.Id, id, Ann, new ApprovalOrder(report.Digest, 3, codes), Cancel)).Done);

        await using var db = app.Database.OpenEverySite();
        var approval = await db.Approvals.SingleAsync(a => a.BroadcastId == id, Cancel);
        Assert.Contains("There is no tag “nosuch”: it excludes nobody.", approval.Ticked, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_reaches_nobody_at_once_is_refused_to_a_person_who_looks()
    {
        var site = await SiteAsync(1);
        var id = await DraftAsync(site, tags: "nosuch");
        var report = await CheckAsync(site, id);

        var result = await Actions.ApproveAsync(site.Id, id, Ann, new ApprovalOrder(report.Digest, null, [.. report.Warnings.Select(w => w.Code)]), Cancel);

        Assert.Equal("nobody", result.Code);
    }

    [Fact]
    public async Task What_cannot_be_sent_at_all_is_refused_to_programs_too()
    {
        var site = await SiteAsync(1);
        var id = await DraftAsync(site);
        await EditAsync(site, id, Ann, broadcast => broadcast.Content = "{% if %}");

        var reply = await site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/approval");

        Assert.Equal(409, (int)reply.Status);
        Assert.Equal("invalid", reply.Code);
    }

    public static TheoryData<string, Action<object>> BoundParts => new()
    {
        { "subject", b => ((Broadcast)b).Subject = "Other" },
        { "preview text", b => ((Broadcast)b).PreviewText = "Other" },
        { "content", b => ((Broadcast)b).Content = "<p>Other</p>" },
        { "name", b => ((Broadcast)b).Name = "Other" },
        { "type", b => ((Broadcast)b).Type = "html" },
        { "sender", b => ((Broadcast)b).FromEmail = "other@example.com" },
        { "sender's name", b => ((Broadcast)b).FromName = "Other" },
        { "tags", b => ((Broadcast)b).InclusiveTags = "other" },
        { "excluded tags", b => ((Broadcast)b).ExclusiveTags = "other" },
        { "time", b => ((Broadcast)b).SendAt = DateTimeOffset.UnixEpoch.AddYears(70) },
        { "uncertain policy", b => ((Broadcast)b).UncertainPolicy = UncertainPolicy.Hold },
    };

    [Theory]
    [MemberData(nameof(BoundParts))]
    public async Task Edit_of_anything_bound_makes_it_a_draft_again(string part, Action<object> change)
    {
        var site = await SiteAsync(3);
        var id = await DraftAsync(site);
        Assert.True((await Actions.ApproveAsync(site.Id, id, Ann, Cancel)).Done);

        await EditAsync(site, id, Bob, broadcast => change(broadcast));

        Assert.True(await StatusAsync(id) == BroadcastStatus.Draft, part);
        await using var db = app.Database.OpenEverySite();
        Assert.NotNull((await db.Approvals.SingleAsync(a => a.BroadcastId == id, Cancel)).RevokedAt);
    }

    [Fact]
    public async Task Rate_is_not_bound_and_leaves_the_approval()
    {
        var site = await SiteAsync(3);
        var id = await DraftAsync(site);
        Assert.True((await Actions.ApproveAsync(site.Id, id, Ann, Cancel)).Done);

        await EditAsync(site, id, Bob, broadcast => broadcast.BatchSizePerHour = 7000);

        Assert.Equal(BroadcastStatus.Scheduled, await StatusAsync(id));
    }

    private async Task<TestSite> SiteAsync(int people, Action<Site>? rules = null)
    {
        var site = await app.AddSiteAsync();
        await app.WriteAsync(async db => rules?.Invoke(await db.Sites.SingleAsync(s => s.Id == site.Id, Cancel)));
        await site.ImportAsync([.. Enumerable.Range(1, people).Select(i => new { email = $"p{i}@example.com" })]);
        return site;
    }

    private async Task<BroadcastId> DraftAsync(TestSite site, string? createdBy = null, string tags = "", bool exclusive = false)
    {
        var id = new BroadcastId(long.Parse(
            await site.CreatedAsync(new
            {
                name = "N",
                subject = "Hi",
                content = "<p>Hello</p>",
                type = "plain",
                inclusive_tags = exclusive ? "" : tags,
                exclusive_tags = exclusive ? tags : "",
            }),
            System.Globalization.CultureInfo.InvariantCulture));
        if (createdBy is not null)
        {
            await app.WriteAsync(async db => (await db.Broadcasts.SingleAsync(b => b.Id == id, Cancel)).CreatedBy = createdBy);
        }

        return id;
    }

    private async Task EditAsync(TestSite site, BroadcastId id, Actor actor, Action<Broadcast> change)
    {
        var result = await Actions.EditAsync(site.Id, id, actor, (_, broadcast) =>
        {
            change(broadcast);
            return Task.FromResult(ActionResult.Ok);
        }, Cancel);
        Assert.True(result.Done, result.Problem);
    }

    private async Task<PreflightReport> CheckAsync(TestSite site, BroadcastId id)
    {
        await using var db = app.Database.OpenEverySite();
        return await app.Service<Preflight>().CheckAsync(
            await db.Broadcasts.AsNoTracking().SingleAsync(b => b.Id == id, Cancel), await db.Sites.AsNoTracking().SingleAsync(s => s.Id == site.Id, Cancel), isDeep: true, Cancel);
    }

    private async Task<BroadcastStatus> StatusAsync(BroadcastId id)
    {
        await using var db = app.Database.OpenEverySite();
        return (await db.Broadcasts.SingleAsync(b => b.Id == id, Cancel)).Status;
    }
}
