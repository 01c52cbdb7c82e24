using Ekiben.Segments;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Stats;

/// <summary>Bento's figures of a site, a segment and a report, counted when they are asked for.</summary>
internal static class BentoStatsApi
{
    public static void MapBentoStats(this RouteGroupBuilder bento)
    {
        QueryOf[] segment = [new("segment_id", "the segment's"), new("segement_id", "the same, misspelt as in Bento's documents once")];
        var report = new QueryOf("report_id", "which") { OneOf = [.. Reports.Ids] };
        bento.Map("GET", "/stats/site", SiteAsync).WithTags("Bento: figures").Describe("How many people there are", typeof(PeopleCounts));
        bento.Map("GET", "/stats/segment", SegmentAsync).WithTags("Bento: figures").Describe("How many are in a segment", typeof(PeopleCounts), query: segment);
        bento.Map("GET", "/stats/segments", SegmentAsync).WithTags("Bento: figures").Describe("The same, for old clients", typeof(PeopleCounts), query: segment);
        bento.Map("GET", "/stats/segments/{id}", SegmentAsync).WithTags("Bento: figures").Describe("The same, for old clients", typeof(PeopleCounts));
        bento.Map("GET", "/stats/report", ReportAsync).WithTags("Bento: figures").Describe("A report of the last 30 days", typeof(ShownReport), query: [report]);
        bento.Map("GET", "/stats/reports", ReportAsync).WithTags("Bento: figures").Describe("The same, for old clients", typeof(ShownReport), query: [report]);
        bento.Map("GET", "/stats/reports/{id}", ReportAsync).WithTags("Bento: figures").Describe("The same, for old clients", typeof(ShownReport));
    }

    private static async Task<Answer> SiteAsync(ApiRequest request)
    {
        var all = await request.Db.Subscribers.LongCountAsync(request.Cancel);
        var unsubscribed = await request.Db.Subscribers.LongCountAsync(person => person.UnsubscribedAt != null, request.Cancel);
        return Answer.Ok(new PeopleCounts(all, all - unsubscribed, unsubscribed));
    }

    private static async Task<Answer> SegmentAsync(ApiRequest request)
    {
        var id = Named(request, "segment_id") ?? request.Query("segement_id");
        if (id is null)
        {
            return request.BadRequest("segment_id is required.");
        }

        var stored = await request.Db.Segments.Where(segment => segment.PublicId == id).Select(segment => segment.Rule).FirstOrDefaultAsync(request.Cancel);
        if (stored is null)
        {
            return request.NotFound("Segment not found");
        }

        var count = await request.Service<Audiences>().CountAsync(new AudienceRule(request.SiteId, [], [], SegmentRule.Parse(stored)), request.Cancel);
        return Answer.Ok(new PeopleCounts(count.Matched, count.Matched - count.Unsubscribed, count.Unsubscribed));
    }

    private static async Task<Answer> ReportAsync(ApiRequest request)
    {
        if (Named(request, "report_id") is not { } id)
        {
            return request.BadRequest("report_id is required.");
        }

        var report = await new Reports(request.Db, request.Site, request.Service<TimeProvider>().GetUtcNow()).ReadAsync(id, request.Cancel);
        return report is null
            ? request.NotFound($"Report not found; there are {string.Join(", ", Reports.Ids)}.")
            : Answer.Ok(new ShownReport(report.Data, report.ChartStyle, report.ReportType, report.ReportName, report));
    }

    private static string? Named(ApiRequest request, string parameter) => request.Route("id") is { Length: > 0 } id ? id : request.Query(parameter);

    private sealed record PeopleCounts(long UserCount, long SubscriberCount, long UnsubscriberCount);

    /// <summary>Today's clients read the top, others <c>report_data</c>.</summary>
    private sealed record ShownReport(object Data, string ChartStyle, string ReportType, string ReportName, Report ReportData);
}
