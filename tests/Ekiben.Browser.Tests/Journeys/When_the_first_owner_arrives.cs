using Ekiben.Accounts;
using Ekiben.Browser.Tests.Fixture;
using Ekiben.Sink;
using Ekiben.Tests.Fixture;
using Ekiben.Tests.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>From the link that the first start prints to a site that can send.</summary>
public sealed class When_the_first_owner_arrives(Chromium chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task They_make_an_account_and_a_site_step_by_step()
    {
        await using var app = await EkibenApp.StartAsync();
#pragma warning disable RS0030 // The sink plays the outside world.
        await using var sink = await SmtpSink.StartAsync(new SmtpSinkOptions(), TimeProvider.System, Cancel);
#pragma warning restore RS0030
        var link = await app.Service<Invitations>().FirstOwnerAsync(Cancel);
        await using var owner = await Person.ArriveAsync(app, chromium);

        await owner.OpenAsync(link!);
        await owner.Input("Your name").FillAsync("Ann Owner");
        await owner.Input("E-mail address").FillAsync("ann@example.com");
        await owner.Input("A password of 10 characters or more").FillAsync(PlatformVisitor.Password);
        await owner.Button("Make the account").ClickAsync();

        await Expect(owner.Page.GetByRole(AriaRole.Heading, new() { Name = "What is it called?" })).ToBeVisibleAsync();
        await Expect(owner.Input("Time zone")).ToHaveValueAsync("Europe/Berlin");
        await owner.Input("Name").FillAsync("Noodle House");
        await owner.Button("Next").ClickAsync();
        await owner.Input("Sender's name").FillAsync("The cook");
        await owner.Input("Sender's address").FillAsync("cook@noodles.example");
        await owner.Button("Next").ClickAsync();
        await owner.Page.GetByLabel("By an SMTP relay").CheckAsync();
        await owner.Input("What you call it").FillAsync("Our relay");
        await owner.Input("Host").FillAsync(sink.EndPoint.Address.ToString());
        await owner.Input("Port").FillAsync(sink.EndPoint.Port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        await owner.Page.GetByLabel("Encryption").SelectOptionAsync("None");
        await owner.Button("Test the connection").ClickAsync();
        await owner.SeesAsync("answers, without encryption");
        await owner.Button("Make the site").ClickAsync();

        await owner.SeesAsync("Noodle House is ready");
        var secret = await owner.Page.Locator("[data-secret]").InputValueAsync();
        await using var db = app.Database.OpenEverySite();
        var site = await db.Sites.SingleAsync(Cancel);
        Assert.Equal(("Noodle House", "Europe/Berlin", false), (site.Name, site.TimeZone, site.IsTest));
        Assert.Equal("Our relay", await (from use in db.SiteRelays join relay in db.Relays on use.RelayId equals relay.Id where use.SiteId == site.Id select relay.Name).SingleAsync(Cancel));
        Assert.Equal("cook@noodles.example", await db.Authors.Select(a => a.Email).SingleAsync(Cancel));
        var key = await db.ApiKeys.SingleAsync(Cancel);
        Assert.Equal(key.SecretHash, System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(secret)));
        Assert.Empty(owner.Complaints);
    }
}
