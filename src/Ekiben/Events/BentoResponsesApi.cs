using System.Text.Json;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Events;

/// <summary>Bento's route for what people filled into a form. Ekiben shows no forms: these are the events of that type that others stored.</summary>
internal static class BentoResponsesApi
{
    private const int PageSize = 100;

    private const int MaxPage = 1_000_000;

    /// <summary>Where an event says which form it was.</summary>
    private static readonly string[] FormNames = ["id", "form_id", "form", "survey_id"];

    public static void MapBentoResponses(this RouteGroupBuilder bento) =>
        bento.Map("GET", "/fetch/responses", ListAsync).WithTags("Bento: events")
            .Describe("What people filled into a form, newest first, 100 a page", typeof(BentoList), query: [new("id", "the form's"), QueryOf.Page]);

    private static async Task<Answer> ListAsync(ApiRequest request)
    {
        if (request.Query("id") is not { } form)
        {
            return request.BadRequest("id is required: the form's.");
        }

        // The text narrows it down in the database; which key it stands under is looked at here.
        var quoted = JsonEncodedText.Encode(form, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString();
        var found =
            from happened in request.Db.Events.AsNoTracking()
            join person in request.Db.Subscribers on happened.SubscriberId equals person.Id
            where happened.Type == EventTypes.Response && happened.Details.Contains(quoted)
            orderby happened.Id descending
            select new { happened, person.Uuid, person.Address.Written };
        var before = (request.Query("page", 1, 1, MaxPage) - 1) * PageSize;
        var records = new List<BentoRecord>();

        // Streamed, so that however many there are, a page of them is in memory.
        await foreach (var row in found.AsAsyncEnumerable().WithCancellation(request.Cancel))
        {
            if (IsOf(row.happened, form) && --before < 0)
            {
                records.Add(Record(request, row.happened, row.Uuid, row.Written));
                if (records.Count == PageSize)
                {
                    break;
                }
            }
        }

        return Answer.Ok(new BentoList(records));
    }

    private static bool IsOf(Event happened, string form)
    {
        var details = ApiJson.Element(happened.Details);
        return FormNames.Any(name => details.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String or JsonValueKind.Number && value.ToString() == form);
    }

    private static BentoRecord Record(ApiRequest request, Event happened, string person, string email)
    {
        var id = happened.Id.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return new BentoRecord(id, "events", new ResponseAttributes(id, new ResponseData(
            id, null, happened.At, request.Site.Uuid, happened.Type, null, person,
            new(), ApiJson.Element(happened.Fields), ApiJson.Element(happened.Details), new(), new(email), new())));
    }

    private sealed record ResponseAttributes(string Uuid, ResponseData Data);

    private sealed record ResponseData(
        string Id, string? Ip, DateTimeOffset Date, string Site, string Type, string? Visit, string Visitor,
        Nothing Page, JsonElement Fields, JsonElement Details, Nothing Browser, Identity Identity, Nothing Location);

    /// <summary>Known only to a script on a page, which Ekiben has not.</summary>
    private sealed record Nothing;

    private sealed record Identity(string Email);
}
