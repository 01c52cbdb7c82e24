using System.Globalization;
using System.Text;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Mail;
using Ekiben.Segments;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Templates;

/// <summary>All that is odd about a broadcast, stored or still being written: its texts (<see cref="Lint"/>), and what they make of its recipients.</summary>
internal sealed class LintReports(Database database, Audiences audiences, MessageComposer composer)
{
    /// <summary>1. The texts. 2. Blank fields among the recipients. 3. One of them as a sample: subject and size as that person gets them. Errors first.</summary>
    public async Task<IReadOnlyList<LintFinding>> ReportAsync(Broadcast broadcast, Site site, CancellationToken cancel)
    {
        await using var db = database.Open(site.Id);
        var fields = await db.Fields.AsNoTracking().Select(field => field.Key).ToHashSetAsync(StringComparer.Ordinal, cancel);
        var lint = Lint.Of(broadcast, site, fields);
        var findings = new List<LintFinding>(lint.Findings);

        var segment = await BroadcastActions.SegmentRuleOfAsync(db, broadcast, cancel);
        var rule = new AudienceRule(
            site.Id, TagList.Parse(broadcast.InclusiveTags), TagList.Parse(broadcast.ExclusiveTags), segment is null ? null : SegmentRule.Parse(segment));
        findings.AddRange(await BlanksAsync(rule, lint, cancel));
        findings.AddRange(await SampleAsync(broadcast, site, rule, lint, cancel));

        // Each in the order in which they were found.
        var ordered = findings.OrderBy(finding => finding.Severity == "error" ? 0 : 1).ToList();
        if (ordered.Count > Lint.MaxFindings)
        {
            ordered.RemoveRange(Lint.MaxFindings, ordered.Count - Lint.MaxFindings);
            ordered.Add(LintFinding.Warning("more_findings", "content", string.Create(CultureInfo.InvariantCulture, $"There are more: only {Lint.MaxFindings} findings are shown.")));
        }

        return ordered;
    }

    private async Task<IEnumerable<LintFinding>> BlanksAsync(AudienceRule rule, Lint lint, CancellationToken cancel)
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

    private async Task<IReadOnlyList<LintFinding>> SampleAsync(Broadcast broadcast, Site site, AudienceRule rule, Lint lint, CancellationToken cancel)
    {
        IEnumerable<LintFinding?> found = [Lint.Subject(broadcast.Subject, isRendered: false), Lint.Size(Lint.StaticBytes(broadcast, site))];
        var people = await audiences.SampleAsync(rule, default, 1, cancel);
        if (lint.Compiles && people is [var person])
        {
            try
            {
                var preview = await composer.PreviewAsync(broadcast, person, cancel);
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
