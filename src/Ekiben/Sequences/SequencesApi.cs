using System.Globalization;
using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Mail;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Sequences;

/// <summary>Our routes for sequences: making one, and people's way through it.</summary>
internal static class SequencesApi
{
    private const int DefaultPage = 50;
    private const int PageLimit = 200;

    public static void MapSequences(this RouteGroupBuilder ours)
    {
        var group = ours.MapGroup("/sequences").WithTags("Sequences");
        group.Map("GET", "", ListAsync).Describe("Sequences, with how many people are where", typeof(SequenceList));
        group.Map("POST", "", MakeAsync).Describe("Make a sequence; whoever is given its tag is enrolled", typeof(SequenceView), typeof(SequenceRequest));
        group.Map("GET", "/{id}", ShowAsync).Describe("One sequence", typeof(SequenceView));
        group.Map("POST", "/{id}/enrolments", EnrolAsync).Describe("Enrol a person; once for each", typeof(EnrolmentView), typeof(EnrolmentRequest));
        group.Map("GET", "/{id}/enrolments", PeopleAsync).Describe(
            "People of a sequence, newest first", typeof(EnrolmentPage), query: [new("state", "active, finished or ended"), new("cursor", "next of the page before"), new("limit", $"1 to {PageLimit}")]);
    }

    private static async Task<Answer> ListAsync(ApiRequest request)
    {
        var sequences = await request.Db.Sequences.AsNoTracking().OrderBy(sequence => sequence.Id).ToListAsync(request.Cancel);
        var views = new List<SequenceView>();
        foreach (var sequence in sequences)
        {
            views.Add(await ViewAsync(request, sequence));
        }

        return Answer.Ok(new SequenceList(views));
    }

    private static async Task<Answer> MakeAsync(ApiRequest request)
    {
        var name = Text(request, "name")?.Trim();
        if (SequenceEdits.NameFault(name) is { } nameFault)
        {
            return request.BadRequest(nameFault, "bad_name");
        }

        var tag = Text(request, "enrol_tag")?.Trim();
        if (SequenceEdits.TagFault(tag) is { } tagFault)
        {
            return request.BadRequest(tagFault, "bad_tag");
        }

        return await request.WriteAsync(async () =>
        {
            var (made, problem) = await SequenceEdits.MakeAsync(request.Db, request.SiteId, name!, tag, request.Service<TimeProvider>().GetUtcNow(), request.Cancel);
            if (made is null)
            {
                return Answer.Problem(StatusCodes.Status409Conflict, "too_many", problem!);
            }

            await request.Db.SaveChangesAsync(request.Cancel);
            return Answer.Created(await ViewAsync(request, made));
        });
    }

    private static async Task<Answer> ShowAsync(ApiRequest request) =>
        await FindAsync(request) is { } sequence ? Answer.Ok(await ViewAsync(request, sequence)) : NoSuchSequence(request);

    private static async Task<Answer> EnrolAsync(ApiRequest request)
    {
        if (await FindAsync(request) is not { } sequence)
        {
            return NoSuchSequence(request);
        }

        if (!EmailAddress.TryParse(Text(request, "email"), out var address, out var error))
        {
            return request.BadRequest(error!, "bad_email");
        }

        return await request.WriteAsync(async () =>
        {
            var now = request.Service<TimeProvider>().GetUtcNow();
            var changes = new SubscriberChanges(request.Service<SubscriberImport>(), request.Db, request.SiteId, now);
            changes.Say(new SubscriberRecord { Address = address, Hash = AddressHash.Of(request.Service<InstanceKey>(), address.Normalised) });
            var person = (await changes.WriteAsync(request.Cancel)).Values.Single();
            var enrolment = await request.Db.Enrolments.FirstOrDefaultAsync(one => one.SequenceId == sequence.Id && one.SubscriberId == person, request.Cancel);
            if (enrolment is null)
            {
                enrolment = new Enrolment { SiteId = request.SiteId, SequenceId = sequence.Id, SubscriberId = person, SinceAt = now };
                request.Db.Enrolments.Add(enrolment);
                await request.Db.SaveChangesAsync(request.Cancel);
            }

            return Answer.Created(View(enrolment, address.Normalised));
        });
    }

