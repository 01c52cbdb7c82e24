using Ekiben.Accounts;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Templates.Pages;

/// <summary>The address that a layout's preview frame shows.</summary>
internal static class LayoutFrames
{
    private const string Sample =
        "<h2>A heading</h2><p>What a broadcast says stands here: a paragraph that is long enough to show how wide lines run, and <a href=\"#\">a link</a>.</p><ul><li>a point</li><li>another one</li></ul>";

    public static void MapLayoutFrames(this IEndpointRouteBuilder app) => app.MapGet("/layouts/{id}/preview", ShowAsync).RequireAuthorization(Policies.Look);

    private static async Task<IResult> ShowAsync(string id, string site, HttpContext http, Database database, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        var html = await db.Layouts.Where(layout => layout.PublicId == id && db.Sites.Any(s => s.Id == layout.SiteId && s.Uuid == site))
            .Select(layout => layout.Html).FirstOrDefaultAsync(cancel);
        return html is null ? Results.NotFound() : PreviewFrame.Html(http, LayoutSlot.Filled(html, Sample), images: false);
    }
}
