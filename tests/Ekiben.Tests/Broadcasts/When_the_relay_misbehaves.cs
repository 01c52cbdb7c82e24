using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Broadcasts;

/// <summary>Every answer a relay can give, and the silence after which nobody knows.</summary>
public class When_the_relay_misbehaves
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_refused_recipient_is_suppressed_and_not_retried()
    {
        await using var app = await SendingApp.StartAsync(["rcpt:550 5.1.1:to=p3@*"]);
        await app.PeopleAsync(10);
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((9, 1), (receipt.Number("accepted"), receipt.Number("refused")));
        var refused = Assert.Single(await app.RecipientsAsync(id, "state=refused"));
        Assert.Equal(("p3@example.com", 550, 1), (refused.GetProperty("email").GetString(), refused.GetProperty("code").GetInt32(), refused.GetProperty("attempts").GetInt32()));
        var next = await app.UntilStatusAsync(await app.SendAsync(), "sent");
        Assert.Equal((1, 9), (next.Number("suppressed_before"), next.Number("accepted")));
    }

    [Fact]
    public async Task A_refusal_by_policy_refuses_the_message_and_spares_the_address()
    {
        await using var app = await SendingApp.StartAsync(["dot:554 5.7.1:to=p3@*"]);
        await app.PeopleAsync(10);
        var receipt = await app.UntilStatusAsync(await app.SendAsync(), "sent");
        Assert.Equal((9, 1), (receipt.Number("accepted"), receipt.Number("refused")));
        app.Sink.ReplaceFaults();
        Assert.Equal(10, (await app.UntilStatusAsync(await app.SendAsync(), "sent")).Number("accepted"));
    }

    [Theory]
    [InlineData("mail:451 4.3.0:first=3")]
    [InlineData("rcpt:450 4.2.0:first=3")]
    [InlineData("data:451 4.3.0:first=3")]
    [InlineData("dot:452 4.3.1:first=3")]
    [InlineData("rcpt:421 4.7.0:first=3")]
    public async Task Deferred_recipients_come_back_when_their_time_has_come(string fault)
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var app = await SendingApp.StartAsync([fault], connections: 1, clock: clock);
        await app.PeopleAsync(6);
        var id = await app.SendAsync();
        var receipt = await app.UntilAsync(id, r => r.Number("deferred") == 3 && r.Number("accepted") == 3);
        Assert.Equal("sending", receipt.GetProperty("status").GetString());
        await AdvanceUntilAsync(app, id, clock, "sent");
        receipt = await app.ReceiptAsync(id);
        Assert.Equal(6, receipt.Number("accepted"));
        Assert.Equal(6, app.Accepted.Select(m => m.MessageId).Distinct().Count());
        Assert.Equal(6, app.Accepted.Count);
    }

    [Fact]
    public async Task A_recipient_deferred_for_three_days_expires()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var app = await SendingApp.StartAsync(["rcpt:450 4.2.0:to=p1@*"], connections: 1, clock: clock);
        await app.PeopleAsync(2);
        var id = await app.SendAsync();
        await app.UntilAsync(id, r => r.Number("deferred") == 1 && r.Number("accepted") == 1);
        await AdvanceUntilAsync(app, id, clock, "sent");
        var receipt = await app.ReceiptAsync(id);
        Assert.Equal((1, 1), (receipt.Number("expired"), receipt.Number("accepted")));
    }

    [Fact]
    public async Task A_lost_reply_makes_the_row_uncertain_and_it_is_sent_once_more()
    {
        await using var app = await SendingApp.StartAsync(["dot:accept-then-close:first=1"], connections: 1);
        await app.PeopleAsync(5);
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((5, 1, 1, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever"), receipt.Number("resent"), receipt.Number("uncertain")));
        // Two copies of one message, and both say so.
        Assert.Equal(6, app.Accepted.Count);
        Assert.Equal(5, app.Accepted.Select(message => message.MessageId).Distinct().Count());
        Assert.Single(await app.RecipientsAsync(id, "was=uncertain"));
    }

    [Fact]
    public async Task Under_hold_an_uncertain_row_is_never_sent_again()
    {
        await using var app = await SendingApp.StartAsync(["dot:accept-then-close:first=1"], connections: 1);
        await app.PeopleAsync(5);
        var id = await app.DraftAsync();
        app.Sql($"UPDATE broadcasts SET uncertain_policy = 'hold' WHERE id = {id}");
        Assert.Equal(200, (int)(await app.ActAsync(id, "approval")).Status);
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((4, 1, 0), (receipt.Number("accepted"), receipt.Number("uncertain"), receipt.Number("resent")));
        Assert.Equal(5, app.Accepted.Count);
        Assert.Equal(5, app.Accepted.Select(message => message.MessageId).Distinct().Count());
    }

    [Theory]
    [InlineData("dot:accept-then-close")]
    [InlineData("dot:450 4.2.0")]
    [InlineData("rcpt:550 5.1.1:after=1")]
    public async Task A_second_try_that_is_not_accepted_stays_uncertain_for_good(string secondTry)
    {
        await using var app = await SendingApp.StartAsync(["dot:accept-then-close:first=1", secondTry], connections: 1);
        await app.PeopleAsync(1);
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((1, 1, 1), (receipt.Number("uncertain"), receipt.Number("uncertain_ever"), receipt.Number("resent")));
        Assert.True(receipt.IsBalanced());
    }

    [Theory]
    [InlineData("mail:close:first=2")]
    [InlineData("rcpt:close:first=2")]
    [InlineData("data:close:first=2")]
    [InlineData("rcpt:rst:first=2")]
    public async Task A_connection_that_dies_before_the_body_costs_nobody_anything(string fault)
    {
        await using var app = await SendingApp.StartAsync([fault], connections: 1);
        await app.PeopleAsync(5);
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((5, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(5, app.Accepted.Count);
        Assert.All(await app.RecipientsAsync(id), r => Assert.Equal(1, r.GetProperty("attempts").GetInt32()));
    }

    [Fact]
    public async Task A_relay_that_takes_connections_and_no_message_is_not_run_against_and_the_wait_has_its_reason()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var app = await SendingApp.StartAsync(["mail:close"], connections: 1, clock: clock);
        await app.PeopleAsync(3);
        var id = await app.SendAsync();
        var engine = app.App.Service<BroadcastsWorker>();
        var broadcast = new BroadcastId(long.Parse(id, System.Globalization.CultureInfo.InvariantCulture));
        await app.UntilAsync(id, _ => engine.StateOf(broadcast)?.Waiting is not null);
        Assert.Contains("takes connections but no message", engine.StateOf(broadcast)!.Waiting!.What, StringComparison.Ordinal);
        // It waits on a clock that stands: what was tried until now is all there is.
        Assert.InRange(app.Sink.Counters.ConnectionsTotal, 2, 4);
        app.Sink.ReplaceFaults();
        var receipt = await app.UntilAsync(id, r => r.GetProperty("status").GetString() == "sent", clock);
        Assert.Equal((3, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.All(await app.RecipientsAsync(id), r => Assert.Equal(1, r.GetProperty("attempts").GetInt32()));
    }

    [Fact]
    public async Task A_relay_that_refuses_the_sender_holds_the_broadcast_and_no_recipient_is_blamed()
    {
        await using var app = await SendingApp.StartAsync(["mail:550 5.7.1"]);
        await app.PeopleAsync(5);
        var id = await app.SendAsync();
        await app.UntilStatusAsync(id, "held");
        // What was begun already is still answered, and comes back too.
        await app.UntilAsync(id, receipt => receipt.Number("pending") == 5);
        Assert.Contains("550 5.7.1", await app.ReasonAsync(id), StringComparison.Ordinal);
        app.Sink.ReplaceFaults();
        Assert.Equal(200, (int)(await app.ActAsync(id, "resume")).Status);
        Assert.Equal(5, (await app.UntilStatusAsync(id, "sent")).Number("accepted"));
    }

    [Fact]
    public async Task A_refusal_that_comes_after_the_release_does_not_hold_it_again()
    {
        var relay = new FakeTimeProvider();
        await using var app = await SendingApp.StartAsync(["mail:delay=1000", "mail:delay=9000:after=1", "mail:550 5.7.1"], connections: 2, sinkClock: relay);
        await app.PeopleAsync(2);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("sending") == 2);
        // The first is refused, the second still waits for its reply when somebody has mended the relay and releases.
        await app.UntilStatusAsync(id, "held", relay);
        app.Sink.ReplaceFaults();
        Assert.Equal(200, (int)(await app.ActAsync(id, "resume")).Status);
        Assert.Equal(2, (await app.UntilStatusAsync(id, "sent", relay)).Number("accepted"));
    }

    [Fact]
    public async Task An_address_that_the_relay_cannot_carry_is_refused_alone()
    {
        await using var app = await SendingApp.StartAsync(connections: 1, smtpUtf8: false);
        await app.PeopleAsync(5, i => new { email = i == 2 ? "zoë@example.com" : $"p{i}@example.com" });
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((4, 1, 0), (receipt.Number("accepted"), receipt.Number("refused"), receipt.Number("uncertain_ever")));
        Assert.Contains("SMTPUTF8", Assert.Single(await app.RecipientsAsync(id, "state=refused")).GetProperty("reply").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_password_holds_the_broadcast()
    {
        await using var app = await SendingApp.StartAsync(credentials: new Ekiben.Sink.SinkCredentials("me", "right"), login: "me:wrong@");
        await app.PeopleAsync(5);
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "held");
        Assert.Equal(5, receipt.Number("pending"));
        Assert.Contains("user name or password", await app.ReasonAsync(id), StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", await app.ReasonAsync(id), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_many_refusals_hold_the_broadcast_before_the_list_is_lost()
    {
        await using var app = await SendingApp.StartAsync(["rcpt:550 5.1.1"], connections: 2);
        await app.PeopleAsync(300);
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "held");
        Assert.InRange(receipt.Number("refused"), 50, 60);
        Assert.Contains("were refused", await app.ReasonAsync(id), StringComparison.Ordinal);
    }

    /// <summary>Moves the clock in steps smaller than any retry delay, until the broadcast is there.</summary>
    private static async Task AdvanceUntilAsync(SendingApp app, string id, FakeTimeProvider clock, string status)
    {
        for (var step = 0; step < 2000;)
        {
            Cancel.ThrowIfCancellationRequested();
            var receipt = await app.ReceiptAsync(id);
            if (receipt.GetProperty("status").GetString() == status)
            {
                return;
            }

            // The relay's time to answer runs on this clock too: while a message is on the wire the clock stands.
            if (receipt.Number("sending") == 0)
            {
                clock.Advance(TimeSpan.FromMinutes(4));
                step++;
            }
        }

        Assert.Fail($"not {status} after 5 days: {await app.ReceiptAsync(id)}");
    }
}
