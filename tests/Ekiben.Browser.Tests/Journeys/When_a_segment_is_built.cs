using Ekiben.Browser.Tests.Fixture;
using Ekiben.Segments;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>A rule put together with the count beside it, saved, and opened again.</summary>
public sealed class When_a_segment_is_built(EkibenApp app, Chromium chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Count_follows_the_rule_and_never_says_nobody_before_it_counted()
    {
        var site = await app.AddSiteAsync("Segments");
        await site.ImportAsync([.. Enumerable.Range(1, 40).Select(i => new
        {
            email = $"p{i}@example.com",
            tags = i % 2 == 0 ? "regular" : "guest",
            fields = new { city = i % 4 == 0 ? "Berlin" : "Wien" },
        })]);
        await using var person = await Person.LogInAsync(app, chromium);
        await person.OpenAsync($"/segments/new?site={site.Uuid}");
        var count = person.Page.Locator("[data-count]");
        // Every text that the count ever shows, so that a 0 which comes and goes is seen too.
        await person.Page.EvaluateAsync("""
            () => { window.counts = []; new MutationObserver(() => { const shown = document.querySelector('[data-count]'); if (shown) window.counts.push(shown.textContent); })
              .observe(document.querySelector('main'), { childList: true, subtree: true, characterData: true }); }
            """);

        await person.Input("Name").FillAsync("Regulars in Berlin");
        await person.Page.GetByLabel("The tag", new() { Exact = true }).FillAsync("regular");
        await Expect(count).ToHaveTextAsync("20");
        await person.Button("Add a condition").ClickAsync();
        await person.SeesAsync("Fill in every condition");
        var second = person.Page.Locator(".rule-line").Nth(2);
        await second.GetByLabel("What to look at").SelectOptionAsync(new SelectOptionValue { Label = "City" });
        await second.GetByLabel("The value").FillAsync("Berlin");
        await Expect(count).ToHaveTextAsync("10");
        await person.Page.GetByLabel("How these conditions go together").SelectOptionAsync("Any");
        await Expect(count).ToHaveTextAsync("20");
        await person.Page.GetByLabel("How these conditions go together").SelectOptionAsync("All");
        await Expect(count).ToHaveTextAsync("10");
        Assert.DoesNotContain("0", await person.Page.EvaluateAsync<string[]>("window.counts"));

        await person.Button("Make the segment").ClickAsync();
        await Expect(person.Button("Save")).ToBeVisibleAsync();
        await person.Link("Show who belongs to it as saved").ClickAsync();
        await Expect(person.Page.Locator("tbody tr")).ToHaveCountAsync(10);

        await using var db = app.Database.Open(site.Id);
        var all = Assert.IsType<SegmentRule.All>(SegmentRule.Parse(await db.Segments.Select(s => s.Rule).SingleAsync(Cancel)));
        Assert.Equal([new SegmentRule.HasTag("regular"), new SegmentRule.FieldIs("city", FieldTest.Equal, "Berlin")], all.Rules);
        Assert.Empty(person.Complaints);
    }
}
