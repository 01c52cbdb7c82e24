using Ekiben.Browser.Tests.Fixture;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>What the providers of mailboxes get: set, changed and removed in the platform, and seen at work on the page of a broadcast.</summary>
public sealed class When_providers_are_limited(Chromium chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_owner_sets_limits_and_sees_which_provider_rests_and_why()
    {
        await using var sending = await SendingApp.StartAsync(["rcpt:421 4.7.28 Come back later:to=*@slow.example"]);
        await using var owner = await Person.LogInAsync(sending.App, chromium);
        var page = $"/settings/providers?site={sending.Site.Uuid}";
        await owner.OpenAsync(page);
        await owner.SeesAsync("No provider has a limit");
        await owner.Input("Provider").FillAsync("Fast.example");
        await owner.Button("Set the limit").ClickAsync();
        await owner.SeesAsync("A limit says how many messages at once");
        await owner.Input("Messages at once").FillAsync("2");
        await owner.Input("Messages an hour").FillAsync("5000");
        await owner.Button("Set the limit").ClickAsync();
        await owner.SeesAsync("The limit of fast.example is set.");
        await Expect(Row(owner, "fast.example")).ToContainTextAsync("2 at once, 5000 an hour");
        await owner.Button("Change the limit of fast.example").ClickAsync();
        await owner.Input("Messages an hour").FillAsync("");
        await owner.Button("Set the limit").ClickAsync();
        await Expect(Row(owner, "fast.example")).Not.ToContainTextAsync("an hour");
        await owner.Button("Turn it on").ClickAsync();
        await owner.SeesAsync("Turned on.");

        await sending.PeopleAsync(20, i => new { email = $"p{i}@{(i <= 10 ? "slow" : "fast")}.example" });
        var id = await sending.SendAsync();
        await sending.UntilAsync(id, receipt => receipt.GetProperty("accepted").GetInt64() == 10);
        await owner.OpenAsync($"/broadcasts/{id}");
        await Expect(Lane(owner, "slow.example")).ToContainTextAsync("rests until");
        await Expect(Lane(owner, "slow.example")).ToContainTextAsync("421 4.7.28 Come back later");
        await Expect(Lane(owner, "fast.example")).ToContainTextAsync("open");

        await owner.OpenAsync(page);
        await Expect(Row(owner, "slow.example")).ToContainTextAsync("rests until");
        await owner.Button("Remove the limit of fast.example").ClickAsync();
        await owner.SeesAsync("The limit of fast.example is removed.");
        await using var db = sending.App.Database.OpenEverySite();
        Assert.False(await db.ProviderLimits.AnyAsync(Cancel));
        Assert.Equal(
            ["2 at once, 5000 an hour", "2 at once", "none"],
            await db.AuditLog.Where(entry => entry.Action == "provider.limited").OrderBy(entry => entry.Id).Select(entry => entry.Detail!).ToListAsync(Cancel));
        Assert.Empty(owner.Complaints);
    }

    private static ILocator Row(Person owner, string provider) => owner.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = provider });

    private static ILocator Lane(Person owner, string provider) => owner.Page.Locator("[data-lanes] tr").Filter(new() { HasText = provider });
}
