using System.Text.Json;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Segments;

/// <summary>Bento's routes for segments, which only read.</summary>
internal static class BentoSegmentsApi
{
    public static void MapBentoSegments(this RouteGroupBuilder bento)
    {
        bento.Map("GET", "/fetch/segments", ListAsync);
        bento.Map("GET", "/fetch/segments/{id}", ShowAsync);
    }

    private static async Task<Answer> ListAsync(ApiRequest request) => Answer.Ok(new BentoList(
        [.. (await request.Db.Segments.AsNoTracking().OrderBy(segment => segment.Name).ToListAsync(request.Cancel)).Select(Record)]));

    private static async Task<Answer> ShowAsync(ApiRequest request)
    {
        var id = request.Route("id");
        var segment = await request.Db.Segments.AsNoTracking().FirstOrDefaultAsync(s => s.PublicId == id, request.Cancel);
        return segment is null ? request.NotFound("Segment not found") : Answer.Ok(new BentoOne(Record(segment)));
    }

    private static BentoRecord Record(Segment segment) => new(segment.PublicId, "segments", new SegmentAttributes(
        segment.PublicId, segment.Name, segment.Description, ApiJson.Element(segment.Rule), segment.CreatedAt, segment.UpdatedAt));

    private sealed record SegmentAttributes(
        string Id, string Name, string? Description, JsonElement VisitorEventQuery, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt);
}
