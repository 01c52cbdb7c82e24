using Ekiben.Accounts;
using Ekiben.Browser.Tests.Fixture;
using Ekiben.Tests.Fixture;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>The rate of a broadcast that is on its way, changed on its page.</summary>
public sealed class When_the_rate_changes(Chromium chromium)
{
    [Fact]
    public async Task An_author_lowers_it_an_approver_raises_it_and_the_page_names_both()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(400);
        var id = await app.SendAsync(rate: 60);
        await app.UntilAsync(id, receipt => receipt.Number("accepted") > 0);
        await using var author = await Person.LogInAsync(app.App, chromium, Roles.Author);
        await author.OpenAsync($"/broadcasts/{id}");
        await Expect(author.Page.Locator("[data-forecast]")).ToContainTextAsync("next at ");

        await ChangeAsync(author, "600");
        await author.SeesAsync("Raising the rate of an approved broadcast needs the right to approve.");
        await author.Button("Not now").ClickAsync();
        await ChangeAsync(author, "30");
        await author.SeesAsync("It goes 30 an hour from the next message on.");

        await using var approver = await Person.LogInAsync(app.App, chromium, Roles.Approver);
        await approver.OpenAsync($"/broadcasts/{id}");
        await ChangeAsync(approver, "1,200");
        var changes = approver.Page.Locator("[data-rate-changes] li");
        await Expect(changes).ToHaveCountAsync(2);
        await Expect(changes.First).ToContainTextAsync($"30 an hour → 1,200 an hour by {approver.Email}");
        await Expect(changes.Last).ToContainTextAsync($"60 an hour → 30 an hour by {author.Email}");
        Assert.Equal(1200, app.Count($"SELECT batch_size_per_hour FROM broadcasts WHERE id = {id}"));

        await using var viewer = await Person.LogInAsync(app.App, chromium, Roles.Viewer);
        await viewer.OpenAsync($"/broadcasts/{id}");
        await Expect(viewer.Page.Locator("[data-in-flight]")).ToBeVisibleAsync();
        await Expect(viewer.Button("Change rate")).ToHaveCountAsync(0);
        Assert.Empty(approver.Complaints);
    }

    private static async Task ChangeAsync(Person person, string typed)
    {
        await person.Page.GetByLabel("Messages an hour").FillAsync(typed);
        await person.Button("Change rate").ClickAsync();
        await Expect(person.Page.GetByRole(Microsoft.Playwright.AriaRole.Dialog)).ToContainTextAsync("way to the relay");
        await person.Page.GetByRole(Microsoft.Playwright.AriaRole.Dialog).GetByRole(Microsoft.Playwright.AriaRole.Button).Filter(new() { HasText = "Send " }).ClickAsync();
    }
}