    private static async Task<Answer> PeopleAsync(ApiRequest request)
    {
        if (await FindAsync(request) is not { } sequence)
        {
            return NoSuchSequence(request);
        }

        var rows = request.Db.Enrolments.AsNoTracking().Where(one => one.SequenceId == sequence.Id);
        if (request.Query("state") is { } word)
        {
            if (word is not ("active" or "finished" or "ended"))
            {
                return request.BadRequest("state must be active, finished or ended.", "bad_state");
            }

            var state = Enum.Parse<EnrolmentState>(word, true);
            rows = rows.Where(one => one.State == state);
        }

        if (request.Query("cursor") is { } cursor)
        {
            if (!long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var last))
            {
                return request.BadRequest("cursor is not one that this list gave.", "bad_cursor");
            }

            rows = rows.Where(one => one.Id < last);
        }

        var limit = request.Query("limit", DefaultPage, 1, PageLimit);
        var page = await (
            from one in rows.OrderByDescending(one => one.Id).Take(limit + 1)
            join person in request.Db.Subscribers on one.SubscriberId equals person.Id into people
            from person in people.DefaultIfEmpty()
            orderby one.Id descending
            select new { Enrolment = one, Email = person == null ? "(deleted)" : person.Address.Normalised }).ToListAsync(request.Cancel);
        return Answer.Ok(new EnrolmentPage(
            [.. page.Take(limit).Select(one => View(one.Enrolment, one.Email))],
            page.Count > limit ? page[limit - 1].Enrolment.Id.ToString(CultureInfo.InvariantCulture) : null));
    }

    private static async Task<Sequence?> FindAsync(ApiRequest request)
    {
        var id = request.Route("id");
        return await request.Db.Sequences.FirstOrDefaultAsync(sequence => sequence.PublicId == id, request.Cancel);
    }

    private static string? Text(ApiRequest request, string name) => request.Field(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private static Answer NoSuchSequence(ApiRequest request) => request.NotFound("There is no such sequence.");

    private static EnrolmentView View(Enrolment one, string email) => new(email, Words.SnakeCase(one.State.ToString()), one.Position, one.SinceAt, one.DueAt);

    private static async Task<SequenceView> ViewAsync(ApiRequest request, Sequence sequence)
    {
        var steps = await request.Db.SequenceSteps.AsNoTracking().Where(step => step.SequenceId == sequence.Id).OrderBy(step => step.Position).ToListAsync(request.Cancel);
        var waiting = await SequenceReading.WaitingAsync(request.Db, sequence.Id, request.Cancel);
        var people = (await SequenceReading.CountAsync(request.Db, [sequence.Id], request.Cancel)).GetValueOrDefault(sequence.Id, SequencePeople.None);
        return new SequenceView(
            sequence.PublicId, sequence.Name, sequence.EnrolTag, sequence.CreatedAt,
            [.. steps.Select(step => new StepView(step.Template, step.Subject, Words.SnakeCase(step.DelayUnit.ToString()), step.DelayCount, waiting.GetValueOrDefault(step.Position)))],
            people.Active, people.Finished, people.Ended);
    }

    private sealed record SequenceRequest(string Name, string? EnrolTag);

    private sealed record EnrolmentRequest(string Email);

    private sealed record SequenceList(IReadOnlyList<SequenceView> Data);

    /// <summary><c>active</c>, <c>finished</c> and <c>ended</c> count people.</summary>
    private sealed record SequenceView(
        string Id, string Name, string? EnrolTag, DateTimeOffset CreatedAt, IReadOnlyList<StepView> Steps, long Active, long Finished, long Ended);

    /// <summary><c>waiting</c> counts the people who get it next.</summary>
    private sealed record StepView(long TemplateId, string Subject, string DelayInterval, int DelayIntervalCount, long Waiting);

    private sealed record EnrolmentPage(IReadOnlyList<EnrolmentView> Data, string? Next);

    /// <summary><c>position</c> is the next step's, from 0; <c>due_at</c> null when that is not worked out yet.</summary>
    private sealed record EnrolmentView(string Email, string State, int Position, DateTimeOffset SinceAt, DateTimeOffset? DueAt);
}
