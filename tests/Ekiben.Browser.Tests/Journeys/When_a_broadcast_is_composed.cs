using System.Globalization;
using System.Text.RegularExpressions;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Browser.Tests.Fixture;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>A broadcast written in the platform, with what is found beside it, stored by itself, and never over somebody else's work.</summary>
public sealed class When_a_broadcast_is_composed(EkibenApp app, Chromium chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_written_is_counted_checked_shown_and_stored()
    {
        var site = await SiteAsync();
        await using var person = await Person.LogInAsync(app, chromium, Roles.Author);
        await person.OpenAsync($"/broadcasts/new?site={site.Uuid}");
        await Expect(person.Page.Locator("[data-count]")).ToHaveTextAsync("4");

        await person.Input("Name").FillAsync("Winter menu");
        await person.Input("Subject").FillAsync("Something warm, {{ visitor.first_name }}");
        await Content(person).FillAsync("<p>Good day</p>\n\n<p>{{ visitor.frist_name }}</p>");
        await person.Input("Tag to include").FillAsync("regular");
        await person.Input("Tag to include").PressAsync("Enter");

        await Expect(person.Page.Locator("[data-count]")).ToHaveTextAsync("2");
        await person.SeesAsync("There is no visitor.frist_name: it renders nothing.");
        await Expect(person.Page.Locator(".gutter .wrong")).ToHaveTextAsync("3\n");
        await Expect(person.Page.Locator(".paint .look")).ToHaveTextAsync("visitor.frist_name");
        await person.Button("Line 3").ClickAsync();
        await Expect(Content(person)).ToBeFocusedAsync();
        await person.Page.Keyboard.InsertTextAsync("Dear ");
        Assert.Equal("<p>Good day</p>\n\n<p>{{ Dear visitor.frist_name }}</p>", await ContentOfAsync(person));

        await Content(person).FillAsync("<p>Good day {{ visitor.first_name }}</p>");
        await Expect(person.Page.GetByText("There is no visitor.frist_name")).ToHaveCountAsync(0);
        await SavedAsync(person);
        var frame = person.Page.FrameLocator(".frame iframe");
        await Expect(frame.GetByText("Good day Bo")).ToBeVisibleAsync();
        await Expect(person.Page.Locator("[data-subject]")).ToHaveTextAsync("Something warm, Bo");
        await person.Button("Next person").ClickAsync();
        await Expect(frame.GetByText("Good day Di")).ToBeVisibleAsync();

        var stored = Assert.Single(await StoredAsync(site));
        Assert.Equal(BroadcastStatus.Draft, stored.Status);
        Assert.Equal(("Winter menu", "<p>Good day {{ visitor.first_name }}</p>", "regular", "user:" + person.Email), (stored.Name, stored.Content, stored.InclusiveTags, stored.CreatedBy));
        Assert.Empty(person.Complaints);
    }

    [Fact]
    public async Task What_stored_itself_is_there_after_the_page_is_loaded_again_however_large_it_is()
    {
        var site = await SiteAsync();
        await using var person = await Person.LogInAsync(app, chromium, Roles.Author);
        await person.OpenAsync($"/broadcasts/new?site={site.Uuid}");
        // More than a circuit takes in one message.
        var content = string.Concat(Enumerable.Repeat("<p>A long letter with ümläuts.</p>\n", 6_000));

        await person.Input("Subject").FillAsync("A letter");
        await Expect(person.Page.Locator("[data-saved]")).ToHaveTextAsync("Not saved yet. It needs a name.");
        await person.Input("Name").FillAsync("Letter");
        // As a paste does; the browser's own typing takes minutes for so much.
        await Content(person).EvaluateAsync("(area, text) => { area.value = text; area.dispatchEvent(new Event('input', { bubbles: true })); }", content);
        await person.Input("Messages an hour").FillAsync("1,500");
        await SavedAsync(person);
        await Expect(person.Page).ToHaveURLAsync(new Regex("/broadcasts/[0-9]+/edit"));
        await person.Page.ReloadAsync();
        await person.SettledAsync();

        await Expect(person.Input("Name")).ToHaveValueAsync("Letter");
        await Expect(person.Input("Messages an hour")).ToHaveValueAsync("1500");
        await Expect(Content(person)).ToHaveValueAsync(content);
        Assert.Equal(content, Assert.Single(await StoredAsync(site)).Content);
        Assert.Empty(person.Complaints);
    }

    [Fact]
    public async Task An_edit_of_what_is_approved_waits_for_the_button_and_takes_the_approval_away()
    {
        var site = await SiteAsync();
        var id = await DraftAsync(site);
        Assert.True((await app.Service<BroadcastActions>().ApproveAsync(site.Id, id, Actor.Cli, Cancel)).Done);
        await using var person = await Person.LogInAsync(app, chromium, Roles.Author);
        await person.OpenAsync($"/broadcasts/{id}/edit");
        await person.SeesAsync("It is approved.");

        await person.Input("Subject").FillAsync("Another subject");
        await Expect(person.Page.Locator("[data-saved]")).ToHaveTextAsync("Changed, and not saved.");
        Assert.Equal(BroadcastStatus.Scheduled, Assert.Single(await StoredAsync(site)).Status);
        await person.Button("Save and take the approval away").ClickAsync();
        await SavedAsync(person);

        var stored = Assert.Single(await StoredAsync(site));
        Assert.Equal((BroadcastStatus.Draft, "Another subject"), (stored.Status, stored.Subject));
        await person.Link("Review").First.ClickAsync();
        await person.SeesAsync("Nothing is sent until someone approves it.");
        Assert.Empty(person.Complaints);
    }

    [Fact]
    public async Task Who_writes_on_what_another_changed_meanwhile_is_told_who_and_overwrites_nothing()
    {
        var site = await SiteAsync();
        var id = await DraftAsync(site);
        await using var ann = await Person.LogInAsync(app, chromium, Roles.Author);
        await using var bob = await Person.LogInAsync(app, chromium, Roles.Author);
        await ann.OpenAsync($"/broadcasts/{id}/edit");
        await bob.OpenAsync($"/broadcasts/{id}/edit");

        await ann.Input("Subject").FillAsync("By Ann");
        await SavedAsync(ann);
        await bob.SeesAsync($"{ann.Email} changed it");
        await bob.Input("Subject").FillAsync("By Bob");
        await Expect(bob.Page.Locator("[data-saved]")).ToHaveTextAsync("Not saved.");
        await Expect(bob.Button("Save")).ToBeDisabledAsync();
        await bob.Button("Keep mine as a new draft").ClickAsync();
        await SavedAsync(bob);

        var stored = await StoredAsync(site);
        Assert.Equal(["By Ann", "By Bob"], stored.Select(broadcast => broadcast.Subject));
        Assert.Equal("Menu (mine)", stored[1].Name);
        Assert.Empty(bob.Complaints);
    }

    [Fact]
    public async Task Nobody_leaves_by_accident_with_something_unsaved()
    {
        var site = await SiteAsync();
        await using var person = await Person.LogInAsync(app, chromium, Roles.Author);
        await person.OpenAsync($"/broadcasts/new?site={site.Uuid}");

        await Content(person).FillAsync("A thought without a name");
        await Expect(person.Page.Locator("[data-saved]")).ToContainTextAsync("Not saved yet. It needs a name and a subject.");
        await person.Page.Locator(".crumbs").GetByRole(AriaRole.Link, new() { Name = "Broadcasts" }).ClickAsync();
        await person.SeesAsync("Leave without saving?");
        await person.Button("Stay").ClickAsync();
        await Expect(person.Page.Locator(".mud-dialog")).ToHaveCountAsync(0);
        await Expect(Content(person)).ToHaveValueAsync("A thought without a name");
        var asked = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        person.Page.Dialog += async (_, dialog) =>
        {
            asked.TrySetResult(dialog.Type);
            await dialog.DismissAsync();
        };
        await person.Page.EvaluateAsync("setTimeout(() => location.reload())");
        Assert.Equal("beforeunload", await asked.Task.WaitAsync(Cancel));
        await Expect(Content(person)).ToHaveValueAsync("A thought without a name");

        await person.Page.Locator(".crumbs").GetByRole(AriaRole.Link, new() { Name = "Broadcasts" }).ClickAsync();
        await person.Button("Leave, and lose it").ClickAsync();
        await Expect(person.Page).ToHaveURLAsync(new Regex("/\\?site="));
        Assert.Empty(await StoredAsync(site));
    }

    [Fact]
    public async Task A_copy_is_a_draft_of_its_own_and_the_review_says_who_changed_what_it_shows()
    {
        var site = await SiteAsync();
        var id = await DraftAsync(site);
        await using var person = await Person.LogInAsync(app, chromium, Roles.Author);
        await person.OpenAsync($"/?site={site.Uuid}");
        await Expect(person.Link("New broadcast")).ToBeVisibleAsync();
        await person.Link("Duplicate Menu").ClickAsync();
        await Expect(person.Input("Name")).ToHaveValueAsync("Copy of Menu");
        await Expect(person.Input("Starts")).ToHaveValueAsync("");
        Assert.Single(await StoredAsync(site));
        await person.Button("Save").ClickAsync();
        await SavedAsync(person);
        Assert.Equal(["Menu", "Copy of Menu"], (await StoredAsync(site)).Select(broadcast => broadcast.Name));

        await person.OpenAsync($"/broadcasts/{id}");
        await person.Page.GetByText("As an API call").ClickAsync();
        await Expect(person.Input("The call for curl")).ToContainTextAsync("\"subject\": \"What we cook\"");
        await Expect(person.Input("The call for curl")).Not.ToContainTextAsync(site.SecretKey);
        await using var other = await Person.LogInAsync(app, chromium, Roles.Author);
        await other.OpenAsync($"/broadcasts/{id}");
        await other.Link("Edit").ClickAsync();
        await other.Input("Subject").FillAsync("By another");
        await SavedAsync(other);
        await Expect(person.Page.Locator("[data-others]")).ToContainTextAsync($"{other.Email} changed it");
        Assert.Empty(person.Complaints);

        await using var viewer = await Person.LogInAsync(app, chromium, Roles.Viewer);
        await viewer.OpenAsync($"/broadcasts/{id}");
        await Expect(viewer.Link("Edit")).ToHaveCountAsync(0);
        await viewer.OpenAsync($"/?site={site.Uuid}");
        await Expect(viewer.Link("New broadcast")).ToHaveCountAsync(0);
    }

    private static ILocator Content(Person person) => person.Input("Content");

    private static Task<string> ContentOfAsync(Person person) => Content(person).InputValueAsync();

    private static Task SavedAsync(Person person) => Expect(person.Page.Locator("[data-saved]")).ToHaveTextAsync(new Regex("^Saved [0-9]{2}:[0-9]{2}$"));

    private async Task<TestSite> SiteAsync()
    {
        var site = await app.AddSiteAsync("Composing");
        await site.ImportAsync([.. new[] { "Ann", "Bo", "Cy", "Di" }.Select((name, i) => new { email = $"{name}@example.com", first_name = name, tags = i % 2 == 1 ? "regular" : "guest" })]);
        return site;
    }

    private static async Task<BroadcastId> DraftAsync(TestSite site) => new(long.Parse(
        await site.CreatedAsync(new { name = "Menu", subject = "What we cook", content = "<p>Soup</p>", type = "plain", send_at = "2031-01-05 10:00" }), CultureInfo.InvariantCulture));

    private async Task<List<Broadcast>> StoredAsync(TestSite site)
    {
        await using var db = app.Database.Open(site.Id);
        return await db.Broadcasts.AsNoTracking().OrderBy(b => b.Id).ToListAsync(Cancel);
    }
}
