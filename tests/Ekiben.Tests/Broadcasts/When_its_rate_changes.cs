using Ekiben.Tests.Fixture;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Broadcasts;

/// <summary>The rate changes while the broadcast is being sent (ledger.md rules 5 and 22).</summary>
public class When_its_rate_changes
{
    [Fact]
    public async Task A_lane_that_waits_for_its_grant_goes_on_at_once_when_the_limit_is_gone()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var app = await SendingApp.StartAsync(connections: 4, clock: clock);
        await app.PeopleAsync(50);
        var id = await app.SendAsync(rate: 10);
        await app.UntilAsync(id, receipt => receipt.Number("accepted") == 1);
        Assert.Equal(200, (int)(await app.ChangeRateAsync(id, null)).Status);
        // The clock stands: nothing but the change lets the others go.
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((50, true), (receipt.Number("accepted"), receipt.IsBalanced()));
        Assert.Equal(1, app.Count("SELECT COUNT(*) FROM rate_changes WHERE from_per_hour = 10 AND to_per_hour IS NULL AND actor LIKE 'key:%'"));
    }

    [Fact]
    public async Task A_lower_rate_holds_from_the_next_claim_and_gives_back_what_the_lanes_had_ready()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var app = await SendingApp.StartAsync(["dot:delay=20"], connections: 4, clock: clock);
        await app.PeopleAsync(200);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") > 5);
        Assert.Equal(200, (int)(await app.ChangeRateAsync(id, 10)).Status);
        var before = await app.UntilAsync(id, receipt => receipt.Number("sending") == 0);
        var sent = before.Number("accepted");
        Assert.True(before.Number("pending") > 2);
        clock.Advance(TimeSpan.FromSeconds(360));
        await app.UntilAsync(id, receipt => receipt.Number("accepted") == sent + 1);
        clock.Advance(TimeSpan.FromSeconds(359));
        Assert.Equal(sent + 1, (await app.ReceiptAsync(id)).Number("accepted"));
        Assert.Equal(200, (int)(await app.ChangeRateAsync(id, null)).Status);
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((200, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(200, app.Accepted.Select(message => message.RcptTo[0]).Distinct().Count());
        Assert.Equal(200, app.Accepted.Count);
    }

    [Fact]
    public async Task The_forecast_says_when_the_next_goes_and_when_all_are_through()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var app = await SendingApp.StartAsync(clock: clock);
        await app.PeopleAsync(11);
        var id = await app.SendAsync(rate: 10);
        await app.UntilAsync(id, receipt => receipt.Number("accepted") == 1);
        clock.Advance(TimeSpan.FromSeconds(60));
        var slow = await ForecastAsync(app, id);
        Assert.Equal((clock.GetUtcNow().AddSeconds(300), clock.GetUtcNow().AddSeconds(300 + (9 * 360))), slow);
        Assert.Equal(200, (int)(await app.ChangeRateAsync(id, 20)).Status);
        Assert.Equal((clock.GetUtcNow().AddSeconds(120), clock.GetUtcNow().AddSeconds(120 + (9 * 180))), await ForecastAsync(app, id));
    }

    [Theory]
    [InlineData("{\"batch_size_per_hour\":9}", "bad_rate")]
    [InlineData("{\"batch_size_per_hour\":250001}", "bad_rate")]
    [InlineData("{\"batch_size_per_hour\":1.5}", "bad_rate")]
    [InlineData("{\"batch_size_per_hour\":\"fast\"}", "bad_rate")]
    [InlineData("{}", "bad_rate")]
    [InlineData("{\"subject\":\"Other\"}", "unknown_field")]
    public async Task What_is_no_rate_is_refused_and_changes_nothing(string body, string code)
    {
        await using var app = await SendingApp.StartAsync();
        var id = await app.DraftAsync();
        var answer = await app.Site.PatchAsync($"/api/ekiben/v1/broadcasts/{id}", body);
        Assert.Equal((400, code), ((int)answer.Status, answer.Json.GetProperty("code").GetString()));
        Assert.Equal(0, app.Count("SELECT COUNT(*) FROM rate_changes"));
    }

    [Fact]
    public async Task A_finished_broadcast_has_no_rate_to_change()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(1);
        var id = await app.SendAsync();
        await app.UntilStatusAsync(id, "sent");
        Assert.Equal(409, (int)(await app.ChangeRateAsync(id, 100)).Status);
    }

    private static async Task<(DateTimeOffset Next, DateTimeOffset Finish)> ForecastAsync(SendingApp app, string id)
    {
        var forecast = (await app.Site.GetAsync($"/api/ekiben/v1/broadcasts/{id}")).Json.GetProperty("forecast");
        return (forecast.GetProperty("next_at").GetDateTimeOffset(), forecast.GetProperty("finishes_at").GetDateTimeOffset());
    }
}
