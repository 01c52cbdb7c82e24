using Ekiben.Accounts;
using Ekiben.Browser.Tests.Fixture;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>Somebody asks what became of one mail: by its state, by its origin, by its address, and on to its person.</summary>
public sealed class When_mails_are_looked_through(World world, Chromium chromium)
{
    [Fact]
    public async Task They_are_found_by_state_origin_and_address_and_lead_to_their_person()
    {
        await using var person = await Person.LogInAsync(world.App, chromium, Roles.Viewer);
        await person.OpenAsync($"/mails?site={world.Live.Uuid}");
        var rows = person.Page.Locator("tbody tr");
        await Expect(person.Link("Download as CSV")).ToHaveCountAsync(0);

        await person.Page.GetByRole(Microsoft.Playwright.AriaRole.Navigation, new() { Name = "By state" }).GetByText("Refused", new() { Exact = true }).ClickAsync();
        await Expect(rows).ToHaveCountAsync(1);
        await Expect(rows).ToContainTextAsync("550 5.7.1 Not here");
        await person.Page.GetByRole(Microsoft.Playwright.AriaRole.Navigation, new() { Name = "By state" }).GetByText("All", new() { Exact = true }).ClickAsync();
        await person.Page.GetByText("Steps of sequences").ClickAsync();
        await Expect(rows.First).ToContainTextAsync("Step 1 of First visit");

        await person.Page.GetByText("From programs").ClickAsync();
        await person.Input("Search addresses").FillAsync("p11");
        await person.Button("Search").ClickAsync();
        await Expect(rows).ToHaveCountAsync(1);
        await Expect(rows).ToContainTextAsync("Deferred");
        await person.Link("p11@people.example").ClickAsync();
        await Expect(person.Page.Locator("h1")).ToHaveTextAsync("p11@people.example");

        await person.OpenAsync($"/mails?site={world.Live.Uuid}&state=sent");
        await person.SeesAsync("The address names a state or an origin that does not exist.");
        Assert.Empty(person.Complaints);
    }
}
