using System.Net;
using Ekiben.Tests.Fixture;
using Ekiben.Web;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Web;

public sealed class RequestRateTests
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task With_Bentos_limits_the_101st_request_of_a_minute_waits_for_the_next_window()
    {
        await using var own = await EkibenApp.StartAsync(options => options with { Clock = _clock, Limits = LimitsOption.Bento });
        var site = await own.AddSiteAsync();
        for (var request = 0; request < 100; request++)
        {
            Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/api/v1/fetch/tags")).Status);
        }

        _clock.Advance(TimeSpan.FromSeconds(20));
        var refused = await site.PostAsync("/api/v1/batch/events", new { });
        Assert.Equal((HttpStatusCode.TooManyRequests, 40), (refused.Status, (int)refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds));
        Assert.NotEmpty(refused.Error);

        // Another key on the same address waits too; other families and our own routes do not.
        var other = await own.AddSiteAsync();
        Assert.Equal(HttpStatusCode.TooManyRequests, (await other.GetAsync("/api/v1/fetch/tags")).Status);
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/api/v1/stats/site")).Status);
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/api/ekiben/v1/broadcasts")).Status);

        _clock.Advance(TimeSpan.FromSeconds(40));
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/api/v1/fetch/tags")).Status);
    }

    [Fact]
    public async Task Figures_have_an_hour_of_their_own()
    {
        await using var own = await EkibenApp.StartAsync(options => options with { Clock = _clock, Limits = LimitsOption.Bento });
        var site = await own.AddSiteAsync();
        for (var request = 0; request < 60; request++)
        {
            Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/api/v1/stats/site")).Status);
        }

        Assert.Equal(3600, (int)(await site.GetAsync("/api/v1/stats/site")).Headers.RetryAfter!.Delta!.Value.TotalSeconds);
    }

    [Fact]
    public void By_default_a_key_has_6000_a_minute()
    {
        var rate = new RequestRate(new EkibenOptions { DataFolder = "", Clock = _clock }, _clock);
        var http = new Microsoft.AspNetCore.Http.DefaultHttpContext();
        http.Request.Path = "/api/v1/fetch/tags";
        Assert.All(Enumerable.Range(0, RequestRate.PerMinute), _ => Assert.Null(rate.Take(http)));
        Assert.Equal(TimeSpan.FromMinutes(1), rate.Take(http));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(rate.Take(http));
    }
}
