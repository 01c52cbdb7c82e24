using Ekiben.Storage.Sqlite;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Faults;

/// <summary>While it sends, the audience changes, somebody plays with the buttons, and the machine's clock is set.</summary>
public class When_people_and_clocks_move
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whoever_unsubscribes_or_joins_while_it_sends_changes_no_sum()
    {
        await using var app = await SendingApp.StartAsync(["dot:delay=5"], connections: 2);
        await app.PeopleAsync(300);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") > 40);

        // The rows claimed before the transaction commits are the only ones of these sixty that may get the message.
        var claimed = 0;
        await app.App.WriteAsync(async db =>
        {
            await db.Database.ExecuteSqlAsync($"UPDATE subscribers SET unsubscribed_at = 1 WHERE id BETWEEN 31 AND 60 OR id > 270", Cancel);
            claimed = await db.Database.SqlQuery<int>($"""
                SELECT COUNT(*) AS Value FROM recipients r JOIN subscribers s ON s.id = r.subscriber_id WHERE s.unsubscribed_at IS NOT NULL AND r.state <> 0
                """).SingleAsync(Cancel);
        });
        await app.Site.ImportAsync([.. Enumerable.Range(1, 15).Select(i => new { email = $"new{i}@example.com" })]);

        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((300, 60 - claimed), (receipt.Number("recipients"), receipt.Number("suppressed")));
        Assert.Equal(300 - 60 + claimed, receipt.Number("accepted"));
        Assert.InRange(claimed, 1, 40);
        Assert.True(receipt.IsBalanced());
        Assert.Equal(receipt.Number("accepted"), app.Accepted.Count);
        Assert.DoesNotContain(app.Accepted, message => message.RcptTo.Single().StartsWith("new", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_hundred_pauses_and_resumes_lose_and_repeat_nobody_and_nothing_is_claimed_while_it_is_paused()
    {
        await using var app = await SendingApp.StartAsync(["dot:delay=1"], connections: 4);
        await app.PeopleAsync(2500);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") > 0);
        var pauses = 0;
        while (pauses < 200 && (int)(await app.ActAsync(id, "pause")).Status == 200)
        {
            pauses++;
            var claims = Claims(app);
            Assert.Equal(claims, Claims(app));
            Assert.Equal(200, (int)(await app.ActAsync(id, "resume")).Status);
            Assert.InRange(Claims(app), claims, 2500);
        }

        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.InRange(pauses, 20, 200);
        Assert.Equal((2500, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(2500, app.Accepted.Count);
        Assert.True(receipt.IsBalanced());
    }

    [Fact]
    public async Task A_clock_that_is_set_while_it_sends_changes_nothing_for_anybody()
    {
        var clock = new JumpingClock();
        await using var app = await SendingApp.StartAsync(["dot:delay=5"], connections: 2, clock: clock);
        await app.PeopleAsync(200);
        var id = await app.SendAsync();
        foreach (var (after, jump) in ((int, int)[])[(20, 1), (60, -2), (100, 24), (140, -24)])
        {
            await app.UntilAsync(id, receipt => receipt.Number("accepted") > after);
            clock.Jump(TimeSpan.FromHours(jump));
        }

        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((200, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(200, app.Accepted.Count);
        Assert.True(receipt.IsBalanced());
    }

    [Fact]
    public async Task A_scheduled_broadcast_starts_once_whatever_the_clock_does_around_its_time()
    {
        var clock = new JumpingClock();
        await using var app = await SendingApp.StartAsync(connections: 2, clock: clock);
        await app.PeopleAsync(30);
        var id = await app.Site.CreatedAsync(new { name = "n", subject = "Hi", content = "x", type = "plain", send_at = clock.GetUtcNow().AddHours(1).ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture), approved = true });
        Assert.Equal("scheduled", (await app.ReceiptAsync(id)).GetProperty("status").GetString());
        clock.Jump(TimeSpan.FromHours(2));
        await app.UntilAsync(id, receipt => receipt.Number("recipients") == 30);
        clock.Jump(TimeSpan.FromHours(-2));
        await app.UntilStatusAsync(id, "sent");
        clock.Jump(TimeSpan.FromHours(2));
        // One more broadcast from beginning to end: had the first begun again, it would have been before this one.
        await app.UntilStatusAsync(await app.SendAsync(), "sent");
        Assert.Equal(60, app.Accepted.Count);
        Assert.Equal(60, app.Accepted.Select(message => message.MessageId).Distinct().Count());
    }

    [Fact]
    public async Task People_with_impossible_data_fail_alone_or_not_at_all()
    {
        await using var app = await SendingApp.StartAsync(connections: 2);
        string[] values = ["", "A\r\nBcc: evil@example.com", new string('x', 3000), "\u202E\u0000\u0007", "{{ visitor.email }}", "😀=?utf-8?q?x?=", "<script>"];
        await app.PeopleAsync(40, i => new { email = i == 9 ? "zoe@bücher.example" : $"p{i}@example.com", bio = i <= values.Length ? values[i - 1] : "P" });
        var id = await app.SendAsync("Hi {{ visitor.bio }}");
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal(40, receipt.Number("accepted") + receipt.Number("render_failed"));
        Assert.InRange(receipt.Number("render_failed"), 0, 2);
        Assert.Equal(receipt.Number("accepted"), app.Accepted.Count);
        foreach (var message in app.Accepted)
        {
            using var read = await MimeKit.MimeMessage.LoadAsync(new MemoryStream(message.Raw.ToArray()), Cancel);
            Assert.Empty(read.Bcc);
            Assert.Single(read.To);
            Assert.DoesNotContain("p5@example.com", read.Subject, StringComparison.Ordinal);
        }
    }

    private static long Claims(SendingApp app)
    {
        using var connection = app.App.Service<SqliteDatabase>().Connect();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT COALESCE(SUM(attempts), 0) FROM recipients";
        return (long)command.ExecuteScalar()!;
    }

    /// <summary>The machine's clock, set by hand; timers and elapsed times go on as a monotonic clock does.</summary>
    private sealed class JumpingClock : TimeProvider
    {
        private long _ticks;

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _ticks));

        public void Jump(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);
    }
}
