using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Faults;

/// <summary>The network, not the relay: a connection that ends in the middle of a message, or just before its reply.</summary>
public class When_the_wire_is_cut
{
    private const int Messages = 6;

    /// <summary>Much larger than what the system's buffers take, so that "in the middle" is far from the end.</summary>
    private static readonly string Large = string.Concat(Enumerable.Repeat("<p>Hello, this is a paragraph of the news that fills a line or two.</p>\n", 12_000));

    [Theory]
    [InlineData("Close")]
    [InlineData("Reset")]
    public async Task In_the_middle_of_a_body_nobody_has_the_message_and_the_try_does_not_count(string how)
    {
        CuttingProxy? proxy = null;
        await using (var app = await SendingApp.StartAsync(connections: 1, through: sink =>
            (proxy = new CuttingProxy(sink, number => number <= 3 ? new Cut(Enum.Parse<CutBy>(how), AfterClientBytes: 9000) : null)).EndPoint))
        {
            await app.PeopleAsync(Messages);
            var id = await SendLargeAsync(app);
            var receipt = await app.UntilStatusAsync(id, "sent");
            Assert.Equal((Messages, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
            Assert.Equal(Messages, app.Accepted.Count);
            Assert.All(await app.RecipientsAsync(id), line => Assert.Equal(1, line.GetProperty("attempts").GetInt32()));
            Assert.Equal(4, proxy!.Connections);
        }

        await proxy.DisposeAsync();
    }

    [Fact]
    public async Task Silent_after_the_message_went_through_it_is_uncertain_when_the_server_stops_waiting()
    {
        CuttingProxy? proxy = null;
        var app = await SendingApp.StartAsync(["dot:accept-then-stall:first=1"], connections: 2, through: sink => (proxy = new CuttingProxy(sink, _ => null)).EndPoint, clock: new QuickClock());
        await using (app)
        {
            await app.PeopleAsync(Messages);
            var id = await app.SendAsync();
            // The other connection goes on while one hangs, perhaps with a second message begun behind the first.
            await app.UntilAsync(id, receipt => receipt.Number("accepted") >= Messages - 2 && receipt.Number("accepted") + receipt.Number("sending") == Messages);
            await app.App.RestartAsync();
            app.Site.Reconnect();
            var receipt = await app.UntilStatusAsync(id, "sent");
            Assert.Equal((Messages, 1, 1), (receipt.Number("accepted"), receipt.Number("uncertain_ever"), receipt.Number("resent")));
            Assert.Equal(Messages + 1, app.Accepted.Count);
            Assert.Equal(Messages, app.Accepted.Select(message => message.MessageId).Distinct().Count());
        }

        await proxy!.DisposeAsync();
    }

    [Theory]
    [InlineData("dot:accept-then-rst:first=2", 2)]
    [InlineData("dot:rst:first=2", 0)]
    [InlineData("dot:close:first=2", 0)]
    public async Task After_the_dot_it_is_uncertain_and_a_second_copy_exists_only_where_the_first_had_arrived(string fault, int extra)
    {
        await using var app = await SendingApp.StartAsync([fault], connections: 1);
        await app.PeopleAsync(Messages);
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((Messages, 2, 2), (receipt.Number("accepted"), receipt.Number("uncertain_ever"), receipt.Number("resent")));
        Assert.Equal(Messages + extra, app.Accepted.Count);
        Assert.Equal(Messages, app.Accepted.Select(message => message.MessageId).Distinct().Count());
    }

    [Fact]
    public async Task A_message_begun_behind_the_one_that_is_cut_was_not_sent_and_its_try_does_not_count()
    {
        await using var app = await SendingApp.StartAsync(["dot:accept-then-rst:first=1"], connections: 1);
        await app.PeopleAsync(Messages);
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((Messages, 1, 1), (receipt.Number("accepted"), receipt.Number("uncertain_ever"), receipt.Number("resent")));
        // Two were begun on the connection that was lost: one of them has a second try, and nobody else.
        Assert.Equal([1, 1, 1, 1, 1, 2], (await app.RecipientsAsync(id)).Select(line => line.GetProperty("attempts").GetInt32()).Order());
        Assert.Equal([1, 1, 1, 1, 1, 2], app.Accepted.GroupBy(message => message.RcptTo.Single(), StringComparer.Ordinal).Select(copies => copies.Count()).Order());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100)]
    public async Task A_relay_that_closes_after_some_messages_costs_nothing_and_its_connections_are_used_up(int each)
    {
        const int people = 210;
        await using var app = await SendingApp.StartAsync([$"close-after={each}"], connections: 2);
        await app.PeopleAsync(people);
        var receipt = await app.UntilStatusAsync(await app.SendAsync(), "sent");
        Assert.Equal((people, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(people, app.Accepted.Count);
        // Each connection carries at least nine tenths of what the relay allows it; the last ones of the two lanes are not full.
        Assert.InRange(app.Sink.Counters.ConnectionsTotal, people / each, (int)Math.Ceiling(people / (0.9 * each)) + 2);
    }

    [Fact]
    public async Task A_relay_that_says_421_after_some_messages_makes_nobody_wait()
    {
        await using var app = await SendingApp.StartAsync(["mail:421 4.7.0 Enough for now:messages=7"], connections: 2);
        await app.PeopleAsync(50);
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((50, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.All(await app.RecipientsAsync(id), line => Assert.Equal(1, line.GetProperty("attempts").GetInt32()));
    }

    private static Task<string> SendLargeAsync(SendingApp app) =>
        app.Site.CreatedAsync(new { name = "n", subject = "Hi", content = Large, type = "plain", send_at = "2022-12-13 12:50", approved = true });

    /// <summary>The machine's time, with waits a hundred times shorter: 25 s of patience at shutdown are 250 ms.</summary>
    private sealed class QuickClock : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.FromSeconds(1) ? dueTime / 100 : dueTime, period);
    }
}
