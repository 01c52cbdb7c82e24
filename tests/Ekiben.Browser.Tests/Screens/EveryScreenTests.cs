using Ekiben.Browser.Tests.Fixture;

namespace Ekiben.Browser.Tests.Screens;

/// <summary>What holds on every page of the platform.</summary>
public sealed class EveryScreenTests(World world, Chromium chromium)
{
    [Theory]
    [MemberData(nameof(Screen.Names), MemberType = typeof(Screen))]
    public async Task Screen_has_no_serious_accessibility_finding_in_light_nor_dark(string name)
    {
        foreach (var dark in (bool[])[false, true])
        {
            await using var person = await Screen.Of(name).OpenAsync(world, chromium, Look.Wide with { Dark = dark });

            Assert.Empty(await Axe.SeriousFindingsAsync(person.Page));
        }
    }

    [Theory]
    [MemberData(nameof(Screen.Names), MemberType = typeof(Screen))]
    public async Task Screen_fits_360_pixels_without_complaint_and_asks_nobody_else(string name)
    {
        await using var person = await Screen.Of(name).OpenAsync(world, chromium, Look.Narrow with { Width = 360, ReducedMotion = true });

        Assert.True(await person.Page.EvaluateAsync<int>("document.documentElement.scrollWidth") <= 360, "the page scrolls sideways");
        Assert.Empty(await Axe.SeriousFindingsAsync(person.Page));
        // The page for another role answers 403, as it should, and the console says so.
        Assert.DoesNotContain(person.Complaints, complaint => !complaint.Contains("status of 403", StringComparison.Ordinal));
        Assert.Empty(person.Outside);
    }

    [Fact]
    public async Task What_these_tests_look_for_is_found_where_it_is()
    {
        await using var person = await Person.ArriveAsync(world.App, chromium);
        await person.OpenAsync("/login");

        await person.Page.EvaluateAsync("() => { const image = new Image(); image.src = 'http://elsewhere.example/pixel.png'; document.querySelector('h1').append(image); }");

        Assert.Contains(await Axe.SeriousFindingsAsync(person.Page), finding => finding.StartsWith("image-alt", StringComparison.Ordinal));
        Assert.Contains(person.Complaints, complaint => complaint.Contains("Content Security Policy", StringComparison.Ordinal));
    }
}
