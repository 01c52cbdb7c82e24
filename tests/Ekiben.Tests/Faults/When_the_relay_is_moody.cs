using Ekiben.Tests.Fixture;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Faults;

/// <summary>A relay that defers, refuses or says nothing at every place where it can.</summary>
public class When_the_relay_is_moody
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch.AddYears(60);

    [Fact]
    public async Task A_third_of_temporary_failures_everywhere_ends_with_everybody_having_one_copy()
    {
        var clock = new FakeTimeProvider(Start);
        await using var app = await SendingApp.StartAsync(
            [
                "greeting:421 4.3.2:rate=0.3", "ehlo:451 4.3.0:rate=0.3", "mail:451 4.3.0:rate=0.1", "rcpt:450 4.2.0:rate=0.1", "data:452 4.3.1:rate=0.1",
                "dot:451 4.3.0:rate=0.1",
            ],
            connections: 3,
            clock: clock);
        await app.PeopleAsync(40);
        var id = await app.SendAsync();
        var receipt = await UntilAsync(app, id, clock, r => r.GetProperty("status").GetString() == "sent");
        Assert.Equal((40, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(40, app.Accepted.Count);
        Assert.Equal(40, app.Accepted.Select(message => message.RcptTo.Single()).Distinct().Count());
    }

    [Fact]
    public async Task A_log_in_that_fails_for_a_while_costs_nobody_a_try()
    {
        var clock = new FakeTimeProvider(Start);
        await using var app = await SendingApp.StartAsync(
            ["auth:454 4.7.0:first=4"], connections: 1, clock: clock, credentials: new Ekiben.Sink.SinkCredentials("me", "right"), login: "me:right@");
        await app.PeopleAsync(3);
        var id = await app.SendAsync();
        var receipt = await UntilAsync(app, id, clock, r => r.GetProperty("status").GetString() == "sent");
        Assert.Equal(3, receipt.Number("accepted"));
        Assert.All(await app.RecipientsAsync(id), line => Assert.Equal(1, line.GetProperty("attempts").GetInt32()));
    }

    [Theory]
    [InlineData("greeting:554 5.7.1")]
    [InlineData("ehlo:550 5.7.1")]
    [InlineData("connect:554 5.7.1")]
    public async Task A_relay_that_does_not_want_us_holds_the_broadcast_and_it_goes_on_when_released(string fault)
    {
        await using var app = await SendingApp.StartAsync([fault], connections: 2);
        await app.PeopleAsync(5);
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "held");
        Assert.Equal(5, receipt.Number("pending"));
        Assert.Contains("refuses us", await app.ReasonAsync(id), StringComparison.Ordinal);
        app.Sink.ReplaceFaults();
        Assert.Equal(200, (int)(await app.ActAsync(id, "resume")).Status);
        Assert.Equal(5, (await app.UntilStatusAsync(id, "sent")).Number("accepted"));
    }

    [Fact]
    public async Task Greylisting_ends_with_the_second_try_by_the_same_sender()
    {
        // One clock for both: the relay's five minutes are those that the server waits.
        var clock = new FakeTimeProvider(Start);
        await using var app = await SendingApp.StartAsync(["rcpt:450 4.7.1:greylist=240"], connections: 2, clock: clock, sinkClock: clock);
        await app.PeopleAsync(20);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("deferred") == 20);
        clock.Advance(TimeSpan.FromSeconds(331));
        await app.UntilStatusAsync(id, "sent");
        Assert.Equal(20, app.Accepted.Count);
        // Another sender would have been a new pair, and refused once more.
        Assert.All(await app.RecipientsAsync(id), line => Assert.Equal(2, line.GetProperty("attempts").GetInt32()));
    }

    [Theory]
    [InlineData("connect:stall:first=1")]
    [InlineData("ehlo:stall:first=1")]
    public async Task A_relay_that_says_nothing_at_first_is_given_up_and_nobody_was_claimed(string fault)
    {
        var clock = new FakeTimeProvider(Start);
        await using var app = await SendingApp.StartAsync([fault], connections: 1, clock: clock);
        await app.PeopleAsync(3);
        var id = await app.SendAsync();
        var receipt = await UntilAsync(app, id, clock, r => r.GetProperty("status").GetString() == "sent");
        Assert.Equal((3, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(3, app.Accepted.Count);
        Assert.All(await app.RecipientsAsync(id), line => Assert.Equal(1, line.GetProperty("attempts").GetInt32()));
    }

    [Fact]
    public async Task A_slow_answer_after_the_dot_is_waited_for_and_is_the_only_copy()
    {
        await using var app = await SendingApp.StartAsync(["dot:delay=1500:first=1"], connections: 2);
        await app.PeopleAsync(10);
        var receipt = await app.UntilStatusAsync(await app.SendAsync(), "sent");
        Assert.Equal((10, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(10, app.Accepted.Count);
    }

    /// <summary>Lets the clock go on by 20 s with each look, less than any wait of a retry.</summary>
    private static async Task<System.Text.Json.JsonElement> UntilAsync(SendingApp app, string id, FakeTimeProvider clock, Func<System.Text.Json.JsonElement, bool> wanted)
    {
        for (var look = 0; look < 20_000; look++)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            var receipt = await app.ReceiptAsync(id);
            if (wanted(receipt))
            {
                return receipt;
            }

            if (receipt.Number("sending") == 0)
            {
                clock.Advance(TimeSpan.FromSeconds(20));
            }
        }

        throw new Xunit.Sdk.XunitException($"it did not come to that: {await app.ReceiptAsync(id)}");
    }
}
