using System.Globalization;
using System.Text;
using Ekiben.Accounts;
using Ekiben.Segments;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Subscribers;

/// <summary>The people of a list as CSV, streamed a page at a time so that a million cost no more memory than a hundred. Who took it stands in the audit log.</summary>
internal static class SubscriberExport
{
    private const int PageSize = 1000;

    public static void MapSubscriberExport(this IEndpointRouteBuilder app) => app.MapGet("/subscribers.csv", WriteAsync).RequireAuthorization(Policies.Write);

    private static async Task<IResult> WriteAsync(
        string site, string? q, long? tag, string? segment, string? state, HttpContext http, Database database, SubscriberList list, PlatformUsers users, TimeProvider clock, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        if (await db.Sites.AsNoTracking().FirstOrDefaultAsync(s => s.Uuid == site, cancel) is not { } owner || await users.FindAsync(http.User, cancel) is not { } user)
        {
            return Results.NotFound();
        }

        var rule = segment is null ? null : await db.Segments.Where(s => s.SiteId == owner.Id && s.PublicId == segment).Select(s => s.Rule).FirstOrDefaultAsync(cancel);
        if (segment is not null && rule is null)
        {
            return Results.NotFound();
        }

        await using (var write = await database.BeginWriteAsync(db, cancel))
        {
            db.AuditLog.Add(new AuditEntry { SiteId = owner.Id, Actor = user.Actor.Name, Action = "people.exported", Subject = $"site:{owner.Id}", Detail = http.Request.QueryString.Value, At = clock.GetUtcNow() });
            await db.SaveChangesAsync(cancel);
            await write.CommitAsync(cancel);
        }

        var filter = new SubscriberFilter(ListPage.Search(q), tag, rule is null ? null : SegmentRule.Parse(rule), state);
        http.Response.Headers.ContentDisposition = "attachment; filename=\"subscribers.csv\"";
        return Results.Stream(body => StreamAsync(body, list, owner.Id, filter, cancel), "text/csv; charset=utf-8");
    }

    private static async Task StreamAsync(Stream body, SubscriberList list, SiteId site, SubscriberFilter filter, CancellationToken cancel)
    {
        await using var writer = new StreamWriter(body, new UTF8Encoding(false), bufferSize: 64 << 10, leaveOpen: true);
        await writer.WriteAsync(Csv.Line("email", "first_name", "last_name", "state", "unsubscribed_at", "created_at"));
        long? after = null;
        do
        {
            var (rows, next) = await list.ReadAsync(site, filter, after, PageSize, cancel);
            foreach (var person in rows)
            {
                await writer.WriteAsync(Csv.Line(person.Email, person.FirstName, person.LastName, person.State, Time(person.UnsubscribedAt), Time(person.CreatedAt)));
            }

            after = next;
        }
        while (after is not null);
    }

    private static string? Time(DateTimeOffset? at) => at?.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
