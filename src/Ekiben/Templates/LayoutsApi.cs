using System.Text;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Templates;

/// <summary>Our routes for layouts. A broadcast copies its layout when it is made: changes here reach later broadcasts only.</summary>
internal static class LayoutsApi
{
    public const int MaxNameLength = 255;

    /// <summary>Of one site.</summary>
    public const int MaxLayouts = 1000;

    public static void MapLayouts(this RouteGroupBuilder ours)
    {
        var group = ours.MapGroup("/layouts").WithTags("layouts");
        group.Map("GET", "", ListAsync).Describe("All layouts, by name", typeof(LayoutList));
        group.Map("POST", "", CreateAsync).Describe("Make a layout", typeof(LayoutView), typeof(LayoutBody), StatusCodes.Status201Created);
        group.Map("GET", "/{id}", ShowAsync).Describe("One layout", typeof(LayoutView));
        group.Map("PUT", "/{id}", request => ChangeAsync(request, whole: true)).Describe("Replace a layout", typeof(LayoutView), typeof(LayoutBody));
        group.Map("PATCH", "/{id}", request => ChangeAsync(request, whole: false)).Describe("Change parts of a layout", typeof(LayoutView), typeof(LayoutBody));
        group.Map("DELETE", "/{id}", DeleteAsync).Describe("Delete a layout", status: StatusCodes.Status204NoContent);
    }

    private static async Task<Answer> ListAsync(ApiRequest request) => Answer.Ok(new LayoutList(
        [.. (await request.Db.Layouts.AsNoTracking().OrderBy(layout => layout.Name).ThenBy(layout => layout.Id).ToListAsync(request.Cancel)).Select(LayoutView.Of)]));

    private static async Task<Answer> CreateAsync(ApiRequest request)
    {
        if (Fault(request, whole: true) is { } fault)
        {
            return fault;
        }

        return await request.WriteAsync(async () =>
        {
            if (await request.Db.Layouts.CountAsync(request.Cancel) >= MaxLayouts)
            {
                return request.BadRequest($"A site has at most {MaxLayouts} layouts.", "too_many_layouts");
            }

            var now = request.Service<TimeProvider>().GetUtcNow();
            var layout = new Layout
            {
                SiteId = request.SiteId,
                PublicId = PublicIds.New(PublicIds.Layout),
                Name = request.Body.Text("name")!.Trim(),
                Html = request.Body.Text("html")!,
                CreatedAt = now,
                UpdatedAt = now,
            };
            request.Db.Layouts.Add(layout);
            return Answer.Created(LayoutView.Of(layout));
        });
    }

    private static async Task<Answer> ShowAsync(ApiRequest request) =>
        await FindAsync(request) is { } layout ? Answer.Ok(LayoutView.Of(layout)) : NoSuchLayout(request);

    private static async Task<Answer> ChangeAsync(ApiRequest request, bool whole)
    {
        if (Fault(request, whole) is { } fault)
        {
            return fault;
        }

        return await request.WriteAsync(async () =>
        {
            if (await FindAsync(request) is not { } layout)
            {
                return NoSuchLayout(request);
            }

            layout.Name = request.Body.Text("name")?.Trim() ?? layout.Name;
            layout.Html = request.Body.Text("html") ?? layout.Html;
            layout.UpdatedAt = request.Service<TimeProvider>().GetUtcNow();
            return Answer.Ok(LayoutView.Of(layout));
        });
    }

    private static Task<Answer> DeleteAsync(ApiRequest request) => request.WriteAsync(async () =>
    {
        if (await FindAsync(request) is not { } layout)
        {
            return NoSuchLayout(request);
        }

        request.Db.Layouts.Remove(layout);
        return Answer.NoContent();
    });

    private static Answer? Fault(ApiRequest request, bool whole)
    {
        if (request.Body.TextFault("name", whole, MaxNameLength) is { } name)
        {
            return request.BadRequest(name, "invalid_name");
        }

        if (request.Body.TextFault("html", whole, int.MaxValue) is { } html)
        {
            return request.BadRequest(html, "invalid_html");
        }

        return Encoding.UTF8.GetByteCount(request.Body.Text("html") ?? "") > RequestLimits.MaxContentBytes
            ? request.BadRequest($"html is larger than {RequestLimits.MaxContentBytes >> 20} MiB.", "invalid_html")
            : null;
    }

    private static Task<Layout?> FindAsync(ApiRequest request)
    {
        var id = request.Route("id");
        return request.Db.Layouts.FirstOrDefaultAsync(layout => layout.PublicId == id, request.Cancel);
    }

    private static Answer NoSuchLayout(ApiRequest request) => request.NotFound("There is no such layout.");
}

/// <summary>The content of a broadcast goes where <c>{{ content }}</c> stands in the HTML.</summary>
internal sealed record LayoutBody(string Name, string Html);

internal sealed record LayoutView(string Id, string Name, string Html, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    public static LayoutView Of(Layout layout) => new(layout.PublicId, layout.Name, layout.Html, layout.CreatedAt, layout.UpdatedAt);
}

internal sealed record LayoutList(IReadOnlyList<LayoutView> Data);
