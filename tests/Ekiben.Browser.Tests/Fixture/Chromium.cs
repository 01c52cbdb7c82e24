using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(Ekiben.Browser.Tests.Fixture.Chromium))]

namespace Ekiben.Browser.Tests.Fixture;

/// <summary>
/// Debian's browser, one process for all tests; each person has a context of their own in it. It is told to know no host but this machine.
/// Where there is no browser, tests that ask for it are skipped.
/// </summary>
public sealed class Chromium : IAsyncLifetime
{
    /// <summary>Generous for a loaded machine: what has not come by then never will.</summary>
    private const int PatienceMilliseconds = 60_000;

    private static readonly string[] Places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async ValueTask InitializeAsync()
    {
        var program = Environment.GetEnvironmentVariable("EKIBEN_CHROMIUM") ?? Places.FirstOrDefault(File.Exists);
        if (program is null)
        {
            return;
        }

        _playwright = await Playwright.CreateAsync();
        Assertions.SetDefaultExpectTimeout(PatienceMilliseconds);
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = program,
            // Root has no sandbox in Chromium; containers have little of /dev/shm.
            Args = ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
            Timeout = PatienceMilliseconds,
        });
    }

    /// <summary>A browser window with cookies and a screen of its own.</summary>
    internal async Task<IBrowserContext> NewContextAsync(Look look)
    {
        Assert.SkipWhen(_browser is null, "there is no Chromium: as root, apt-get install chromium");
        var context = await _browser!.NewContextAsync(new()
        {
            ViewportSize = new() { Width = look.Width, Height = look.Height },
            ColorScheme = look.Dark ? ColorScheme.Dark : ColorScheme.Light,
            ReducedMotion = look.ReducedMotion ? ReducedMotion.Reduce : ReducedMotion.NoPreference,
            TimezoneId = look.TimeZone,
            Locale = "en-GB",
        });
        context.SetDefaultTimeout(PatienceMilliseconds);
        return context;
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }
}

/// <summary>How somebody's screen is set up. Sizes are in CSS pixels.</summary>
internal sealed record Look(int Width = 1440, int Height = 900, bool Dark = false, bool ReducedMotion = false, string TimeZone = "Europe/Berlin")
{
    public static readonly Look Wide = new();

    /// <summary>A phone.</summary>
    public static readonly Look Narrow = new(390, 844);
}
