using Ekiben.Browser.Tests.Fixture;
using Microsoft.Playwright;

namespace Ekiben.Browser.Tests.Screens;

/// <summary>Draws every screen into the folder that <c>EKIBEN_SCREENSHOTS</c> names: <c>./test --screenshots</c>.</summary>
public sealed class ScreenshotTests(World world, Chromium chromium)
{
    private static readonly (string End, Look Look)[] Looks =
    [
        ("light", Look.Wide),
        ("dark", Look.Wide with { Dark = true }),
        ("narrow", Look.Narrow),
        ("narrow-dark", Look.Narrow with { Dark = true }),
    ];

    [Theory(Explicit = true)]
    [MemberData(nameof(Screen.Names), MemberType = typeof(Screen))]
    public async Task Screen_is_drawn(string name)
    {
        var folder = Environment.GetEnvironmentVariable("EKIBEN_SCREENSHOTS") ?? throw new InvalidOperationException("EKIBEN_SCREENSHOTS names no folder");
        foreach (var (end, look) in Looks)
        {
            await using var person = await Screen.Of(name).OpenAsync(world, chromium, look with { ReducedMotion = true });

            var file = Path.Combine(folder, $"{name}-{end}.png");
            await person.Page.ScreenshotAsync(new() { Path = file, FullPage = true, Animations = ScreenshotAnimations.Disabled });

            Assert.True(new FileInfo(file).Length > 0);
        }
    }
}
