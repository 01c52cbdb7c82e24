using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Storage;
using Ekiben.Web;

namespace Ekiben.Broadcasts;

/// <summary>The people behind a broadcast's numbers as CSV.</summary>
internal static class RecipientExport
{
    public static void MapRecipientExport(this IEndpointRouteBuilder app)
    {
        var lists = app.MapGroup("/broadcasts/{number:long}").RequireAuthorization(Policies.Write);
        lists.MapGet("/recipients.csv", RecipientsAsync);
        lists.MapGet("/left-out.csv", LeftOutAsync);
        lists.MapGet("/audience.csv", AudienceAsync);
    }

    private static Task<IResult> RecipientsAsync(long number, string? state, string? was, HttpContext http, Receipts receipts, CancellationToken cancel)
    {
        if (!Words.TryRead<RecipientState>(state, out var wanted) || was is not (null or "uncertain"))
        {
            return Task.FromResult(Results.NotFound());
        }

        return WriteAsync(http, number, "recipients", ["email", "state", "attempts", "code", "reply", "message_id", "at"], broadcast => async (writer, cursor, gone) =>
        {
            var page = await receipts.ListAsync(broadcast.Broadcast, wanted, was is not null, cursor, CsvExport.PageSize, gone);
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
        if (!Words.TryRead<LeftOutReason>(reason, out var wanted))
        {
            return Task.FromResult(Results.NotFound());
        }

        return WriteAsync(http, number, "left-out", ["email", "reason"], broadcast => async (writer, cursor, gone) =>
        {
            var page = await receipts.ListLeftOutAsync(broadcast.Broadcast.Id, wanted, cursor, CsvExport.PageSize, gone);
            foreach (var line in page.Data)
            {
                await writer.WriteAsync(Csv.Line(line.Email, line.Reason));
            }

            return page.NextCursor;
        }, cancel);
    }

    private static Task<IResult> AudienceAsync(long number, string? group, HttpContext http, Audiences audiences, CancellationToken cancel)
    {
        if (!Words.TryRead<AudienceGroup>(group, out var wanted))
        {
            return Task.FromResult(Results.NotFound());
        }

        return WriteAsync(http, number, "audience", ["email", "first_name", "last_name"], broadcast => async (writer, cursor, gone) =>
        {
            var after = new SubscriberId(long.Parse(cursor ?? "0", CultureInfo.InvariantCulture));
            var (people, last) = await audiences.ListAsync(broadcast.Rule, wanted ?? AudienceGroup.Recipients, after, CsvExport.PageSize, gone);
            foreach (var person in people)
            {
                await writer.WriteAsync(Csv.Line(person.Email, person.FirstName, person.LastName));
            }

            return last?.ToString();
        }, cancel);
    }

    /// <summary>What the lists have in common: the broadcast is found, and the file is named for it.</summary>
    private static async Task<IResult> WriteAsync(
        HttpContext http, long number, string list, string[] columns, Func<Pages.ReviewedBroadcast, CsvExport.WritePage> pages, CancellationToken cancel) =>
        await http.RequestServices.GetRequiredService<Pages.BroadcastReview>().FindAsync(new BroadcastId(number), cancel) is { } found
            ? await CsvExport.WriteAsync(http, found.Site.Id, $"broadcast:{number}", list + http.Request.QueryString.Value, $"broadcast-{number}-{list}", columns, pages(found), cancel)
            : Results.NotFound();
}
