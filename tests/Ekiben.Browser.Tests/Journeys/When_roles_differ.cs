using Ekiben.Accounts;
using Ekiben.Browser.Tests.Fixture;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>What each role sees, and that a page which stayed open does no more than the role it has now.</summary>
public sealed class When_roles_differ(EkibenApp app, Chromium chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Roles.Owner, true, true)]
    [InlineData(Roles.Approver, true, false)]
    [InlineData(Roles.Author, true, false)]
    [InlineData(Roles.Viewer, false, false)]
    public async Task Actions_that_a_role_may_not_do_are_not_there(string role, bool mayWrite, bool mayOwn)
    {
        var site = await SiteAsync();
        await using var person = await Person.LogInAsync(app, chromium, role);

        await person.OpenAsync($"/tags?site={site.Uuid}");
        await Expect(person.Button("Add tag")).ToHaveCountAsync(mayWrite ? 1 : 0);
        await Expect(person.Link("Settings")).ToHaveCountAsync(mayOwn ? 1 : 0);
        await person.OpenAsync($"/subscribers?site={site.Uuid}");
        await Expect(person.Link("Download as CSV")).ToHaveCountAsync(mayWrite ? 1 : 0);
        await person.OpenAsync($"/layouts/new?site={site.Uuid}");
        await Expect(person.Button("Make the layout")).ToHaveCountAsync(mayWrite ? 1 : 0);
        await person.OpenAsync("/settings/accounts");
        await Expect(person.Page.Locator("h1")).ToHaveTextAsync(mayOwn ? "Settings" : "Not for your role");
    }

    [Fact]
    public async Task Page_that_stayed_open_does_no_more_than_the_role_may_now()
    {
        var site = await SiteAsync();
        await using var person = await Person.LogInAsync(app, chromium, Roles.Author);
        await person.OpenAsync($"/tags?site={site.Uuid}");
        await app.WriteAsync(async db => await UserRoles.SetAsync(db, await db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync(Cancel), Roles.Viewer, Cancel));

        await person.Input("New tag").FillAsync("sneaky");
        await person.Button("Add tag").ClickAsync();

        await person.SeesAsync(Access.Refusal);
        await using var db = app.Database.Open(site.Id);
        Assert.False(await db.Tags.AnyAsync(t => t.Name == "sneaky", Cancel));
    }

    [Fact]
    public async Task Link_within_the_platform_to_a_page_of_another_role_says_so()
    {
        await SiteAsync();
        await using var person = await Person.LogInAsync(app, chromium, Roles.Owner);
        await person.OpenAsync("/tags");
        await app.WriteAsync(async db => await UserRoles.SetAsync(db, await db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync(Cancel), Roles.Author, Cancel));

        await person.Link("Settings").ClickAsync();

        await Expect(person.Page.Locator("h1")).ToHaveTextAsync("Not for your role");
    }

    private async Task<TestSite> SiteAsync()
    {
        var site = await app.AddSiteAsync("Roles");
        await site.ImportAsync(new { email = "ann@example.com", tags = "lead" });
        return site;
    }
}
