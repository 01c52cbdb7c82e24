using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Segments;

/// <summary>Our routes for segments. An approved broadcast keeps the rule it was approved with; a change here voids approvals that have not started.</summary>
internal static class SegmentsApi
{
    public const int MaxNameLength = 255;

    public const int MaxDescriptionLength = 1000;

    /// <summary>Of one site.</summary>
    public const int MaxSegments = 1000;

    public static void MapSegments(this RouteGroupBuilder ours)
    {
        var group = ours.MapGroup("/segments").WithTags("segments");
        group.Map("GET", "", ListAsync).Describe("All segments, by name", typeof(SegmentList));
        group.Map("POST", "", CreateAsync).Describe("Make a segment", typeof(SegmentView), typeof(SegmentBody), StatusCodes.Status201Created);
        group.Map("GET", "/{id}", ShowAsync).Describe("One segment", typeof(SegmentView));
        group.Map("PUT", "/{id}", request => ChangeAsync(request, whole: true)).Describe("Replace a segment", typeof(SegmentView), typeof(SegmentBody));
        group.Map("PATCH", "/{id}", request => ChangeAsync(request, whole: false)).Describe("Change parts of a segment", typeof(SegmentView), typeof(SegmentBody));
        group.Map("DELETE", "/{id}", DeleteAsync).Describe("Delete a segment that no open broadcast uses", status: StatusCodes.Status204NoContent);
    }

    private static async Task<Answer> ListAsync(ApiRequest request) => Answer.Ok(new SegmentList(
        [.. (await request.Db.Segments.AsNoTracking().OrderBy(segment => segment.Name).ThenBy(segment => segment.Id).ToListAsync(request.Cancel)).Select(SegmentView.Of)]));

    private static async Task<Answer> CreateAsync(ApiRequest request)
    {
        if (Fault(request, whole: true) is { } fault)
        {
            return fault;
        }

        return await request.WriteAsync(async () =>
        {
            if (await request.Db.Segments.CountAsync(request.Cancel) >= MaxSegments)
            {
                return request.BadRequest($"A site has at most {MaxSegments} segments.", "too_many_segments");
            }

            var now = request.Service<TimeProvider>().GetUtcNow();
            var segment = new Segment
            {
                SiteId = request.SiteId,
                PublicId = PublicIds.New(PublicIds.Segment),
                Name = request.Body.Text("name")!.Trim(),
                Description = request.Body.Text("description"),
                Rule = request.Field("rule").GetRawText(),
                CreatedAt = now,
                UpdatedAt = now,
            };
            request.Db.Segments.Add(segment);
            return Answer.Created(SegmentView.Of(segment));
        });
    }

    private static async Task<Answer> ShowAsync(ApiRequest request) =>
        await FindAsync(request) is { } segment ? Answer.Ok(SegmentView.Of(segment)) : NoSuchSegment(request);

    private static async Task<Answer> ChangeAsync(ApiRequest request, bool whole)
    {
        if (Fault(request, whole) is { } fault)
        {
            return fault;
        }

        return await request.WriteAsync(async () =>
        {
            if (await FindAsync(request) is not { } segment)
            {
                return NoSuchSegment(request);
            }

            segment.Name = request.Body.Text("name")?.Trim() ?? segment.Name;
            segment.Description = request.Body.Text("description") ?? (whole ? null : segment.Description);
            segment.Rule = request.Field("rule") is { ValueKind: JsonValueKind.Object } rule ? rule.GetRawText() : segment.Rule;
            segment.UpdatedAt = request.Service<TimeProvider>().GetUtcNow();
            return Answer.Ok(SegmentView.Of(segment));
        });
    }

    /// <summary>Refused while a broadcast that is not finished names it: without its segment a broadcast would mean more people.</summary>
    private static Task<Answer> DeleteAsync(ApiRequest request) => request.WriteAsync(async () =>
    {
        if (await FindAsync(request) is not { } segment)
        {
            return NoSuchSegment(request);
        }

        var inUse = await request.Db.Broadcasts.AnyAsync(
            broadcast => broadcast.SegmentId == segment.PublicId && broadcast.Status != BroadcastStatus.Sent && broadcast.Status != BroadcastStatus.Canceled,
            request.Cancel);
        if (inUse)
        {
            return Answer.Problem(StatusCodes.Status409Conflict, "segment_in_use", "A broadcast that is not finished uses this segment; cancel it first.");
        }

        request.Db.Segments.Remove(segment);
        return Answer.NoContent();
    });

    private static Answer? Fault(ApiRequest request, bool whole)
    {
        if (request.Body.TextFault("name", whole, MaxNameLength) is { } name)
        {
            return request.BadRequest(name, "invalid_name");
        }

        if (request.Body.TextFault("description", required: false, MaxDescriptionLength) is { } description)
        {
            return request.BadRequest(description, "invalid_description");
        }

        var rule = request.Field("rule");
        if (rule.ValueKind == JsonValueKind.Undefined)
        {
            return whole ? request.BadRequest("rule is required.", "invalid_rule") : null;
        }

        return SegmentRule.TryParse(rule, out _, out var error) ? null : request.BadRequest(error!, "invalid_rule");
    }

    private static Task<Segment?> FindAsync(ApiRequest request)
    {
        var id = request.Route("id");
        return request.Db.Segments.FirstOrDefaultAsync(segment => segment.PublicId == id, request.Cancel);
    }

    private static Answer NoSuchSegment(ApiRequest request) => request.NotFound("There is no such segment.");
}

/// <summary>The smallest rule is <c>{"field":"plan","op":"eq","value":"pro"}</c>; see <see cref="SegmentRule"/>.</summary>
internal sealed record SegmentBody(string Name, string? Description, JsonElement Rule);

internal sealed record SegmentView(string Id, string Name, string? Description, JsonElement Rule, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    public static SegmentView Of(Segment segment) =>
        new(segment.PublicId, segment.Name, segment.Description, ApiJson.Element(segment.Rule), segment.CreatedAt, segment.UpdatedAt);
}

internal sealed record SegmentList(IReadOnlyList<SegmentView> Data);
