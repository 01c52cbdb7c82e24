using System.Text.Json;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Segments;

/// <summary>Bento's routes for segments, which only read.</summary>
internal static class BentoSegmentsApi
{
    public static void MapBentoSegments(this RouteGroupBuilder bento)
    {
        bento.Map("GET", "/fetch/segments", ListAsync).WithTags("Bento: segments").Describe("All segments, by name", typeof(BentoList));
        bento.Map("GET", "/fetch/segments/{id}", ShowAsync).WithTags("Bento: segments").Describe("One segment", typeof(BentoOne));
        bento.Map("GET", "/fetch/segments/{id}/match", MatchAsync).WithTags("Bento: segments")
            .Describe("Whether somebody is in it", typeof(Matched), query: [new("email", "their address"), new("uuid", "or their uuid")]);
        bento.Map("POST", "/fetch/segments/{id}/match", MatchAsync).WithTags("Bento: segments")
            .Describe("Whether somebody is in it", typeof(Matched), typeof(MatchBody));
    }

    private static async Task<Answer> ListAsync(ApiRequest request) => Answer.Ok(new BentoList(
        [.. (await request.Db.Segments.AsNoTracking().OrderBy(segment => segment.Name).ToListAsync(request.Cancel)).Select(Record)]));

    private static async Task<Answer> ShowAsync(ApiRequest request) =>
        await FindAsync(request) is { } segment ? Answer.Ok(new BentoOne(Record(segment))) : request.NotFound("Segment not found");

    /// <summary>Whether one person, by e-mail or uuid, is in the segment now. Bento documents neither question nor answer: these are ours.</summary>
    private static async Task<Answer> MatchAsync(ApiRequest request)
    {
        if (await FindAsync(request) is not { } segment)
        {
            return request.NotFound("Segment not found");
        }

        var wrapped = request.Field("subscriber") is { ValueKind: JsonValueKind.Object } inner ? inner : request.Body.Json ?? default;
        var email = BentoValues.Text(wrapped, "email") ?? request.Query("email");
        var uuid = BentoValues.Text(wrapped, "uuid") ?? request.Query("uuid");
        if (email is null && uuid is null)
        {
            return request.BadRequest("Say whom: \"email\" or \"uuid\".");
        }

        if (await BentoVisitors.FindAsync(request, email, uuid) is not { } person)
        {
            return Answer.Ok(new Matched(false, null));
        }

        var rule = new AudienceRule(request.SiteId, [], [], new SegmentRule.All(
            [SegmentRule.Parse(segment.Rule), new SegmentRule.FieldIs("email", FieldTest.Equal, person.Address.Normalised)]));
        var found = (await request.Service<Audiences>().MatchedAsync(rule, 0, 100, request.Cancel)).Contains(person.Id);
        return Answer.Ok(new Matched(found, await BentoVisitors.RecordAsync(request, person)));
    }

    private static Task<Segment?> FindAsync(ApiRequest request)
    {
        var id = request.Route("id");
        return request.Db.Segments.AsNoTracking().FirstOrDefaultAsync(s => s.PublicId == id, request.Cancel);
    }

    private static BentoRecord Record(Segment segment) => new(segment.PublicId, "segments", new SegmentAttributes(
        segment.PublicId, segment.Name, segment.Description, ApiJson.Element(segment.Rule), segment.CreatedAt, segment.UpdatedAt));

    private sealed record Matched(bool Match, BentoRecord? Data);

    private sealed record SegmentAttributes(
        string Id, string Name, string? Description, JsonElement VisitorEventQuery, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt);
}
