using Ekiben.Tests.Fixture;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Broadcasts;

/// <summary>Nothing goes out that was not approved, also when the database was changed by hand.</summary>
public class When_it_is_not_what_was_approved
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch.AddYears(60);

    [Theory]
    [InlineData("UPDATE broadcasts SET subject = 'Other' WHERE id = @", "subject")]
    [InlineData("UPDATE broadcasts SET content = content || '!' WHERE id = @", "content")]
    [InlineData("UPDATE broadcasts SET exclusive_tags = 'x' WHERE id = @", "exclusive_tags")]
    [InlineData("UPDATE broadcasts SET from_email = 'x@example.com' WHERE id = @", "from_email")]
    [InlineData("UPDATE broadcasts SET send_at = 0 WHERE id = @", "send_at")]
    [InlineData("UPDATE approvals SET manifest = replace(manifest, 'Hello', 'Bye') WHERE broadcast_id = @", "seal")]
    [InlineData("DELETE FROM approvals WHERE broadcast_id = @", "Nobody approved")]
    public async Task It_is_held_and_names_what_differs(string sql, string named)
    {
        var clock = new FakeTimeProvider(Start);
        await using var app = await SendingApp.StartAsync(clock: clock);
        await app.PeopleAsync(3);
        var id = await ScheduledAsync(app);
        app.Sql(sql.Replace("@", id, StringComparison.Ordinal));
        clock.Advance(TimeSpan.FromHours(2));
        await app.UntilStatusAsync(id, "held", clock);
        Assert.Contains(named, await app.ReasonAsync(id), StringComparison.Ordinal);
        Assert.Empty(app.Accepted);
        if (named != "Nobody approved")
        {
            Assert.Equal(409, (int)(await app.ActAsync(id, "resume")).Status);
        }
    }

    [Fact]
    public async Task A_draft_made_scheduled_or_sending_by_hand_is_held()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(3);
        foreach (var status in new[] { "scheduled", "sending" })
        {
            var id = await app.DraftAsync();
            app.Sql($"UPDATE broadcasts SET status = '{status}' WHERE id = {id}");
            await app.UntilStatusAsync(id, "held");
        }

        Assert.Empty(app.Accepted);
    }

    [Fact]
    public async Task A_revoked_approval_does_not_send()
    {
        var clock = new FakeTimeProvider(Start);
        await using var app = await SendingApp.StartAsync(clock: clock);
        await app.PeopleAsync(3);
        var id = await ScheduledAsync(app);
        Assert.Equal(200, (int)(await app.Site.DeleteAsync($"/api/ekiben/v1/broadcasts/{id}/approval")).Status);
        clock.Advance(TimeSpan.FromHours(2));
        var other = await app.SendAsync();
        await app.UntilStatusAsync(other, "sent", clock);
        Assert.Equal("draft", (await app.ReceiptAsync(id)).GetProperty("status").GetString());
        Assert.Equal(3, app.Accepted.Count);
    }

    [Fact]
    public async Task More_than_a_day_late_is_held_and_resuming_sends_it()
    {
        var clock = new FakeTimeProvider(Start);
        await using var app = await SendingApp.StartAsync(clock: clock);
        await app.PeopleAsync(3);
        var id = await ScheduledAsync(app);
        clock.Advance(TimeSpan.FromHours(26));
        await app.UntilStatusAsync(id, "held", clock);
        Assert.Equal(200, (int)(await app.ActAsync(id, "resume")).Status);
        await app.UntilStatusAsync(id, "sent", clock);
        Assert.Equal(3, app.Accepted.Count);
    }

    [Fact]
    public async Task A_ledger_row_deleted_by_hand_keeps_the_broadcast_from_closing()
    {
        await using var app = await SendingApp.StartAsync(["dot:delay=30"], connections: 1);
        await app.PeopleAsync(40);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") > 2);
        app.Sql($"DELETE FROM recipients WHERE broadcast_id = {id} AND address_id = (SELECT MAX(address_id) FROM recipients WHERE state = 0)");
        var receipt = await app.UntilStatusAsync(id, "held");
        Assert.False(receipt.IsBalanced());
        Assert.Contains("does not add up", await app.ReasonAsync(id), StringComparison.Ordinal);
        Assert.Equal(39, receipt.Number("accepted"));
    }

    private static Task<string> ScheduledAsync(SendingApp app) => app.Site.CreatedAsync(new
    {
        name = "n",
        subject = "Hi",
        content = "<p>Hello</p>",
        send_at = Start.AddHours(1).ToString("O"),
        approved = true,
    });
}
