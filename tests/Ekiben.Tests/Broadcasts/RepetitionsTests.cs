using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Broadcasts;

public sealed class RepetitionsTests
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task An_approved_item_posted_again_within_ten_minutes_is_the_first_one()
    {
        await using var app = await EkibenApp.StartAsync(options => options with { Clock = _clock });
        var site = await app.AddSiteAsync();
        var first = await IdsAsync(site, Item());
        _clock.Advance(TimeSpan.FromMinutes(9));
        Assert.Equal(first, await IdsAsync(site, Item()));
        Assert.Equal(1, await CountAsync(site));

        _clock.Advance(TimeSpan.FromMinutes(2));
        Assert.NotEqual(first, await IdsAsync(site, Item()));
    }

    [Fact]
    public async Task Any_field_that_differs_makes_another_one()
    {
        await using var app = await EkibenApp.StartAsync(options => options with { Clock = _clock });
        var site = await app.AddSiteAsync();
        await IdsAsync(site, Item());
        await IdsAsync(site, Item(content: "<p>Other</p>"));
        await IdsAsync(site, Item(tags: "lead"));
        await IdsAsync(site, Item(sendAt: "2036-01-02T00:00:00Z"));
        Assert.Equal(4, await CountAsync(site));
    }

    [Fact]
    public async Task Two_equal_items_of_one_request_are_two_and_their_repetition_answers_both()
    {
        await using var app = await EkibenApp.StartAsync(options => options with { Clock = _clock });
        var site = await app.AddSiteAsync();
        var first = await IdsAsync(site, Item(), Item());
        Assert.Equal(2, first.Distinct().Count());
        Assert.Equal(first, await IdsAsync(site, Item(), Item()));
        Assert.Equal(2, await CountAsync(site));
    }

    [Fact]
    public async Task Drafts_canceled_ones_and_requests_with_a_key_of_their_own_are_made_anew()
    {
        await using var app = await EkibenApp.StartAsync(options => options with { Clock = _clock });
        var site = await app.AddSiteAsync();
        Assert.NotEqual(await IdsAsync(site, Item(approved: false)), await IdsAsync(site, Item(approved: false)));

        var canceled = await IdsAsync(site, Item());
        await site.PostAsync($"/api/ekiben/v1/broadcasts/{canceled[0]}/cancellation");
        var again = await IdsAsync(site, Item());
        Assert.NotEqual(canceled, again);

        var keyed = await site.PostAsync("/api/v1/batch/broadcasts", new { broadcasts = Item() }, "one");
        Assert.DoesNotContain(keyed.Json.GetProperty("broadcasts")[0].GetProperty("id").GetInt64(), again);
    }

    [Fact]
    public async Task One_that_was_canceled_is_no_answer_to_its_repetition_whatever_its_approval_says()
    {
        await using var app = await EkibenApp.StartAsync(options => options with { Clock = _clock });
        var site = await app.AddSiteAsync();
        var first = await IdsAsync(site, Item());
        await app.WriteAsync(async db => (await db.Broadcasts.SingleAsync(b => b.Id == new BroadcastId(first[0]))).Status = BroadcastStatus.Canceled);
        var second = await IdsAsync(site, Item());
        Assert.NotEqual(first, second);
        Assert.Equal(second, await IdsAsync(site, Item()));
    }

    [Fact]
    public async Task A_site_may_want_every_item_made()
    {
        await using var app = await EkibenApp.StartAsync(options => options with { Clock = _clock });
        var site = await app.AddSiteAsync();
        await app.WriteAsync(async db => (await db.Sites.SingleAsync(s => s.Id == site.Id)).RecognizesRepetitions = false);
        Assert.NotEqual(await IdsAsync(site, Item()), await IdsAsync(site, Item()));
        Assert.Equal(2, await CountAsync(site));
    }

    [Fact]
    public async Task Another_sites_item_is_another_one()
    {
        await using var app = await EkibenApp.StartAsync(options => options with { Clock = _clock });
        var (site, other) = (await app.AddSiteAsync(), await app.AddSiteAsync());
        Assert.NotEqual(await IdsAsync(site, Item()), await IdsAsync(other, Item()));
    }

    private static object Item(string content = "<p>Hello</p>", string tags = "", string sendAt = "2036-01-01T00:00:00Z", bool approved = true) =>
        new { name = "News", subject = "Hi", content, type = "raw", inclusive_tags = tags, send_at = sendAt, approved };

    private static async Task<long[]> IdsAsync(TestSite site, params object[] items)
    {
        var reply = await site.CreateAsync(items);
        Assert.True(reply.Json.GetProperty("results").GetInt32() == items.Length, reply.Text);
        return [.. reply.Json.GetProperty("broadcasts").EnumerateArray().Select(made => made.GetProperty("id").GetInt64())];
    }

    private static async Task<int> CountAsync(TestSite site) =>
        (await site.GetAsync("/api/v1/fetch/broadcasts?status=scheduled")).Json.GetProperty("meta").GetProperty("total").GetInt32();
}
