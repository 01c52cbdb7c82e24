using System.Globalization;
using System.Text;
using Ekiben.Accounts;
using Ekiben.Storage;
using Ekiben.Web;

namespace Ekiben.Broadcasts;

/// <summary>
/// The people behind a broadcast's numbers as CSV, streamed a page at a time so that a million cost no more memory than a hundred. Who took it stands
/// in the audit log.
/// </summary>
internal static class RecipientExport
{
    private const int PageSize = 1000;

    /// <summary>Writes the lines of a page that begins after a cursor, and answers the next cursor; null at the end.</summary>
    private delegate Task<string?> WritePage(StreamWriter writer, string? cursor, CancellationToken cancel);

    public static void MapRecipientExport(this IEndpointRouteBuilder app)
    {
        var lists = app.MapGroup("/broadcasts/{number:long}").RequireAuthorization(Policies.Write);
        lists.MapGet("/recipients.csv", RecipientsAsync);
        lists.MapGet("/left-out.csv", LeftOutAsync);
        lists.MapGet("/audience.csv", AudienceAsync);
    }

    private static Task<IResult> RecipientsAsync(long number, string? state, string? was, HttpContext http, Receipts receipts, CancellationToken cancel)
    {
        if (!TryRead<RecipientState>(state, out var wanted) || was is not (null or "uncertain"))
        {
            return Task.FromResult(Results.NotFound());
        }

        return WriteAsync(http, number, "recipients", ["email", "state", "attempts", "code", "reply", "message_id", "at"], broadcast => async (writer, cursor, gone) =>
        {
            var page = await receipts.ListAsync(broadcast.Broadcast, wanted, was is not null, cursor, PageSize, gone);
            foreach (var line in page.Data)
            {
                await writer.WriteAsync(Csv.Line(
                    line.Email, line.State, line.Attempts.ToString(CultureInfo.InvariantCulture), line.Code?.ToString(CultureInfo.InvariantCulture), line.Reply, line.MessageId,
                    line.At?.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture)));
            }

            return page.NextCursor;
        }, cancel);
    }

    private static Task<IResult> LeftOutAsync(long number, string? reason, HttpContext http, Receipts receipts, CancellationToken cancel)
    {
        if (!TryRead<LeftOutReason>(reason, out var wanted))
        {
            return Task.FromResult(Results.NotFound());
        }

        return WriteAsync(http, number, "left-out", ["email", "reason"], broadcast => async (writer, cursor, gone) =>
        {
            var page = await receipts.ListLeftOutAsync(broadcast.Broadcast.Id, wanted, cursor, PageSize, gone);
            foreach (var line in page.Data)
            {
                await writer.WriteAsync(Csv.Line(line.Email, line.Reason));
            }

            return page.NextCursor;
        }, cancel);
    }

    private static Task<IResult> AudienceAsync(long number, string? group, HttpContext http, Audiences audiences, CancellationToken cancel)
    {
        if (!TryRead<AudienceGroup>(group, out var wanted))
        {
            return Task.FromResult(Results.NotFound());
        }

        return WriteAsync(http, number, "audience", ["email", "first_name", "last_name"], broadcast => async (writer, cursor, gone) =>
        {
            var after = new SubscriberId(long.Parse(cursor ?? "0", CultureInfo.InvariantCulture));
            var (people, last) = await audiences.ListAsync(broadcast.Rule, wanted ?? AudienceGroup.Recipients, after, PageSize, gone);
            foreach (var person in people)
            {
                await writer.WriteAsync(Csv.Line(person.Email, person.FirstName, person.LastName));
            }

            return last?.ToString();
        }, cancel);
    }

    private static bool TryRead<T>(string? word, out T? value) where T : struct, Enum
    {
        value = string.IsNullOrEmpty(word) ? null : Enum.GetValues<T>().Where(known => Words.SnakeCase(known.ToString()) == word).Cast<T?>().FirstOrDefault();
        return string.IsNullOrEmpty(word) || value is not null;
    }

    /// <summary>What the lists have in common: the broadcast is found, the audit log says who took what, the pages follow each other into the answer.</summary>
    private static async Task<IResult> WriteAsync(HttpContext http, long number, string list, string[] columns, Func<Pages.ReviewedBroadcast, WritePage> pages, CancellationToken cancel)
    {
        var services = http.RequestServices;
        if (await services.GetRequiredService<Pages.BroadcastReview>().FindAsync(new BroadcastId(number), cancel) is not { } found
            || await services.GetRequiredService<PlatformUsers>().FindAsync(http.User, cancel) is not { } user)
        {
            return Results.NotFound();
        }

        var database = services.GetRequiredService<Database>();
        await using (var db = database.Open(found.Site.Id))
        {
            await using var write = await database.BeginWriteAsync(db, cancel);
            db.AuditLog.Add(new AuditEntry
            {
                SiteId = found.Site.Id,
                Actor = user.Actor.Name,
                Action = "people.exported",
                Subject = $"broadcast:{number}",
                Detail = list + http.Request.QueryString.Value,
                At = services.GetRequiredService<TimeProvider>().GetUtcNow(),
            });
            await db.SaveChangesAsync(cancel);
            await write.CommitAsync(cancel);
        }

        var page = pages(found);
        return Results.Stream(
            async body =>
            {
                await using var writer = new StreamWriter(body, new UTF8Encoding(false), bufferSize: 64 << 10, leaveOpen: true);
                await writer.WriteAsync(Csv.Line(columns));
                string? cursor = null;
                do
                {
                    cursor = await page(writer, cursor, cancel);
                }
                while (cursor is not null);
            },
            "text/csv; charset=utf-8", $"broadcast-{number}-{list}.csv");
    }
}
