using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Broadcasts;

/// <summary>A rehearsal makes every message of the real audience and sends none.</summary>
public sealed class RehearsalTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Planted_holes_are_counted_to_the_last_and_nothing_is_sent()
    {
        await using var app = await SendingApp.StartAsync();
        await app.Site.ImportAsync([.. Enumerable.Range(1, 10_000).Select(i => (object)(i % 270 == 1 && i < 270 * 37
            ? new { email = $"p{i}@example.com", first_name = i % 2 == 0 ? "" : "  ", plan = "pro" }
            : new { email = $"p{i}@example.com", first_name = $"P{i}", plan = "pro" }))]);
        var id = await app.Site.CreatedAsync(new { name = "N", subject = "Hi {{ visitor.first_name }}", content = "<p>Hi {{ visitor.first_name }}, {{ visitor.plan }}</p>", type = "plain", batch_size_per_hour = 1500 });

        var report = (await app.ActAsync(id, "rehearsal")).Json;

        Assert.Equal(10_000, report.Number("recipients"));
        Assert.Equal(10_000, report.Number("made"));
        Assert.Equal(0, report.Number("blocked"));
        Assert.Equal(37, report.Number("people_with_holes"));
        var hole = Assert.Single(report.GetProperty("holes").EnumerateArray().ToList());
        Assert.Equal("visitor.first_name", hole.GetProperty("field").GetString());
        Assert.Equal(37, hole.Number("people"));
        Assert.Equal("Hi P10000", report.GetProperty("longest_subject").GetProperty("text").GetString());
        Assert.Equal(10_000, report.GetProperty("sizes").EnumerateArray().Sum(s => s.Number("messages")));
        var forecast = report.GetProperty("forecast");
        var planned = forecast.GetProperty("finishes_at").GetDateTimeOffset() - forecast.GetProperty("starts_at").GetDateTimeOffset();
        Assert.Equal(10_000 * 3600.0 / 1500, planned.TotalSeconds, 1.0);
        Assert.Empty(app.Sink.Messages);
        var kept = (await app.Site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/rehearsal")).Json;
        Assert.Equal(37, kept.GetProperty("last").Number("people_with_holes"));
    }

    [Fact]
    public async Task What_it_says_of_the_blocked_is_what_the_send_then_does()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(60, i => new { email = $"p{i}@example.com", first_name = i <= 3 ? "" : $"P{i}", last_name = $"L{i}" });
        // Two who share an address are one recipient, and one who is unsubscribed is none.
        app.Sql("UPDATE subscribers SET address_id = (SELECT address_id FROM subscribers WHERE last_name = 'L10') WHERE last_name = 'L11'");
        app.Sql("UPDATE subscribers SET unsubscribed_at = 1 WHERE last_name = 'L20'");
        const string subject = "{{ visitor.first_name }}";
        var draft = await app.Site.CreatedAsync(new { name = "N", subject, content = "<p>Hello</p>", type = "plain" });

        var report = (await app.ActAsync(draft, "rehearsal")).Json;
        var sent = await app.SendAsync(subject);
        var receipt = await app.UntilAsync(sent, r => r.Number("pending") == 0 && r.Number("sending") == 0 && r.Number("recipients") > 0);

        Assert.Equal(3, report.Number("blocked"));
        Assert.Equal(receipt.Number("render_failed"), report.Number("blocked"));
        Assert.Equal(receipt.Number("recipients"), report.Number("recipients"));
        Assert.Equal(58, report.Number("recipients"));
        Assert.Equal("p1@example.com", report.GetProperty("failing")[0].GetProperty("email").GetString());
        Assert.Equal("L1", report.GetProperty("failing")[0].GetProperty("name").GetString());
        var reason = Assert.Single(report.GetProperty("reasons").EnumerateArray().ToList());
        Assert.Contains("subject is empty", reason.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_edit_makes_it_worth_nothing()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(3);
        var id = await app.DraftAsync();
        Assert.Equal(200, (int)(await app.ActAsync(id, "rehearsal")).Status);
        app.Sql($"UPDATE broadcasts SET subject = 'Other' WHERE id = {id}");

        var kept = (await app.Site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/rehearsal")).Json;

        Assert.Equal(System.Text.Json.JsonValueKind.Null, kept.GetProperty("last").ValueKind);
    }

    [Fact]
    public async Task A_canceled_one_stores_nothing()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(3);
        var id = new BroadcastId(long.Parse(await app.DraftAsync(), System.Globalization.CultureInfo.InvariantCulture));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => app.App.Service<Rehearsals>().RunAsync(app.Site.Id, id, Ekiben.Accounts.Actor.Cli, new CancellationToken(true)));

        await using var db = app.App.Database.OpenEverySite();
        Assert.False(await db.Rehearsals.AnyAsync(Cancel));
        Assert.Null(app.App.Service<Rehearsals>().ProgressOf(id));
    }

    [Fact]
    public async Task Somebody_elses_broadcast_cannot_be_rehearsed()
    {
        await using var app = await SendingApp.StartAsync();
        var id = await app.DraftAsync();
        var other = await app.App.AddSiteAsync("Other");

        foreach (var noun in new[] { "rehearsal", "test" })
        {
            Assert.Equal(404, (int)(await other.PostAsync($"/api/ekiben/v1/broadcasts/{id}/{noun}", new { addresses = new[] { "a@example.com" } })).Status);
        }
    }
}
