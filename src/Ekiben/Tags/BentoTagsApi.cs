using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tags;

/// <summary>Bento's routes for tags. Deleted tags are listed too, with the time of their deletion.</summary>
internal static class BentoTagsApi
{
    public static void MapBentoTags(this RouteGroupBuilder bento)
    {
        bento.Map("GET", "/fetch/tags", ListAsync);
        bento.Map("POST", "/fetch/tags", CreateAsync);
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
            var tag = await request.Db.Tags.Where(known => EF.Functions.Collate(known.Name, "NOCASE") == name).OrderBy(known => known.Id).FirstOrDefaultAsync(request.Cancel);
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

    private static BentoRecord Record(Tag tag) => new(
        tag.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), "tags",
        new TagAttributes(tag.Name, tag.CreatedAt, tag.DiscardedAt, tag.SiteId.Value));

    private sealed record TagAttributes(string Name, DateTimeOffset CreatedAt, DateTimeOffset? DiscardedAt, long SiteId);
}
