using System.Globalization;
using System.Text;
using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Feedback;
using Ekiben.Mail;
using Ekiben.Sequences;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Templates;

/// <summary>
/// Bento's routes for one template by number: the <c>template_id</c> of a broadcast. Only a draft's can be changed, because an approval binds
/// what will be sent (ledger.md rule 4).
/// </summary>
internal static class BentoTemplatesApi
{
    public static void MapBentoTemplates(this RouteGroupBuilder bento)
    {
        bento.Map("GET", "/fetch/emails/templates/{id}", ShowAsync).WithTags("Bento: templates").Describe("One template; data is null when there is none", typeof(BentoOne));
        bento.Map("PATCH", "/fetch/emails/templates/{id}", ChangeAsync).WithTags("Bento: templates").Describe("Change a draft's subject or HTML", typeof(BentoOne), typeof(TemplateBody));
    }

    /// <summary>None of that number is an answer and no error, as for people.</summary>
    private static async Task<Answer> ShowAsync(ApiRequest request) =>
        Answer.Ok(new BentoOne(
            await BentoSequencesApi.FindAsync(request) is { } step ? await BentoSequencesApi.RecordAsync(request, step)
            : await FindAsync(request) is { } broadcast ? await RecordAsync(request, broadcast) : null));

    private static async Task<Answer> ChangeAsync(ApiRequest request)
    {
        if (!BentoValues.TryReadOne(request, "email_template", out var given, out var refusal))
        {
            return refusal!;
        }

        return await request.WriteAsync(async () =>
        {
            if (await BentoSequencesApi.FindAsync(request) is { } step)
            {
                return await ChangeStepAsync(request, step, given);
            }

            if (await FindAsync(request) is not { } broadcast)
            {
                return request.NotFound("Template not found");
            }

            if (broadcast.Status != BroadcastStatus.Draft)
            {
                return Unprocessable($"This template is of a broadcast that is {broadcast.Status.Word()}; only a draft's can be changed.");
            }

            if (Fault(given) is { } fault)
            {
                return Unprocessable(fault);
            }

            broadcast.Subject = BentoValues.Text(given, "subject")?.Trim() ?? broadcast.Subject;
            broadcast.Content = BentoValues.Text(given, "html") ?? broadcast.Content;
            broadcast.UpdatedAt = request.Service<TimeProvider>().GetUtcNow();
            try
            {
                MessageComposer.Check(broadcast, request.Site);
            }
            catch (CompileException wrong)
            {
                return Unprocessable(string.Create(CultureInfo.InvariantCulture, $"{wrong.Field}, line {wrong.Line}, column {wrong.Column}: {wrong.Message}"));
            }

            // Whoever edits is one of its writers, and may not be its approver where the site says so.
            request.Db.AuditLog.Add(new Accounts.AuditEntry
            {
                SiteId = request.SiteId,
                Actor = request.Actor.Name,
                Action = BroadcastActions.EditedAction,
                Subject = $"broadcast:{broadcast.Id}",
                At = request.Service<TimeProvider>().GetUtcNow(),
            });
            return Answer.Ok(new BentoOne(await RecordAsync(request, broadcast)));
        });
    }

    /// <summary>A step can be changed at any time: mails that were handed to the ledger keep what they said.</summary>
    private static async Task<Answer> ChangeStepAsync(ApiRequest request, SequenceStep step, JsonElement given)
    {
        var (subject, html) = (BentoValues.Text(given, "subject")?.Trim() ?? step.Subject, BentoValues.Text(given, "html") ?? step.Html);
        if ((Fault(given) ?? SequenceEdits.StepFault(request.Site, subject, html, step.PreviewText, step.Type)) is { } fault)
        {
            return Unprocessable(fault);
        }

        (step.Subject, step.Html) = (subject, html);
        return Answer.Ok(new BentoOne(await BentoSequencesApi.RecordAsync(request, step)));
    }

    private static string? Fault(JsonElement given)
    {
        foreach (var name in (string[])["subject", "html"])
        {
            if (given.TryGetProperty(name, out var value) && value.ValueKind is not (JsonValueKind.String or JsonValueKind.Null))
            {
                return $"{name} must be a text.";
            }
        }

        if (BentoValues.Text(given, "subject") is { } subject)
        {
            if (string.IsNullOrWhiteSpace(subject) || subject.Trim().Length > BroadcastItemReader.MaxSubjectLength || subject.Trim().AsSpan().IndexOfAny('\r', '\n', '\0') >= 0)
            {
                return $"subject must be one line of 1 to {BroadcastItemReader.MaxSubjectLength} characters.";
            }
        }

        return BentoValues.Text(given, "html") is { } html && (Encoding.UTF8.GetByteCount(html) > RequestLimits.MaxContentBytes || html.Contains('\0', StringComparison.Ordinal))
            ? $"html has at most {RequestLimits.MaxContentBytes >> 20} MiB and no NUL."
            : null;
    }

    private static async Task<Broadcast?> FindAsync(ApiRequest request) =>
        request.BroadcastId is { } id ? await request.Db.Broadcasts.FirstOrDefaultAsync(broadcast => broadcast.Id == id, request.Cancel) : null;

    private static async Task<BentoRecord> RecordAsync(ApiRequest request, Broadcast broadcast) => new(
        broadcast.Id.ToString(), "email_template", new TemplateAttributes(broadcast.Name, broadcast.Subject, broadcast.Content, broadcast.CreatedAt, await StatsAsync(request, broadcast)));

    private static async Task<TemplateStats?> StatsAsync(ApiRequest request, Broadcast broadcast)
    {
        if (broadcast.FrozenAt is null)
        {
            return null;
        }

        var reactions = await ReactionStats.ReadAsync(request.Db, [broadcast.Id], request.Cancel);
        var clickers = await request.Db.Reactions.Where(reaction => reaction.BroadcastId == broadcast.Id && reaction.Kind == ReactionKind.Click)
            .Select(reaction => reaction.SubscriberId).Distinct().CountAsync(request.Cancel);
        return new TemplateStats(
            reactions.GetValueOrDefault(broadcast.Id, ReactionStats.None).OpenRate(broadcast.Recipients),
            broadcast.Recipients == 0 ? 0 : Math.Round(100.0 * clickers / broadcast.Recipients, 1));
    }

    private static Answer Unprocessable(string sentence) => Answer.Error(StatusCodes.Status422UnprocessableEntity, sentence);

    private sealed record TemplateAttributes(string Name, string Subject, string Html, DateTimeOffset CreatedAt, TemplateStats? Stats);

    /// <summary>In percent of the recipients.</summary>
    private sealed record TemplateStats(double OpenRate, double ClickRate);
}
