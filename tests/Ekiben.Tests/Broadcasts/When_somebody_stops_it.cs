using Ekiben.Storage;
using Ekiben.Storage.Sqlite;
using Ekiben.Tests.Fixture;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Broadcasts;

/// <summary>Pause, cancel, hold, the hourly rate, and a server that goes down in good order.</summary>
public class When_somebody_stops_it
{
    [Fact]
    public async Task Nothing_is_claimed_after_a_pause_and_a_resume_finishes_it()
    {
        await using var app = await SendingApp.StartAsync(["dot:delay=20"], connections: 2);
        await app.PeopleAsync(200);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") > 5);
        Assert.Equal(200, (int)(await app.ActAsync(id, "pause")).Status);
        var claimedThen = Claims(app, id);
        var receipt = await app.UntilAsync(id, r => r.Number("sending") == 0);
        Assert.Equal("paused", receipt.GetProperty("status").GetString());
        Assert.Equal(claimedThen, Claims(app, id));
        Assert.True(receipt.Number("pending") > 0);
        Assert.Equal(200, (int)(await app.ActAsync(id, "resume")).Status);
        receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((200, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(200, app.Accepted.Count);
    }

    [Fact]
    public async Task Cancelling_turns_what_is_left_into_canceled_and_the_receipt_still_closes()
    {
        await using var app = await SendingApp.StartAsync(["dot:delay=20"], connections: 2);
        await app.PeopleAsync(200);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") > 5);
        Assert.Equal(200, (int)(await app.ActAsync(id, "cancellation")).Status);
        var receipt = await app.UntilAsync(id, r => r.Number("pending") + r.Number("sending") == 0);
        Assert.Equal("canceled", receipt.GetProperty("status").GetString());
        Assert.Equal(200, receipt.Number("accepted") + receipt.Number("canceled"));
        Assert.Equal(app.Accepted.Count, receipt.Number("accepted"));
        Assert.True(receipt.IsBalanced());
        Assert.Equal(409, (int)(await app.ActAsync(id, "resume")).Status);
    }

    [Fact]
    public async Task The_rate_lets_one_go_every_six_minutes_at_ten_an_hour()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var app = await SendingApp.StartAsync(clock: clock);
        await app.PeopleAsync(4);
        var id = await app.SendAsync(rate: 10);
        for (var sent = 1; sent <= 4; sent++)
        {
            await app.UntilAsync(id, receipt => receipt.Number("accepted") == sent);
            clock.Advance(TimeSpan.FromSeconds(359));
            Assert.Equal(sent, (await app.ReceiptAsync(id)).Number("accepted"));
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        await app.UntilStatusAsync(id, "sent");
    }

    [Fact]
    public async Task A_restart_in_good_order_loses_and_repeats_nothing()
    {
        await using var app = await SendingApp.StartAsync(["dot:delay=10"], connections: 4);
        await app.PeopleAsync(300);
        var id = await app.SendAsync();
        for (var restart = 1; restart <= 3; restart++)
        {
            await app.UntilAsync(id, receipt => receipt.Number("accepted") > restart * 40);
            await app.App.RestartAsync();
            app.Site.Reconnect();
        }

        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((300, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(300, app.Accepted.Count);
    }

    [Fact]
    public async Task Rows_on_the_wire_never_exceed_two_a_connection()
    {
        await using var app = await SendingApp.StartAsync(["dot:delay=5"], connections: 3);
        await app.PeopleAsync(200);
        var (first, second) = (await app.SendAsync(), await app.SendAsync());
        long most = 0;
        await app.UntilAsync(first, receipt =>
        {
            using var connection = app.App.Service<SqliteDatabase>().Connect();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT COUNT(*) FROM recipients WHERE state = 1";
            most = Math.Max(most, (long)command.ExecuteScalar()!);
            return receipt.GetProperty("status").GetString() == "sent";
        });
        await app.UntilStatusAsync(second, "sent");
        // The sink offers PIPELINING, so transactions are chained: W is twice the connections.
        Assert.InRange(most, 1, 6);
        Assert.True(app.Sink.Counters.ConnectionsPeak <= 3);
    }

    [Fact]
    public async Task A_pause_by_another_process_gets_in_a_hundred_times_and_nothing_is_claimed_after_it()
    {
        await using var app = await SendingApp.StartAsync();
        // A test site: the mailbox is as fast as this server can go.
        var site = await app.App.AddSiteAsync();
        await site.ImportAsync([.. Enumerable.Range(1, 4000).Select(i => new { email = $"p{i}@example.com" })]);
        var id = await site.CreatedAsync(new { name = "n", subject = "Hi", content = "x", send_at = "2022-12-13 12:50", approved = true });
        for (var pause = 0; pause < 100; pause++)
        {
            // A connection of its own, as the command line has one: it waits in SQLite's busy handler, not at the gate.
            app.Sql($"UPDATE broadcasts SET status = 'paused' WHERE id = {id} AND status = 'sending'");
            var claimed = Claims(app, id);
            Assert.Equal(claimed, Claims(app, id));
            app.Sql($"UPDATE broadcasts SET status = 'sending' WHERE id = {id} AND status = 'paused'");
        }

        var receipt = (await site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/receipt")).Json;
        while (receipt.GetProperty("status").GetString() != "sent")
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
            receipt = (await site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/receipt")).Json;
        }

        Assert.Equal((4000, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
    }

    [Fact]
    public async Task Cancelled_while_its_audience_freezes_it_accounts_for_those_it_had_read()
    {
        await using var app = await EkibenApp.StartAsync();
        var cancel = TestContext.Current.CancellationToken;
        var site = await app.AddSiteAsync();
        await site.ImportAsync([.. Enumerable.Range(1, 30).Select(i => new { email = $"p{i}@example.com" })]);
        var id = await site.CreatedAsync(new { name = "n", subject = "Hi", content = "x", send_at = "2022-12-13 12:50", approved = true });
        // The engine rests in this server: each of its steps is taken by hand, up to the one before the figures are written.
        var (queue, broadcast) = (app.Service<SendQueue>(), new BroadcastId(long.Parse(id, System.Globalization.CultureInfo.InvariantCulture)));
        Assert.True(await queue.BeginFreezeAsync(broadcast, cancel));
        Assert.Equal(FreezeStep.Done, await queue.FreezeNextRangeAsync(broadcast, new AudienceRule(site.Id, [], [], null), cancel));
        Assert.Equal(200, (int)(await site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/cancellation")).Status);
        Assert.Contains(await queue.ReadWorkAsync(cancel), item => item.Broadcast == broadcast);
        await queue.CancelRowsAsync(broadcast, cancel);
        var receipt = (await site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/receipt")).Json;
        Assert.Equal((30, 30, 0), (receipt.Number("matched"), receipt.Number("canceled"), receipt.Number("pending")));
        Assert.True(receipt.IsBalanced());
        Assert.DoesNotContain(await queue.ReadWorkAsync(cancel), item => item.Broadcast == broadcast);
    }

    [Fact]
    public async Task The_recount_finds_a_count_that_is_not_its_rows()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(20);
        var id = await app.SendAsync();
        await app.UntilStatusAsync(id, "sent");
        var queue = app.App.Service<SendQueue>();
        Assert.Empty(await queue.RecountAsync(DateTimeOffset.UnixEpoch, TestContext.Current.CancellationToken));
        app.Sql($"UPDATE shards SET accepted = accepted - 1, refused = refused + 1 WHERE broadcast_id = {id}");
        Assert.Equal([id], (await queue.RecountAsync(DateTimeOffset.UnixEpoch, TestContext.Current.CancellationToken)).Select(differing => differing.ToString()));
    }

    private static long Claims(SendingApp app, string id)
    {
        using var connection = app.App.Service<SqliteDatabase>().Connect();
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT COALESCE(SUM(attempts), 0) FROM recipients WHERE broadcast_id = {id}";
        return (long)command.ExecuteScalar()!;
    }
}
