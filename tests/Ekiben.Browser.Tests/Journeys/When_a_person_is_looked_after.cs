using Ekiben.Browser.Tests.Fixture;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>Somebody is added by hand, found, changed and taken out of the mail.</summary>
public sealed class When_a_person_is_looked_after(EkibenApp app, Chromium chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task They_are_added_found_changed_and_unsubscribed()
    {
        var site = await app.AddSiteAsync("People");
        await using var person = await Person.LogInAsync(app, chromium, Ekiben.Accounts.Roles.Author);
        await person.OpenAsync($"/subscribers?site={site.Uuid}");
        await person.SeesAsync("Nobody is here yet");

        await person.Page.GetByRole(Microsoft.Playwright.AriaRole.Link, new() { Name = "Add a person" }).First.ClickAsync();
        await person.Input("E-mail address").FillAsync("Ann@Example.com");
        await person.Input("First name").FillAsync("Ann");
        await person.Input("Another tag").FillAsync("regular");
        await person.Page.GetByRole(Microsoft.Playwright.AriaRole.Button, new() { Name = "Add", Exact = true }).First.ClickAsync();
        await person.Button("Add the person").ClickAsync();
        await Expect(person.Page.Locator("h1")).ToHaveTextAsync("ann@example.com");
        await person.Button("Unsubscribe").ClickAsync();
        await person.SeesAsync("Gets no mail: unsubscribed");

        await person.OpenAsync($"/subscribers?site={site.Uuid}&q=ann");
        await Expect(person.Page.Locator("tbody tr")).ToHaveCountAsync(1);
        await Expect(person.Page.Locator("tbody tr")).ToContainTextAsync("unsubscribed");
        await using var db = app.Database.Open(site.Id);
        var stored = await db.Subscribers.SingleAsync(Cancel);
        Assert.NotNull(stored.UnsubscribedAt);
        Assert.Equal(["regular"], await db.TagNamesOfAsync(stored.Id, Cancel));
        Assert.Empty(person.Complaints);
    }
}
