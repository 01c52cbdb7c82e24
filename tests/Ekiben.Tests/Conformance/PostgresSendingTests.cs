using Ekiben.Accounts;
using Ekiben.Domains;
using Ekiben.Tests.Domains;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Conformance;

/// <summary>The main job end to end on PostgreSQL.</summary>
[Trait("needs", "postgresql")]
public class PostgresSendingTests(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_approved_broadcast_reaches_everybody_once_and_its_receipt_closes()
    {
        await using var app = await StartAsync();
        await app.PeopleAsync(300);
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((300, 300, 0), (receipt.Number("matched"), receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.True(receipt.IsBalanced());
        Assert.Equal(
            Enumerable.Range(1, 300).Select(i => $"p{i}@example.com").Order(StringComparer.Ordinal),
            app.Accepted.Select(message => message.RcptTo.Single()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_broadcast_is_signed_with_its_domains_key_and_a_newer_one_waits_for_its_record()
    {
        await using var app = await StartAsync();
        var actions = app.App.Service<DomainActions>();
        var key = (await actions.AddAsync(app.Site.Site, "example.com", null, true, Actor.Cli, Cancel)).Key!;
        var newer = (await actions.RotateAsync(app.Site.Site, "example.com", null, false, false, Actor.Cli, Cancel)).Key!;
        Assert.Contains("is taken", (await actions.RotateAsync(app.Site.Site, "example.com", newer.Selector, false, false, Actor.Cli, Cancel)).Problem, StringComparison.Ordinal);
        await app.PeopleAsync(3);
        await app.UntilStatusAsync(await app.SendAsync(), "sent");
        Assert.Equal(3, app.Accepted.Count);
        Assert.All(app.Accepted, message => Assert.Equal(2, Published.By(key).Verify(message.Raw).Count));
    }

    [Fact]
    public async Task Nothing_is_claimed_after_a_pause_and_a_resume_finishes_it()
    {
        await using var app = await StartAsync(["dot:delay=20"], connections: 2);
        await app.PeopleAsync(200);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") > 5);
        Assert.Equal(200, (int)(await app.ActAsync(id, "pause")).Status);
        var claimed = $"SELECT COALESCE(SUM(attempts), 0) FROM recipients WHERE broadcast_id = {id}";
        var claimedThen = app.Count(claimed);
        var receipt = await app.UntilAsync(id, r => r.Number("sending") == 0);
        Assert.Equal("paused", receipt.GetProperty("status").GetString());
        Assert.Equal(claimedThen, app.Count(claimed));
        Assert.True(receipt.Number("pending") > 0);
        Assert.Equal(200, (int)(await app.ActAsync(id, "resume")).Status);
        receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((200, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(200, app.Accepted.Count);
    }

    [Fact]
    public async Task Cancelling_turns_what_is_left_into_canceled_and_the_receipt_still_closes()
    {
        await using var app = await StartAsync(["dot:delay=20"], connections: 2);
        await app.PeopleAsync(200);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") > 5);
        Assert.Equal(200, (int)(await app.ActAsync(id, "cancellation")).Status);
        var receipt = await app.UntilAsync(id, r => r.Number("pending") + r.Number("sending") == 0);
        Assert.Equal("canceled", receipt.GetProperty("status").GetString());
        Assert.Equal(200, receipt.Number("accepted") + receipt.Number("canceled"));
        Assert.Equal(app.Accepted.Count, receipt.Number("accepted"));
        Assert.True(receipt.IsBalanced());
    }

    [Fact]
    public async Task A_database_that_is_cut_off_in_the_middle_costs_nobody_a_message_and_the_send_goes_on()
    {
        await using var app = await StartAsync(["dot:delay=10"], connections: 4);
        await app.PeopleAsync(600);
        var id = await app.SendAsync();
        for (var cut = 1; cut <= 3; cut++)
        {
            await app.UntilAsync(id, receipt => receipt.Number("accepted") >= cut * 60);
            await postgres.Server.RestartImmediatelyAsync(Cancel);
        }

        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal(600, receipt.Number("accepted"));
        Assert.True(receipt.IsBalanced());
        var copies = app.Accepted.GroupBy(message => message.RcptTo.Single(), StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Count());
        Assert.Equal(600, copies.Count);
        // The process lived, so every outcome was kept until it could be written: nobody was uncertain and nobody got it twice.
        Assert.Equal((0, 0), (receipt.Number("uncertain_ever"), copies.Values.Count(count => count > 1)));
    }

    private async Task<SendingApp> StartAsync(string[]? faults = null, int connections = 4) =>
        await SendingApp.StartAsync(faults, connections, database: await postgres.Server.CreateDatabaseAsync(Cancel));
}
