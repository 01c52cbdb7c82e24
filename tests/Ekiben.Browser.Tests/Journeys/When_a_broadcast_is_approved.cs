using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Browser.Tests.Fixture;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>From the inbox through the review to the approval and back.</summary>
public sealed class When_a_broadcast_is_approved(EkibenApp app, Chromium chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Keyboard_leads_from_the_inbox_to_the_dialog_and_sends_nothing()
    {
        var (site, id) = await DraftAsync(3);
        await using var person = await Person.LogInAsync(app, chromium, Roles.Approver);
        await person.OpenAsync($"/?site={site.Uuid}");

        await person.Page.Keyboard.PressAsync("j");
        await Expect(person.Page.Locator("[data-row] a:focus")).ToHaveTextAsync("Winter menu");
        await person.Page.Keyboard.PressAsync("a");
        await Expect(person.Page).ToHaveURLAsync(new System.Text.RegularExpressions.Regex($"/broadcasts/{id}"));
        await person.SettledAsync();
        await Expect(person.Button("Approve…")).ToBeEnabledAsync();
        await person.Page.Keyboard.PressAsync("a");
        await person.SeesAsync("Send to 3 people at 1,500 an hour");
        await person.Page.Keyboard.PressAsync("a");
        await person.Page.Keyboard.PressAsync("Escape");

        Assert.Equal(BroadcastStatus.Draft, (await ReadAsync(id)).Status);
    }

    [Fact]
    public async Task It_is_ticked_typed_approved_and_undone_within_thirty_seconds()
    {
        var (site, id) = await DraftAsync(3, tags: "nosuch");
        await app.WriteAsync(async db => (await db.Sites.SingleAsync(s => s.Id == site.Id, Cancel)).TypeCountAbove = 2);
        await using var person = await Person.LogInAsync(app, chromium, Roles.Approver);
        await person.OpenAsync($"/broadcasts/{id}");
        await person.SeesAsync("There is no tag “nosuch”: it excludes nobody.");

        await person.Button("Approve…").ClickAsync();
        var approve = person.Page.Locator(".mud-dialog").GetByRole(Microsoft.Playwright.AriaRole.Button, new() { NameRegex = new("^Approve for 3 people") });
        await Expect(approve).ToBeDisabledAsync();
        foreach (var box in await person.Page.Locator(".mud-dialog .preflight input").AllAsync())
        {
            await box.CheckAsync();
        }

        await Expect(approve).ToBeDisabledAsync();
        await person.Page.Locator(".mud-dialog input[inputmode=numeric]").FillAsync("3");
        await Expect(approve).ToBeEnabledAsync();
        await approve.ClickAsync();

        await person.SeesAsync("Until then nothing has left.");
        var approved = await ReadAsync(id);
        Assert.Equal(BroadcastStatus.Scheduled, approved.Status);
        await using (var db = app.Database.OpenEverySite())
        {
            var approval = await db.Approvals.SingleAsync(a => a.BroadcastId == approved.Id, Cancel);
            Assert.Contains("nosuch", approval.Ticked, StringComparison.Ordinal);
            Assert.Equal(TimeSpan.FromSeconds(30), approval.EffectiveAt - approval.ApprovedAt);
        }

        await person.Button("Undo").ClickAsync();
        await person.SeesAsync("Nothing is sent until someone approves it.");
        Assert.Equal(BroadcastStatus.Draft, (await ReadAsync(id)).Status);
    }

    [Fact]
    public async Task An_edit_voids_the_approval_and_the_page_says_so()
    {
        var (site, id) = await DraftAsync(3);
        var broadcast = await ReadAsync(id);
        var actions = app.Service<BroadcastActions>();
        Assert.True((await actions.ApproveAsync(site.Id, broadcast.Id, Actor.Cli, Cancel)).Done);
        await using var person = await Person.LogInAsync(app, chromium, Roles.Viewer);
        await person.OpenAsync($"/broadcasts/{id}");
        await person.SeesAsync("Scheduled");

        Assert.True((await actions.EditAsync(site.Id, broadcast.Id, Actor.Cli, (_, live) =>
        {
            live.Subject = "Another subject";
            return Task.FromResult(ActionResult.Ok);
        }, Cancel)).Done);

        await person.SeesAsync("Nothing is sent until someone approves it.");
        await person.SeesAsync("Another subject");
    }

    [Fact]
    public async Task Rehearsal_with_37_planted_holes_reports_37_and_the_preflight_knows()
    {
        var (site, id) = await DraftAsync(500, holes: 37);
        await using var person = await Person.LogInAsync(app, chromium, Roles.Author);
        await person.OpenAsync($"/broadcasts/{id}");
        await person.SeesAsync("37 people have nothing in visitor.first_name");

        await person.Button("Rehearse it").ClickAsync();

        await person.SeesAsync("of 500 people would get their message.");
        await Expect(person.Page.Locator("section[aria-labelledby=rehearsal]").GetByRole(Microsoft.Playwright.AriaRole.Link, new() { Name = "37 people" })).ToBeVisibleAsync();
        await person.Link("Next with holes").ClickAsync();
        await person.SeesAsync("hole1@example.com");
        Assert.Empty(person.Complaints);
        Assert.NotEqual(default, site.Id);
    }

    [Fact]
    public async Task Waterfalls_numbers_open_their_people_and_search_shows_the_message_as_anyone()
    {
        var (_, id) = await DraftAsync(30);
        await using var person = await Person.LogInAsync(app, chromium);
        await person.OpenAsync($"/broadcasts/{id}");
        await person.Page.GetByRole(Microsoft.Playwright.AriaRole.Link, new() { Name = "30 recipients: show them" }).ClickAsync();
        await person.SeesAsync("p30@example.com");

        await person.OpenAsync($"/broadcasts/{id}");
        await person.Page.GetByRole(Microsoft.Playwright.AriaRole.Searchbox).FillAsync("p17@");
        await person.Page.Locator(".found a").First.ClickAsync();

        await Expect(person.Page.FrameLocator(".frame iframe").Locator("body")).ToContainTextAsync("Hello P17");
    }

    private async Task<(TestSite Site, string Id)> DraftAsync(int people, string tags = "", int holes = 0)
    {
        var site = await app.AddSiteAsync($"Site {Guid.NewGuid():N}");
        await site.ImportAsync([.. Enumerable.Range(1, people).Select(i => (object)(i > people - holes
            ? new { email = $"hole{i - people + holes}@example.com", first_name = "" }
            : new { email = $"p{i}@example.com", first_name = $"P{i}" }))]);
        var id = await site.CreatedAsync(new { name = "Winter menu", subject = "Hi {{ visitor.first_name }}", content = "<p>Hello {{ visitor.first_name }}</p>", type = "plain", exclusive_tags = tags, batch_size_per_hour = 1500 });
        return (site, id);
    }

    private async Task<Broadcast> ReadAsync(string id)
    {
        await using var db = app.Database.OpenEverySite();
        var number = new BroadcastId(long.Parse(id, CultureInfo.InvariantCulture));
        return await db.Broadcasts.AsNoTracking().SingleAsync(b => b.Id == number, Cancel);
    }
}
