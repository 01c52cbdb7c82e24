using Ekiben.Accounts;
using Ekiben.Browser.Tests.Fixture;
using Ekiben.Sequences;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>A sequence is made, gets a step and another subject; somebody in it is stopped by who may.</summary>
public sealed class When_a_sequence_is_looked_after(EkibenApp app, Chromium chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_author_makes_it_and_an_approver_stops_a_person()
    {
        var site = await app.AddSiteAsync("Sequences");
        await using var author = await Person.LogInAsync(app, chromium, Roles.Author);
        await author.OpenAsync($"/sequences?site={site.Uuid}");
        await author.Link("Make the first sequence").ClickAsync();
        await author.Input("Name").FillAsync("Onboarding");
        await author.Input("Tag that enrols").FillAsync("Trial");
        await author.Button("Make the sequence").ClickAsync();
        await author.SeesAsync("Whoever is given the tag “trial” comes in, once");

        await author.Link("Append a step").ClickAsync();
        await author.Input("Subject").FillAsync("Welcome {% if %}");
        await author.Input("How many").FillAsync("3");
        await author.Input("Content").FillAsync("<p>Hello</p>");
        await author.Button("Append the step").ClickAsync();
        await Expect(author.Page.Locator(".alert")).ToContainTextAsync("An expression is missing");
        await author.Input("Subject").FillAsync("Welcome");
        await author.Button("Append the step").ClickAsync();
        await author.SeesAsync("3 days after the enrolment");
        await author.Link("Welcome").ClickAsync();
        await author.Input("Subject").FillAsync("Welcome to us");
        await author.Button("Save").ClickAsync();
        await author.SeesAsync("Saved.");

        await site.ImportAsync(new { email = "ann@example.com", tags = "trial" }, new { email = "bo@example.com", tags = "trial" });
        var id = await IdAsync(site);
        await author.OpenAsync($"/sequences/{id}?site={site.Uuid}");
        await Expect(author.Page.Locator("tbody").Last.Locator("tr")).ToHaveCountAsync(2);
        await Expect(author.Button("Stop ann@example.com")).ToHaveCountAsync(0);

        await using var approver = await Person.LogInAsync(app, chromium, Roles.Approver);
        await approver.OpenAsync($"/sequences/{id}?site={site.Uuid}");
        await approver.Button("Stop ann@example.com").ClickAsync();
        await approver.Button("Stop them").ClickAsync();
        await approver.SeesAsync("ann@example.com gets no further step.");
        await Expect(approver.Button("Stop ann@example.com")).ToHaveCountAsync(0);
        await approver.Link("bo@example.com").ClickAsync();
        await Expect(approver.Page.Locator("h1")).ToHaveTextAsync("bo@example.com");

        await using var db = app.Database.Open(site.Id);
        Assert.Equal(EnrolmentState.Ended, await db.Enrolments.Where(one => db.Subscribers.Any(person => person.Id == one.SubscriberId && person.Address.Normalised == "ann@example.com")).Select(one => one.State).SingleAsync(Cancel));
        Assert.Equal(
            ["sequence.created", "sequence.step_added", "sequence.step_changed", "sequence.stopped"],
            await db.AuditLog.Where(entry => entry.Subject == id).OrderBy(entry => entry.Id).Select(entry => entry.Action).ToListAsync(Cancel));
        Assert.Empty(author.Complaints);
        Assert.Empty(approver.Complaints);
    }

    [Fact]
    public async Task A_viewer_reads_and_changes_nothing()
    {
        var site = await app.AddSiteAsync("Sequences to read");
        await site.PostAsync("/api/ekiben/v1/sequences", new { name = "Onboarding" });
        await using var person = await Person.LogInAsync(app, chromium, Roles.Viewer);

        await person.OpenAsync($"/sequences/{await IdAsync(site)}?site={site.Uuid}");
        await person.SeesAsync("It has no steps yet");
        await Expect(person.Link("Append a step")).ToHaveCountAsync(0);
        await person.OpenAsync($"/sequences/new?site={site.Uuid}");
        await person.SeesAsync("Not for your role");
    }

    private async Task<string> IdAsync(TestSite site)
    {
        await using var db = app.Database.Open(site.Id);
        return await db.Sequences.Select(one => one.PublicId).SingleAsync(Cancel);
    }
}
