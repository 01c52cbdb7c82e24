using Ekiben.Broadcasts;
using Ekiben.Providers;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Providers;

/// <summary>What one provider does costs nobody else anything, and what is set for one holds (docs/operations/providers.md).</summary>
public class When_a_provider_wants_less
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_limit_holds_for_all_domains_of_a_provider_and_nobody_is_deferred()
    {
        await using var names = new FakeNameServer().AddMx("one.example", 10, "mx1.host.example").AddMx("two.example", 10, "mx2.host.example");
        await using var app = await SendingApp.StartAsync(["rcpt:421 4.7.28 Too many connections:to=*,above=2"], connections: 8, dns: names.Option);
        await LimitAsync(app, "host.example", connections: 2);
        var directory = app.App.Service<ProviderDirectory>();
        Assert.True(SpinWait.SpinUntil(() => directory.Of("one.example") == "host.example" && directory.Of("two.example") == "host.example", TimeSpan.FromSeconds(60)));
        await app.PeopleAsync(200, i => new { email = $"p{i}@{(i % 2 == 0 ? "one" : "two")}.example" });
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((200, true), (receipt.Number("accepted"), receipt.IsBalanced()));
        Assert.All(await app.RecipientsAsync(id), row => Assert.Equal(1, row.GetProperty("attempts").GetInt32()));
        Assert.Equal(200, app.Accepted.Count);
    }

    [Fact]
    public async Task A_provider_that_takes_two_at_once_gets_everything_in_the_end()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var app = await SendingApp.StartAsync(["rcpt:421 4.7.28 Too many connections:to=*,above=2"], connections: 8, clock: clock);
        await TurnOnAsync(app);
        await app.PeopleAsync(60, i => new { email = $"p{i}@slow.example" });
        var id = await app.SendAsync();
        var receipt = await UntilSentAsync(app, id, clock);
        Assert.Equal((60, 0, true), (receipt.Number("accepted"), receipt.Number("uncertain_ever"), receipt.IsBalanced()));
        Assert.Equal(60, app.Accepted.Count);
    }

    [Fact]
    public async Task A_provider_that_rests_keeps_neither_the_rest_of_its_broadcast_nor_another_broadcast()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var app = await SendingApp.StartAsync(["rcpt:421 4.7.28 Come back later:to=*@slow.example"], connections: 4, clock: clock);
        await TurnOnAsync(app);
        await app.PeopleAsync(90, i => i <= 60
            ? new { email = $"p{i}@{(i <= 30 ? "slow" : "fast")}.example", tags = "first" }
            : new { email = $"p{i}@other.example", tags = "second" });
        var first = await app.SendAsync(inclusive: "first");
        var state = app.App.Service<BroadcastsWorker>();
        await app.UntilAsync(first, receipt => receipt.Number("accepted") == 30 && state.StateOf(Id(first))?.Waiting?.What.StartsWith("slow.example rests after it said 421 4.7.28", StringComparison.Ordinal) == true);
        var lanes = state.StateOf(Id(first))!.Providers!;
        Assert.Equal(
            [("fast.example", 0, 30), ("slow.example", 0, 0)],
            lanes.Busiest(8).Select(lane => (lane.Provider!, lane.OnTheWire, lane.LastMinute)).Order());
        Assert.Single(lanes.Busiest(8), lane => lane.RestsUntil > clock.GetUtcNow() && lane.LastWord.StartsWith("421 4.7.28", StringComparison.Ordinal));
        Assert.Equal((null, 1), (lanes.Busiest(1)[1].Provider, lanes.Busiest(1)[1].Providers));
        var connections = app.Sink.Counters.ConnectionsTotal;
        var second = await app.UntilStatusAsync(await app.SendAsync(inclusive: "second"), "sent");
        Assert.Equal(30, second.Number("accepted"));
        // The clock stands: nobody asked the one that rests meanwhile.
        var waiting = await app.ReceiptAsync(first);
        Assert.Equal((30, 30, "sending"), (waiting.Number("accepted"), waiting.Number("pending") + waiting.Number("deferred"), waiting.GetProperty("status").GetString()));
        Assert.InRange(app.Sink.Counters.ConnectionsTotal - connections, 0, 4);
        app.Sink.ReplaceFaults();
        var receipt = await UntilSentAsync(app, first, clock);
        Assert.Equal((60, true), (receipt.Number("accepted"), receipt.IsBalanced()));
    }

    [Fact]
    public async Task A_slow_rate_keeps_no_other_broadcast()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var app = await SendingApp.StartAsync(connections: 2, clock: clock);
        await TurnOnAsync(app);
        await app.PeopleAsync(40);
        var slow = await app.SendAsync(rate: 60);
        await app.UntilAsync(slow, receipt => receipt.Number("accepted") == 1);
        var fast = await app.UntilStatusAsync(await app.SendAsync(), "sent");
        Assert.Equal(40, fast.Number("accepted"));
        Assert.Equal((1, 39), ((await app.ReceiptAsync(slow)).Number("accepted"), (await app.ReceiptAsync(slow)).Number("pending")));
    }

    [Fact]
    public async Task An_hourly_limit_spreads_what_a_provider_gets_over_all_broadcasts()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var app = await SendingApp.StartAsync(connections: 4, clock: clock);
        await LimitAsync(app, "slow.example", perHour: 60);
        await app.PeopleAsync(20, i => new { email = $"p{i}@{(i <= 5 ? "slow" : "fast")}.example" });
        clock.Advance(TimeSpan.FromMinutes(1));
        var (one, other) = (await app.SendAsync(), await app.SendAsync(subject: "Other"));
        // The first grant is there, and all that has no limit goes.
        await app.UntilAsync(one, _ => app.Accepted.Count == 31);
        for (var grant = 2; grant <= 10; grant++)
        {
            clock.Advance(TimeSpan.FromSeconds(59));
            Assert.Equal(29 + grant, Slow(app) + 30);
            clock.Advance(TimeSpan.FromSeconds(1));
            await app.UntilAsync(one, _ => Slow(app) == grant);
        }

        Assert.Equal(20, (await app.UntilStatusAsync(one, "sent")).Number("accepted"));
        Assert.Equal(20, (await app.UntilStatusAsync(other, "sent")).Number("accepted"));

        static int Slow(SendingApp app) => app.Accepted.Count(message => message.RcptTo[0].EndsWith("@slow.example", StringComparison.Ordinal));
    }

    /// <summary>Half a minute goes by with each look: deferred rows come back after minutes.</summary>
    private static Task<System.Text.Json.JsonElement> UntilSentAsync(SendingApp app, string id, FakeTimeProvider clock) => app.UntilAsync(id, receipt =>
    {
        clock.Advance(TimeSpan.FromSeconds(30));
        return receipt.GetProperty("status").GetString() == "sent";
    });

    private static BroadcastId Id(string id) => new(long.Parse(id, System.Globalization.CultureInfo.InvariantCulture));

    private static async Task TurnOnAsync(SendingApp app)
    {
        await using var db = app.App.Database.OpenEverySite();
        await db.Sites.ExecuteUpdateAsync(set => set.SetProperty(site => site.LimitsProviders, true), Cancel);
    }

    private static async Task LimitAsync(SendingApp app, string provider, int? connections = null, int? perHour = null)
    {
        await using var db = app.App.Database.OpenEverySite();
        await using var write = await app.App.Database.BeginWriteAsync(db, Cancel);
        await ProviderLimits.SetAsync(db, null, provider, connections, perHour, DateTimeOffset.UnixEpoch, Cancel);
        await db.SaveChangesAsync(Cancel);
        await write.CommitAsync(Cancel);
    }
}
