using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Sequences;

/// <summary>The people of a sequence as CSV.</summary>
internal static class SequenceExport
{
    public static void MapSequenceExport(this IEndpointRouteBuilder app) => app.MapGet("/sequences/{publicId}/people.csv", WriteAsync).RequireAuthorization(Policies.Write);

    private static async Task<IResult> WriteAsync(string publicId, string? state, HttpContext http, Database database, CancellationToken cancel)
    {
        await using var every = database.OpenEverySite();
        if (await every.Sequences.AsNoTracking().FirstOrDefaultAsync(one => one.PublicId == publicId, cancel) is not { } sequence || !Words.TryRead<EnrolmentState>(state, out var wanted))
        {
            return Results.NotFound();
        }

        string[] columns = ["email", "state", "next_step", "due_at", "since_at"];
        var of = wanted ?? EnrolmentState.Active;
        return await CsvExport.WriteAsync(http, sequence.SiteId, publicId, Words.SnakeCase(of.ToString()), "sequence-" + Words.SnakeCase(of.ToString()), columns, async (writer, cursor, gone) =>
        {
            await using var db = database.Open(sequence.SiteId);
            var people = await SequenceReading.PeopleAsync(db, sequence.Id, of, cursor is null ? long.MaxValue : long.Parse(cursor, CultureInfo.InvariantCulture), CsvExport.PageSize, gone);
            foreach (var person in people)
            {
                await writer.WriteAsync(Csv.Line(
                    person.Email, Words.SnakeCase(of.ToString()), of is EnrolmentState.Active ? person.NextStep.ToString(CultureInfo.InvariantCulture) : null,
                    CsvExport.Time(person.DueAt), CsvExport.Time(person.SinceAt)));
            }

            return people.Count < CsvExport.PageSize ? null : people[^1].Id.ToString(CultureInfo.InvariantCulture);
        }, cancel);
    }
}
