using System.Globalization;
using Ekiben.Browser.Tests.Fixture;
using Ekiben.Sink;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>A site that sends by two relays: set up, weighed, used and taken out in the platform.</summary>
public sealed class When_a_site_gets_relays(Chromium chromium)
{
    private const int People = 90;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_owner_adds_a_second_sends_and_sees_who_took_what()
    {
        await using var sending = await SendingApp.StartAsync();
        await using var first = await SinkAsync();
        await using var second = await SinkAsync();
        await sending.PeopleAsync(People);
        await using var owner = await Person.LogInAsync(sending.App, chromium);
        await AddRelayAsync(owner, "Big", first);
        await AddRelayAsync(owner, "Small", second);

        var page = $"/settings/sites/{sending.Site.Uuid}";
        await owner.OpenAsync(page);
        await owner.SeesAsync("By the server's own relay");
        await UseAsync(owner, "Big", weight: 3);
        await UseAsync(owner, "Small", weight: 9);
        await Expect(State(owner, "Small")).ToContainTextAsync("Not used since the server started");
        await Form(owner, "Small").GetByLabel("Weight").FillAsync("1");
        await Form(owner, "Small").GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        await owner.SeesAsync("Saved.");

        await sending.UntilStatusAsync(await sending.SendAsync(), "sent");
        await owner.OpenAsync(page);
        await Expect(State(owner, "Big")).ToContainTextAsync($"Took {Taken(first)} messages");
        await Expect(State(owner, "Small")).ToContainTextAsync($"Took {Taken(second)} messages");
        Assert.Equal(People, Taken(first) + Taken(second));
        Assert.True(Taken(first) > Taken(second) && Taken(second) > 0);

        second.ReplaceFaults(FaultRule.Parse("mail:550 5.7.1 Not you"));
        await sending.UntilStatusAsync(await sending.SendAsync(), "sent");
        await owner.OpenAsync(page);
        await Expect(State(owner, "Small")).ToContainTextAsync("Rests until");
        await Expect(State(owner, "Small")).ToContainTextAsync("550 5.7.1 Not you");

        await Form(owner, "Big").GetByRole(AriaRole.Button, new() { Name = "Remove" }).ClickAsync();
        await owner.SeesAsync("It sends by “Big” no more.");
        await using var db = sending.App.Database.OpenEverySite();
        Assert.Equal(1, await db.SiteRelays.CountAsync(Cancel));
        Assert.Equal(["Big: weight 3, priority 0", "Small: weight 9, priority 0", "Small: weight 1, priority 0"],
            await db.AuditLog.Where(entry => entry.Action == "site.relay_set").OrderBy(entry => entry.Id).Select(entry => entry.Detail!).ToListAsync(Cancel));
        Assert.Empty(owner.Complaints);
    }

    private static int Taken(SmtpSink sink) => sink.Messages.Count(message => message.Accepted);

    private static ILocator Form(Person owner, string name) => owner.Page.GetByRole(AriaRole.Form, new() { Name = name, Exact = true });

    private static ILocator State(Person owner, string name) => owner.Page.Locator($"[data-relay-state='{name}']");

    private static async Task AddRelayAsync(Person owner, string name, SmtpSink sink)
    {
        await owner.OpenAsync("/settings/relays/new");
        await owner.Input("What you call it").FillAsync(name);
        await owner.Input("Host").FillAsync(sink.EndPoint.Address.ToString());
        await owner.Input("Port").FillAsync(sink.EndPoint.Port.ToString(CultureInfo.InvariantCulture));
        await owner.Page.GetByLabel("Encryption").SelectOptionAsync("None");
        await owner.Input("Connections at once").FillAsync("1");
        await owner.Input("Messages over one connection").FillAsync("50");
        await owner.Button("Set up the relay").ClickAsync();
        await Expect(owner.Page.GetByRole(AriaRole.Heading, new() { Name = name, Exact = true })).ToBeVisibleAsync();
    }

    private static async Task UseAsync(Person owner, string name, int weight)
    {
        var form = Form(owner, "Add a relay");
        await form.GetByLabel("Relay").SelectOptionAsync(new SelectOptionValue { Label = name });
        await form.GetByLabel("Weight").FillAsync(weight.ToString(CultureInfo.InvariantCulture));
        await form.GetByRole(AriaRole.Button, new() { Name = "Add" }).ClickAsync();
        await Expect(Form(owner, name)).ToBeVisibleAsync();
    }

    private static Task<SmtpSink> SinkAsync() =>
#pragma warning disable RS0030 // The sink plays the outside world.
        SmtpSink.StartAsync(new SmtpSinkOptions { KeepMessages = true }, TimeProvider.System, Cancel);
#pragma warning restore RS0030
}
