using Ekiben.Browser.Tests.Fixture;
using Ekiben.Tests.Fixture;
using Ekiben.Tests.Web;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>From the log-in page to the inbox and out again, with the look that one chose.</summary>
public sealed class When_somebody_logs_in(EkibenApp app, Chromium chromium)
{
    [Fact]
    public async Task They_come_to_the_page_they_asked_for()
    {
        var user = await PlatformVisitor.AddUserAsync(app);
        await using var person = await Person.ArriveAsync(app, chromium);
        await person.OpenAsync("/mailbox");

        await person.Input("E-mail address").FillAsync(user.Email!);
        await person.Input("Password").FillAsync(PlatformVisitor.Password);
        await person.Button("Log in").ClickAsync();

        await Expect(person.Page).ToHaveURLAsync(new Uri(app.Address, "/mailbox").ToString());
        await person.SettledAsync();
        await person.Button("Log out").ClickAsync();
        await Expect(person.Page.Locator("h1")).ToHaveTextAsync("Log in");
    }

    [Fact]
    public async Task Dark_is_chosen_once_and_stays()
    {
        await using var person = await Person.LogInAsync(app, chromium);
        await person.OpenAsync("/");
        await person.Button("Choose light or dark").ClickAsync();
        await person.Page.GetByRole(Microsoft.Playwright.AriaRole.Menuitem, new() { Name = "Dark" }).ClickAsync();
        await Expect(person.Page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");

        await person.OpenAsync("/mailbox");

        await Expect(person.Page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");
    }
}
