using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Broadcasts;

/// <summary>What an approver is told of a broadcast that is unlike its site's others.</summary>
public sealed class RiskMarksTests(EkibenApp app)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ordinary_broadcast_has_none()
    {
        var site = await SiteAsync(200);
        await SentAsync(site, recipients: 190, tags: "news");

        Assert.Empty(await MarksAsync(site, tags: "news"));
    }

    [Fact]
    public async Task Bigger_than_the_largest_of_the_last_is_marked()
    {
        var site = await SiteAsync(200);
        await SentAsync(site, recipients: 100, tags: "news");

        var mark = Assert.Single(await MarksAsync(site, tags: "news"));

        Assert.Equal("bigger_than_usual", mark.Code);
        Assert.Contains("100 people", mark.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task First_use_of_a_tag_is_marked_whatever_its_case()
    {
        var site = await SiteAsync(200);
        await SentAsync(site, recipients: 200, tags: "NEWS");

        Assert.Empty(await MarksAsync(site, tags: "news"));
        Assert.Equal("first_use_of_tag", Assert.Single(await MarksAsync(site, tags: "news,vip")).Code);
    }

    [Fact]
    public async Task People_who_get_another_within_a_day_are_counted()
    {
        var site = await SiteAsync(200);
        await SentAsync(site, recipients: 200, tags: "news");
        var soon = app.Options.Clock.GetUtcNow().AddHours(5).ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture);
        var later = app.Options.Clock.GetUtcNow().AddHours(50).ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture);
        await site.CreatedAsync(new { name = "Soon", subject = "Hi", content = "<p>Soon</p>", type = "plain", inclusive_tags = "half", send_at = soon, approved = true });
        await site.CreatedAsync(new { name = "Later", subject = "Hi", content = "<p>Later</p>", type = "plain", inclusive_tags = "half", send_at = later, approved = true });

        var mark = Assert.Single(await MarksAsync(site, tags: "news"));

        Assert.StartsWith("overlap:", mark.Code, StringComparison.Ordinal);
        Assert.Contains("100 people of these get “Soon”", mark.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Audience_that_moved_since_it_was_made_is_marked_with_both_numbers()
    {
        var site = await SiteAsync(200);
        await SentAsync(site, recipients: 200, tags: "news");

        var mark = Assert.Single(await MarksAsync(site, tags: "news", countWhenMade: 100));

        Assert.Equal("drifted", mark.Code);
        Assert.Contains("reached 100 people when it was made and reaches 200 now (+100 %)", mark.Text, StringComparison.Ordinal);
    }

    private async Task<TestSite> SiteAsync(int people)
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync([.. Enumerable.Range(1, people).Select(i => new { email = $"p{i}@example.com", tags = i % 2 == 0 ? "news,half" : "news" })]);
        return site;
    }

    /// <summary>One of last week.</summary>
    private async Task SentAsync(TestSite site, long recipients, string tags)
    {
        var id = new BroadcastId(long.Parse(
            await site.CreatedAsync(new { name = "Past", subject = "Hi", content = "<p>Past</p>", type = "plain", inclusive_tags = tags }), System.Globalization.CultureInfo.InvariantCulture));
        await app.WriteAsync(async db =>
        {
            var past = await db.Broadcasts.SingleAsync(b => b.Id == id, Cancel);
            var weekAgo = app.Options.Clock.GetUtcNow().AddDays(-7);
            (past.Status, past.Recipients, past.StartedAt, past.FrozenAt, past.FinishedAt) = (BroadcastStatus.Sent, recipients, weekAgo, weekAgo, weekAgo);
        });
    }

    private async Task<IReadOnlyList<RiskMark>> MarksAsync(TestSite site, string tags, long? countWhenMade = null)
    {
        var broadcast = new Broadcast
        {
            SiteId = site.Id,
            Name = "New",
            Subject = "Hi",
            Content = "<p>New</p>",
            Type = "plain",
            FromEmail = "news@example.com",
            FromName = "News",
            CreatedBy = "key:test",
            InclusiveTags = tags,
            CountWhenMade = countWhenMade,
        };
        var rule = new AudienceRule(site.Id, TagList.Parse(tags), [], null);
        var count = await app.Service<Audiences>().CountAsync(rule, Cancel);
        return await app.Service<RiskMarks>().FindAsync(broadcast, rule, count.Recipients, Cancel);
    }
}
