using System.Globalization;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tags;

/// <summary>Bento's routes for tags. Deleted tags are listed too, with the time of their deletion.</summary>
internal static class BentoTagsApi
{
    public static void MapBentoTags(this RouteGroupBuilder bento)
    {
        bento.Map("GET", "/fetch/tags", ListAsync).WithTags("Bento: tags and fields").Describe("All tags", typeof(BentoList));
        bento.Map("POST", "/fetch/tags", CreateAsync).WithTags("Bento: tags and fields").Describe("Make a tag", typeof(BentoOne), typeof(TagBody));
        bento.Map("DELETE", "/fetch/tags", ToggleAsync).WithTags("Bento: tags and fields")
            .Describe("Delete a tag by its name, or bring it back", typeof(Toggled), typeof(TagBody), query: [new("tag[name]", "the name"), new("name", "the name")]);
        bento.Map("DELETE", "/fetch/tags/{id}", ToggleAsync).WithTags("Bento: tags and fields")
            .Describe("Delete a tag by its id, or bring it back", typeof(Toggled), typeof(TagBody), query: [new("tag[name]", "the name, which goes before the id"), new("name", "the name")]);
    }

    private static async Task<Answer> ListAsync(ApiRequest request) => Answer.Ok(new BentoList(
        [.. (await request.Db.Tags.AsNoTracking().OrderBy(tag => tag.Id).ToListAsync(request.Cancel)).Select(Record)]));

    /// <summary>A tag of that name is found whatever its case, and a deleted one comes back.</summary>
    private static async Task<Answer> CreateAsync(ApiRequest request)
    {
        if (!BentoValues.TryReadOne(request, "tag", out var item, out var refusal))
        {
            return refusal!;
        }

        var name = BentoValues.Text(item, "name")?.Trim();
        if (TagNames.Fault(name) is { } fault)
        {
            return request.BadRequest(fault);
        }

        return await request.WriteAsync(async () =>
        {
            var tag = await FindAsync(request, name!);
            if (tag is null)
            {
                tag = new Tag { SiteId = request.SiteId, Name = name!, CreatedAt = request.Service<TimeProvider>().GetUtcNow() };
                request.Db.Tags.Add(tag);
            }

            tag.DiscardedAt = null;
            await request.Db.SaveChangesAsync(request.Cancel);
            return Answer.Ok(new BentoOne(Record(tag)));
        });
    }

    /// <summary>Deletes a tag, or brings a deleted one back. The name in the body goes before the id in the path, as in Bento.</summary>
    private static Task<Answer> ToggleAsync(ApiRequest request) => request.WriteAsync(async () =>
    {
        var name = BentoValues.Text(request.Field("tag"), "name")?.Trim() ?? request.Query("tag[name]") ?? request.Query("name");
        var tag = string.IsNullOrEmpty(name) ? null : await FindAsync(request, name);
        if (tag is null && long.TryParse(request.Route("id"), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            tag = await request.Db.Tags.FirstOrDefaultAsync(known => known.Id == id, request.Cancel);
        }

        if (tag is null)
        {
            return request.NotFound("Tag not found");
        }

        tag.DiscardedAt = tag.DiscardedAt is null ? request.Service<TimeProvider>().GetUtcNow() : null;
        return Answer.Ok(new Toggled($"Tag ({tag.Name}) {(tag.DiscardedAt is null ? "restored" : "deleted")} successfully", Record(tag)));
    });

    /// <summary>As it is written, else whatever its case.</summary>
    private static Task<Tag?> FindAsync(ApiRequest request, string name)
    {
        var lower = Words.AsciiLower(name);
#pragma warning disable CA1304, CA1311, CA1862 // It becomes the databases' lower().
        return request.Db.Tags
            .Where(known => known.Name == name || known.Name.ToLower() == lower)
            .OrderBy(known => known.Name == name ? 0 : 1).ThenBy(known => known.Id)
            .FirstOrDefaultAsync(request.Cancel);
#pragma warning restore CA1304, CA1311, CA1862
    }

    private static BentoRecord Record(Tag tag) => new(
        tag.Id.ToString(CultureInfo.InvariantCulture), "tags",
        new TagAttributes(tag.Name, tag.CreatedAt, tag.DiscardedAt, tag.SiteId.Value));

    private sealed record Toggled(string Message, BentoRecord Data);

    private sealed record TagAttributes(string Name, DateTimeOffset CreatedAt, DateTimeOffset? DiscardedAt, long SiteId);
}
