using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Broadcasts.Pages;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Broadcasts;

/// <summary>Whoever saves names the version that they saw: of two, the second is told and changes nothing.</summary>
public sealed class When_a_broadcast_is_edited_by_two(EkibenApp app)
{
    private static readonly Actor Ann = new("user:ann@example.com", true, false);
    private static readonly Actor Bob = new("user:bob@example.com", true, false);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private BroadcastDrafting Drafting => app.Service<BroadcastDrafting>();

    [Fact]
    public async Task Second_is_told_who_came_first_and_writes_nothing()
    {
        var site = await app.AddSiteAsync();
        var made = (await Drafting.CreateAsync(Form("Made"), site.Site, Ann, Cancel)).Broadcast!;
        var first = await Drafting.SaveAsync(made.Id, made.UpdatedAt, Form("By Ann"), site.Site, Ann, voids: false, Cancel);

        var second = await Drafting.SaveAsync(made.Id, made.UpdatedAt, Form("By Bob"), site.Site, Bob, voids: false, Cancel);

        Assert.Equal(("changed_meanwhile", "ann@example.com changed it."), (second.Result.Code, second.Result.Problem));
        Assert.Equal("By Ann", (await ReadAsync(site, made.Id)).Subject);
        var third = await Drafting.SaveAsync(made.Id, first.Broadcast!.UpdatedAt, Form("By Bob"), site.Site, Bob, voids: false, Cancel);
        Assert.Null(third.Result.Code);
        Assert.Equal("By Bob", (await ReadAsync(site, made.Id)).Subject);
    }

    [Fact]
    public async Task What_is_approved_is_edited_only_by_who_knows_that_it_is()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "p@example.com" });
        var made = (await Drafting.CreateAsync(Form("Made"), site.Site, Ann, Cancel)).Broadcast!;
        Assert.Null((await app.Service<BroadcastActions>().ApproveAsync(site.Id, made.Id, Actor.Cli, Cancel)).Problem);
        var approved = await ReadAsync(site, made.Id);

        var byItself = await Drafting.SaveAsync(made.Id, approved.UpdatedAt, Form("Other"), site.Site, Ann, voids: false, Cancel);
        Assert.Equal("is_approved", byItself.Result.Code);
        Assert.Equal(BroadcastStatus.Scheduled, (await ReadAsync(site, made.Id)).Status);

        var ordered = await Drafting.SaveAsync(made.Id, approved.UpdatedAt, Form("Other"), site.Site, Ann, voids: true, Cancel);
        Assert.Null(ordered.Result.Problem);
        Assert.Equal((BroadcastStatus.Draft, "Other"), ((await ReadAsync(site, made.Id)).Status, (await ReadAsync(site, made.Id)).Subject));
    }

    [Fact]
    public async Task What_the_page_does_not_ask_for_stays_as_it_was_posted()
    {
        var site = await app.AddSiteAsync(timeZone: "Europe/Berlin");
        var id = new BroadcastId(long.Parse(await site.CreatedAsync(new
        {
            name = "Posted", subject = "S", content = "<p>Hi</p>", type = "plain", send_at = "2031-03-01T10:20:30Z", uncertain_policy = "hold",
            from = new { name = "Somebody else" },
        }), System.Globalization.CultureInfo.InvariantCulture));
        var posted = await ReadAsync(site, id);
        var form = ComposeForm.Of(posted, TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"));
        Assert.Equal("2031-03-01T11:20", form.SendAt);
        form.Subject = "T";
        form.Content = "{% if half a thought";

        Assert.Null((await Drafting.SaveAsync(id, posted.UpdatedAt, form, site.Site, Ann, voids: false, Cancel)).Result.Problem);

        var edited = await ReadAsync(site, id);
        Assert.Equal((posted.SendAt, posted.SendAtWritten, posted.UncertainPolicy, posted.FromName), (edited.SendAt, edited.SendAtWritten, edited.UncertainPolicy, edited.FromName));
        Assert.Equal(("T", "{% if half a thought"), (edited.Subject, edited.Content));
    }

    [Fact]
    public async Task Call_that_makes_it_again_has_all_of_it_and_no_key()
    {
        var site = await app.AddSiteAsync();
        var form = Form("Ramen 🍜 'now' \"or\" never");
        form.InclusiveTags.Add("regular");
        form.Rate = "1,500";
        var made = (await Drafting.CreateAsync(form, site.Site, Ann, Cancel)).Broadcast!;

        var calls = BentoCall.Of(made, site.Site, "https://mail.example");

        Assert.Equal(["curl", "Node", "Python"], calls.Select(call => call.Name));
        Assert.All(calls, call =>
        {
            Assert.Contains("Ramen 🍜 'now' \\\"or\\\" never", call.Text, StringComparison.Ordinal);
            Assert.Contains("\"inclusive_tags\": \"regular\"", call.Text, StringComparison.Ordinal);
            Assert.Contains("\"batch_size_per_hour\": 1500", call.Text, StringComparison.Ordinal);
            Assert.Contains("SECRET_KEY", call.Text, StringComparison.Ordinal);
            Assert.DoesNotContain(site.SecretKey, call.Text, StringComparison.Ordinal);
        });
        var body = calls[0].Text[calls[0].Text.IndexOf('{', StringComparison.Ordinal)..calls[0].Text.LastIndexOf("JSON", StringComparison.Ordinal)];
        var reply = await site.PostAsync("/api/v1/batch/broadcasts", System.Text.Json.JsonSerializer.Deserialize<System.Text.Json.JsonElement>(body));
        Assert.Equal(System.Net.HttpStatusCode.OK, reply.Status);
    }

    private static ComposeForm Form(string subject) => new() { Name = "A broadcast", Subject = subject, Content = "<p>Hello</p>" };

    private async Task<Broadcast> ReadAsync(TestSite site, BroadcastId id)
    {
        await using var db = app.Database.Open(site.Id);
        return await db.Broadcasts.AsNoTracking().SingleAsync(b => b.Id == id, Cancel);
    }
}
