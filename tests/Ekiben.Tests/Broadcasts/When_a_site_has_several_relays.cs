using System.Globalization;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Sink;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Broadcasts;

/// <summary>Weights, standing by, refusals at one of several, and changes while a broadcast is sent; each relay is a real sink.</summary>
public sealed class When_a_site_has_several_relays
{
    /// <summary>Messages that a lane sends before it goes to the next relay, and the one that may be begun behind them.</summary>
    private const int Turn = 21;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Three_to_one_are_the_messages_of_weights_three_and_one()
    {
        await using var sending = await SendingApp.StartAsync();
        await using var big = await SinkAsync();
        await using var small = await SinkAsync();
        await UseAsync(sending, "Big", big, weight: 3);
        await UseAsync(sending, "Small", small);
        await sending.PeopleAsync(160);

        var id = await sending.SendAsync();

        await sending.UntilStatusAsync(id, "sent");
        Assert.InRange(Taken(big), 120 - Turn, 120 + Turn);
        Assert.Equal(160, Taken(big) + Taken(small));
        Assert.Equal(160, big.Messages.Concat(small.Messages).Select(message => message.MessageId).Distinct().Count());
        Assert.Empty(sending.Sink.Messages);
    }

    [Fact]
    public async Task All_goes_by_the_second_while_the_first_is_away_and_by_the_first_when_it_is_back()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var sending = await SendingApp.StartAsync(clock: clock);
        await using var second = await SinkAsync();
        var first = await SinkAsync();
        await UseAsync(sending, "First", first);
        await UseAsync(sending, "Second", second, priority: 1);
        await sending.PeopleAsync(30);
        await sending.UntilStatusAsync(await sending.SendAsync(), "sent", clock);
        Assert.Equal((30, 0), (Taken(first), Taken(second)));

        await first.DisposeAsync();
        var id = await sending.SendAsync();
        await sending.UntilStatusAsync(id, "sent", clock);
        Assert.Equal(30, Taken(second));
        Assert.All(await sending.RecipientsAsync(id), recipient => Assert.Equal(1, recipient.GetProperty("attempts").GetInt32()));
        var route = sending.App.Service<RelayPools>().Find(sending.Site.Id)!.All[0];
        Assert.Equal(("First", false), (route.Terms.Name, route.Rest!.Refuses));

