using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Segments;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Subscribers;

/// <summary>The people of a list as CSV.</summary>
internal static class SubscriberExport
{
    public static void MapSubscriberExport(this IEndpointRouteBuilder app) => app.MapGet("/subscribers.csv", WriteAsync).RequireAuthorization(Policies.Write);

    private static async Task<IResult> WriteAsync(
        string site, string? q, long? tag, string? segment, string? state, HttpContext http, Database database, SubscriberList list, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        if (await db.Sites.AsNoTracking().FirstOrDefaultAsync(s => s.Uuid == site, cancel) is not { } owner)
        {
            return Results.NotFound();
        }

        var rule = segment is null ? null : await db.Segments.Where(s => s.SiteId == owner.Id && s.PublicId == segment).Select(s => s.Rule).FirstOrDefaultAsync(cancel);
        if (segment is not null && rule is null)
        {
            return Results.NotFound();
        }

        var filter = new SubscriberFilter(ListPage.Search(q), tag, rule is null ? null : SegmentRule.Parse(rule), state);
        string[] columns = ["email", "first_name", "last_name", "state", "unsubscribed_at", "created_at"];
        return await CsvExport.WriteAsync(http, owner.Id, $"site:{owner.Id}", http.Request.QueryString.Value, "subscribers", columns, async (writer, cursor, gone) =>
        {
            var (rows, next) = await list.ReadAsync(owner.Id, filter, cursor is null ? null : long.Parse(cursor, CultureInfo.InvariantCulture), CsvExport.PageSize, gone);
            foreach (var person in rows)
            {
                await writer.WriteAsync(Csv.Line(person.Email, person.FirstName, person.LastName, person.State, CsvExport.Time(person.UnsubscribedAt), CsvExport.Time(person.CreatedAt)));
            }

            return next?.ToString(CultureInfo.InvariantCulture);
        }, cancel);
    }
}
