using System.Globalization;
using System.Text.Json;
using Ekiben.Mails;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Sequences;

/// <summary>Bento's routes for sequences: the list, and a new step at the end of one.</summary>
internal static class BentoSequencesApi
{
    private const int PageSize = 25;
    private const int MaxPage = 1_000_000;

    public static void MapBentoSequences(this RouteGroupBuilder bento)
    {
        bento.Map("GET", "/fetch/sequences", ListAsync).WithTags("Bento: flows").Describe("Sequences with the templates of their steps", typeof(BentoList), query: [QueryOf.Page]);
        bento.Map("POST", "/fetch/sequences/{id}/emails/templates", AppendAsync).WithTags("Bento: flows").Describe("Append a step to a sequence", typeof(BentoOne), typeof(StepBody));
    }

    /// <summary>A step by the number of its template; null when that is a broadcast's or nobody's.</summary>
    public static async Task<SequenceStep?> FindAsync(ApiRequest request) =>
        request.BroadcastId is { Value: > SequenceStep.FirstTemplate } number
            ? await request.Db.SequenceSteps.FirstOrDefaultAsync(step => step.Id == number.Value - SequenceStep.FirstTemplate, request.Cancel)
            : null;

    public static async Task<BentoRecord> RecordAsync(ApiRequest request, SequenceStep step) => new(
        step.Template.ToString(CultureInfo.InvariantCulture),
        "email_template",
        new StepAttributes(
            (await request.Db.Sequences.SingleAsync(sequence => sequence.Id == step.SequenceId, request.Cancel)).Name,
            step.Subject, step.Html, step.CreatedAt, null, step.PreviewText, Words.SnakeCase(step.DelayUnit.ToString()), step.DelayCount));

    private static async Task<Answer> ListAsync(ApiRequest request)
    {
        var page = request.Query("page", 1, 1, MaxPage);
        var sequences = await request.Db.Sequences.AsNoTracking().OrderBy(sequence => sequence.Id).Skip((page - 1) * PageSize).Take(PageSize).ToListAsync(request.Cancel);
        var ids = sequences.ConvertAll(sequence => sequence.Id);
        var steps = await request.Db.SequenceSteps.AsNoTracking().Where(step => ids.Contains(step.SequenceId)).OrderBy(step => step.Position)
            .Select(step => new { step.SequenceId, step.Id, step.Subject }).ToListAsync(request.Cancel);
        return Answer.Ok(new
        {
            data = sequences.Select(sequence => new BentoRecord(sequence.PublicId, "sequences", new SequenceAttributes(
                sequence.PublicId, sequence.PublicId, sequence.Name, sequence.CreatedAt,
                [.. steps.Where(step => step.SequenceId == sequence.Id).Select(step => new StepLine(SequenceStep.FirstTemplate + step.Id, step.Subject, null))]))),
            meta = new { page },
        });
    }

    private static async Task<Answer> AppendAsync(ApiRequest request)
    {
        if (await FindSequenceAsync(request) is not { } sequence)
        {
            return request.NotFound("Sequence not found");
        }

        if (!BentoValues.TryReadOne(request, "email_template", out var given, out var refusal))
        {
            return refusal!;
        }

        var (subject, html, preview) = (BentoValues.Text(given, "subject")?.Trim(), BentoValues.Text(given, "html"), BentoValues.Text(given, "inbox_snippet"));
        var type = BentoValues.Text(given, "editor_choice")?.Trim() == "plain" ? "plain" : "raw";
        var fault = SequenceEdits.StepFault(request.Site, subject, html, preview, type)
            ?? DelayFault(given, out var unit, out var count)
            ?? CopiesFault(given, "cc") ?? CopiesFault(given, "bcc");
        if (fault is not null)
        {
            return Answer.Error(StatusCodes.Status422UnprocessableEntity, fault);
        }

        _ = DelayFault(given, out unit, out count);
        SequenceStep? made = null;
        var answer = await request.WriteAsync(async () =>
        {
            made = new SequenceStep
            {
                SiteId = request.SiteId,
                SequenceId = sequence.Id,
                Subject = subject!,
                PreviewText = string.IsNullOrWhiteSpace(preview) ? null : preview,
                Html = html!,
                Type = type,
                DelayUnit = unit,
                DelayCount = count,
                Cc = MailItemReader.Joined(given, "cc"),
                Bcc = MailItemReader.Joined(given, "bcc"),
                CreatedAt = request.Service<TimeProvider>().GetUtcNow(),
            };
            if (await SequenceEdits.AppendAsync(request.Db, made, request.Cancel) is { } problem)
            {
                return Answer.Error(StatusCodes.Status422UnprocessableEntity, problem);
            }

            await request.Db.SaveChangesAsync(request.Cancel);
            return Answer.Created(new BentoOne(await RecordAsync(request, made)));
        });
        return answer;
    }

    /// <summary>By its id, or by its number as Bento's oldest answers had it.</summary>
    private static Task<Sequence?> FindSequenceAsync(ApiRequest request)
    {
        var id = request.Route("id");
        return long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? request.Db.Sequences.FirstOrDefaultAsync(sequence => sequence.Id == number, request.Cancel)
            : request.Db.Sequences.FirstOrDefaultAsync(sequence => sequence.PublicId == id, request.Cancel);
    }

    private static string? DelayFault(JsonElement given, out DelayUnit unit, out int count)
    {
        (unit, count) = (DelayUnit.Minutes, 0);
        var word = BentoValues.Text(given, "delay_interval")?.Trim();
        if (!string.IsNullOrEmpty(word) && !(Enum.GetNames<DelayUnit>().Contains(word, StringComparer.OrdinalIgnoreCase) && Enum.TryParse(word, true, out unit)))
        {
            return "delay_interval must be minutes, hours, days or months.";
        }

        if (!given.TryGetProperty("delay_interval_count", out var value) || value.ValueKind == JsonValueKind.Null)
        {
            // Without a number the step follows at once, or one unit later where one is named.
            count = string.IsNullOrEmpty(word) ? 0 : 1;
            return null;
        }

        return int.TryParse(value.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out count) && count is >= 1 and <= SequenceEdits.MaxDelay
            ? null
            : $"delay_interval_count must be a whole number from 1 to {SequenceEdits.MaxDelay}.";
    }

    private static string? CopiesFault(JsonElement given, string name) => MailItemReader.Joined(given, name, out var error) is null ? error : null;

    private sealed record SequenceAttributes(string Id, string PrefixId, string Name, DateTimeOffset CreatedAt, IReadOnlyList<StepLine> EmailTemplates);

    private sealed record StepLine(long Id, string Subject, object? Stats);

    private sealed record StepAttributes(
        string Name, string Subject, string Html, DateTimeOffset CreatedAt, object? Stats, string? InboxSnippet, string DelayInterval, int DelayIntervalCount);
}