        await using var again = await SinkAsync(listen: first.EndPoint);
        clock.Advance(TimeSpan.FromMinutes(1));
        await sending.UntilStatusAsync(await sending.SendAsync(), "sent", clock);
        Assert.Equal((30, 30), (Taken(again), Taken(second)));
        Assert.Null(route.Rest);
    }

    [Theory]
    [InlineData("greeting:554 5.7.1 Not you")]
    [InlineData("auth:535 5.7.8 Wrong password")]
    [InlineData("mail:550 5.7.1 Not your domain")]
    public async Task One_that_refuses_us_rests_and_the_other_takes_all(string refusal)
    {
        await using var sending = await SendingApp.StartAsync();
        await using var refusing = await SinkAsync(refusal);
        await using var taking = await SinkAsync();
        await UseAsync(sending, "Refusing", refusing);
        await UseAsync(sending, "Taking", taking);
        await sending.PeopleAsync(20);

        var id = await sending.SendAsync();

        var receipt = await sending.UntilStatusAsync(id, "sent");
        Assert.Equal((20, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal((0, 20), (Taken(refusing), Taken(taking)));
        Assert.All(await sending.RecipientsAsync(id), recipient => Assert.Equal(1, recipient.GetProperty("attempts").GetInt32()));
        var rest = sending.App.Service<RelayPools>().Find(sending.Site.Id)!.All[0].Rest!;
        Assert.True(rest.Refuses);
        Assert.Contains(refusal.Split(':', 2)[1][..3], rest.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_held_when_all_refuse_us_and_goes_on_by_both_when_they_are_mended()
    {
        await using var sending = await SendingApp.StartAsync();
        await using var one = await SinkAsync("auth:535 5.7.8 Wrong password");
        await using var other = await SinkAsync("mail:550 5.7.1 Not your domain");
        await UseAsync(sending, "One", one);
        await UseAsync(sending, "Other", other);
        await sending.PeopleAsync(60);

        var id = await sending.SendAsync();

        await sending.UntilStatusAsync(id, "held");
        var reason = await sending.ReasonAsync(id);
        Assert.Contains("One (smtp://", reason, StringComparison.Ordinal);
        Assert.Contains("Other (The relay refuses the sender: 550 5.7.1", reason, StringComparison.Ordinal);
        one.ReplaceFaults();
        other.ReplaceFaults();
        await sending.UntilAsync(id, receipt => receipt.Number("pending") == 60);
        Assert.Equal(200, (int)(await sending.ActAsync(id, "resume")).Status);
        await sending.UntilStatusAsync(id, "sent");
        Assert.Equal(60, Taken(one) + Taken(other));
    }

    [Fact]
    public async Task It_waits_only_when_all_are_away_and_says_which()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var sending = await SendingApp.StartAsync(clock: clock);
        await using var busy = await SinkAsync("greeting:421 4.3.2 Too busy");
        await using var closing = await SinkAsync("mail:close");
        await UseAsync(sending, "Busy", busy);
        await UseAsync(sending, "Closing", closing, priority: 1);
        await sending.PeopleAsync(3);

        var id = await sending.SendAsync();

        var engine = sending.App.Service<BroadcastsWorker>();
        var broadcast = new BroadcastId(long.Parse(id, CultureInfo.InvariantCulture));
        await sending.UntilAsync(id, _ => engine.StateOf(broadcast)?.Waiting is not null);
        var wait = engine.StateOf(broadcast)!.Waiting!;
        Assert.Contains("Busy (smtp://", wait.What, StringComparison.Ordinal);
        Assert.Contains("421", wait.What, StringComparison.Ordinal);
        Assert.Contains("Closing (smtp://", wait.What, StringComparison.Ordinal);
        closing.ReplaceFaults();
        var receipt = await sending.UntilStatusAsync(id, "sent", clock);
        Assert.Equal((3, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(3, Taken(closing));
    }

    [Theory]
    [InlineData(1, 7)]
    [InlineData(3, 3)]
    [InlineData(0, 1)]
    public async Task A_connection_takes_as_many_messages_as_its_relay_says(int most, int connections)
    {
        await using var sending = await SendingApp.StartAsync();
        await using var sink = await SinkAsync();
        await UseAsync(sending, "Own", sink, messages: most);
        await sending.PeopleAsync(7);

        await sending.UntilStatusAsync(await sending.SendAsync(), "sent");

        Assert.Equal((7, connections), (Taken(sink), sink.Counters.ConnectionsTotal));
    }

    [Fact]
    public async Task A_relay_that_is_taken_out_while_it_is_used_finishes_its_message_and_the_rest_goes_by_the_others()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var sending = await SendingApp.StartAsync(clock: clock);
        await using var first = await SinkAsync();
        await using var second = await SinkAsync();
        var leaving = await UseAsync(sending, "First", first);
        await sending.PeopleAsync(10);
        var id = await sending.SendAsync(rate: 3600);
        await sending.UntilAsync(id, receipt => receipt.Number("accepted") > 2, clock);

        await UseAsync(sending, "Second", second);
        await sending.App.WriteAsync(async db => db.SiteRelays.Remove(await db.SiteRelays.SingleAsync(use => use.RelayId == leaving, Cancel)));
        var routes = sending.App.Service<RelayPools>().Find(sending.Site.Id)!;
        await sending.UntilAsync(id, _ => routes.All is [{ Terms.Name: "Second" }], clock);
        var before = Taken(first);
        var receipt = await sending.UntilStatusAsync(id, "sent", clock);

        Assert.Equal((10, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.InRange(Taken(first), before, before + 1);
        Assert.Equal(10, Taken(first) + Taken(second));
    }

    [Fact]
    public async Task A_test_goes_by_the_relay_that_answers()
    {
        await using var sending = await SendingApp.StartAsync();
        await using var away = await SinkAsync("greeting:421 4.3.2 Too busy");
        await using var there = await SinkAsync();
        await UseAsync(sending, "Away", away);
        await UseAsync(sending, "There", there, priority: 1);
        await sending.PeopleAsync(1);

        var reply = await sending.Site.PostAsync($"/api/ekiben/v1/broadcasts/{await sending.DraftAsync()}/test", new { addresses = (string[])["tester@example.com"] });

        Assert.Equal(200, (int)reply.Status);
        Assert.Equal(1, Taken(there));
    }

    private static int Taken(SmtpSink sink) => sink.Messages.Count(message => message.Accepted);

    private static Task<SmtpSink> SinkAsync(string? fault = null, System.Net.IPEndPoint? listen = null) => SmtpSink.StartAsync(
        new SmtpSinkOptions
        {
            KeepMessages = true,
            Faults = fault is null ? [] : [FaultRule.Parse(fault)],
            Credentials = fault?.StartsWith("auth", StringComparison.Ordinal) == true ? new SinkCredentials("noodles", "secret") : null,
            Listen = listen ?? new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0),
            IdleTimeout = TimeSpan.MaxValue,
        },
#pragma warning disable RS0030 // The sink plays the outside world.
        TimeProvider.System,
#pragma warning restore RS0030
        Cancel);

    /// <summary>Has the site send by the sink, over one connection; gives the relay's id.</summary>
    private static async Task<long> UseAsync(SendingApp sending, string name, SmtpSink sink, int weight = 1, int priority = 0, int messages = 0)
    {
        long id = 0;
        await sending.App.WriteAsync(async db =>
        {
            var form = new RelayForm
            {
                Name = name,
                Host = sink.EndPoint.Address.ToString(),
                Port = sink.EndPoint.Port,
                Tls = RelayTls.None,
                UserName = "noodles",
                Password = "secret",
                Connections = 1,
                MessagesPerConnection = messages,
            };
            if (sink.Options.Credentials is null)
            {
                (form.UserName, form.Password) = (null, null);
            }

            Assert.Null(form.Fault());
            var now = sending.App.Options.Clock.GetUtcNow();
            var relay = new StoredRelay { Name = "", Host = "", CreatedAt = now };
            form.Fill(relay, sending.App.Service<StoredRelays>(), now);
            db.Relays.Add(relay);
            await db.SaveChangesAsync(Cancel);
            db.SiteRelays.Add(new SiteRelay { SiteId = sending.Site.Id, RelayId = id = relay.Id, Weight = weight, Priority = priority });
        });
        return id;
    }
}
