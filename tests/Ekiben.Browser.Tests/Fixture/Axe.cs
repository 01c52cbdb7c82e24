using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Ekiben.Browser.Tests.Fixture;

/// <summary>Asks axe-core about a page.</summary>
internal static class Axe
{
    /// <summary>
    /// Each serious or critical finding as one line, empty when there is none. What stands in a frame is a message that somebody wrote,
    /// and no part of the platform.
    /// </summary>
    public static async Task<IReadOnlyList<string>> SeriousFindingsAsync(IPage page)
    {
        var result = await page.RunAxe(new AxeRunOptions { Iframes = false });
        return
        [
            .. result.Violations.Where(violation => violation.Impact is "serious" or "critical")
                .Select(violation => $"{violation.Id}: {violation.Help}: {string.Join(" | ", violation.Nodes.Take(5).Select(node => node.Html))}"),
        ];
    }
}
