using Ekiben.Broadcasts;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Templates;

/// <summary>Our routes for lint: of a stored broadcast, and of one that is still being written. Nothing is stored by either.</summary>
internal static class LintApi
{
    public static void MapLint(this RouteGroupBuilder ours)
    {
        ours.Map("POST", "/broadcasts/{id}/lint", StoredAsync).WithTags("broadcasts").Describe("What is odd about its content", typeof(LintReport));
        ours.Map("POST", "/lint", DraftAsync).WithTags("broadcasts").Describe("The same for a broadcast that is not stored, nor will be by this", typeof(LintReport), typeof(LintBody));
    }

    private static async Task<Answer> StoredAsync(ApiRequest request) =>
        request.BroadcastId is { } id && await request.Db.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == id, request.Cancel) is { } broadcast
            ? await ReportAsync(request, broadcast)
            : request.NotFound(ActionResult.NotFound.Problem!);

    private static async Task<Answer> DraftAsync(ApiRequest request)
    {
        if (request.Body.Json is not { } item)
        {
            return request.BadRequest("The body must be a broadcast, with the fields of one item of POST /api/v1/batch/broadcasts.");
        }

        var now = request.Service<TimeProvider>().GetUtcNow();
        var reader = new BroadcastItemReader(await BroadcastSurroundings.OfAsync(request, [item], now)) { Compiles = false };
        return reader.TryRead(item, 0, out var draft, out var error)
            ? await ReportAsync(request, draft!.Broadcast)
            : request.BadRequest(error + ".", "invalid_broadcast");
    }

    private static async Task<Answer> ReportAsync(ApiRequest request, Broadcast broadcast) =>
        Answer.Ok(new LintReport(await request.Service<LintReports>().ReportAsync(broadcast, request.Site, request.Cancel)));
}

/// <summary>A broadcast that is being written: what <c>POST /api/v1/batch/broadcasts</c> takes as one item, of which the rest is read and left aside.</summary>
internal sealed record LintBody(
    string Name, string Subject, string Content, string? Type, string? PreviewText, string? LayoutId, LintSender? From,
    string? InclusiveTags, string? ExclusiveTags, string? SegmentId);

internal sealed record LintSender(string? Email, string? Name);

/// <summary>All that was found, errors first.</summary>
internal sealed record LintReport(IReadOnlyList<LintFinding> Data);
