using System.Globalization;
using System.Text;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Mail;
using Ekiben.Segments;
using Ekiben.Storage;
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

    /// <summary>1. The texts. 2. Blank fields among the recipients. 3. One of them as a sample: subject and size as that person gets them.</summary>
    private static async Task<Answer> ReportAsync(ApiRequest request, Broadcast broadcast)
    {
        var cancel = request.Cancel;
        var fields = await request.Db.Fields.AsNoTracking().Select(field => field.Key).ToHashSetAsync(StringComparer.Ordinal, cancel);
        var lint = Lint.Of(broadcast, request.Site, fields);
        var findings = new List<LintFinding>(lint.Findings);

        var segment = await BroadcastActions.SegmentRuleOfAsync(request.Db, broadcast, cancel);
        var rule = new AudienceRule(
            request.SiteId, TagList.Parse(broadcast.InclusiveTags), TagList.Parse(broadcast.ExclusiveTags), segment is null ? null : SegmentRule.Parse(segment));
        findings.AddRange(await BlanksAsync(request.Service<Audiences>(), rule, lint, cancel));
        findings.AddRange(await SampleAsync(request, broadcast, rule, lint));

        // Errors first, each in the order in which they were found.
        var ordered = findings.OrderBy(finding => finding.Severity == "error" ? 0 : 1).ToList();
        if (ordered.Count > Lint.MaxFindings)
        {
            ordered.RemoveRange(Lint.MaxFindings, ordered.Count - Lint.MaxFindings);
            ordered.Add(LintFinding.Warning("more_findings", "content", string.Create(CultureInfo.InvariantCulture, $"There are more: only {Lint.MaxFindings} findings are shown.")));
        }

        return Answer.Ok(new LintReport(ordered));
    }

    private static async Task<IEnumerable<LintFinding>> BlanksAsync(Audiences audiences, AudienceRule rule, Lint lint, CancellationToken cancel)
    {
        var asked = lint.Unguarded;
        if (asked.Count == 0)
        {
            return [];
        }

        var blanks = await audiences.CountBlankAsync(rule, [.. asked.Select(variable => variable.Field)], cancel);
        return asked.Zip(blanks).Where(pair => pair.Second > 0).Select(pair => LintFinding.Warning(
            "unguarded_variable",
            pair.First.Place,
            string.Create(CultureInfo.InvariantCulture, $"{pair.Second} of the recipients have nothing in {pair.First.Name}: give it a default, or test it by an if."),
            pair.First.Line,
            pair.First.Column,
            pair.Second));
    }

    private static async Task<IReadOnlyList<LintFinding>> SampleAsync(ApiRequest request, Broadcast broadcast, AudienceRule rule, Lint lint)
    {
        IEnumerable<LintFinding?> found = [Lint.Subject(broadcast.Subject, isRendered: false), Lint.Size(Lint.StaticBytes(broadcast, request.Site))];
        var people = await request.Service<Audiences>().SampleAsync(rule, default, 1, request.Cancel);
        if (lint.Compiles && people is [var person])
        {
            try
            {
                var preview = await request.Service<MessageComposer>().PreviewAsync(broadcast, person, request.Cancel);
                found = [Lint.Subject(preview.Subject, isRendered: true), Lint.Size(Encoding.UTF8.GetByteCount(preview.Html))];
            }
            catch (RenderException failed)
            {
                found = [.. found, LintFinding.Error("render_failed", "content", failed.Message)];
            }
        }

        return [.. found.OfType<LintFinding>()];
    }
}

/// <summary>A broadcast that is being written: what <c>POST /api/v1/batch/broadcasts</c> takes as one item, of which the rest is read and left aside.</summary>
internal sealed record LintBody(
    string Name, string Subject, string Content, string? Type, string? PreviewText, string? LayoutId, LintSender? From,
    string? InclusiveTags, string? ExclusiveTags, string? SegmentId);

internal sealed record LintSender(string? Email, string? Name);

/// <summary>All that was found, errors first.</summary>
internal sealed record LintReport(IReadOnlyList<LintFinding> Data);
