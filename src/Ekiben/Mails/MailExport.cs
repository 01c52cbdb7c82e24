using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Mails;

/// <summary>The mails of a list as CSV.</summary>
internal static class MailExport
{
    private static readonly string[] Columns =
        ["id", "email", "subject", "state", "attempts", "code", "reply", "last_at", "origin", "sequence", "step", "created_at"];

    public static void MapMailExport(this IEndpointRouteBuilder app) => app.MapGet("/mails.csv", WriteAsync).RequireAuthorization(Policies.Write);

    private static async Task<IResult> WriteAsync(
        string site, string? q, string? state, string? origin, HttpContext http, Database database, InstanceKey key, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        if (await db.Sites.AsNoTracking().FirstOrDefaultAsync(one => one.Uuid == site, cancel) is not { } owner || !MailFilters.TryRead(key, q, state, origin, out var filter))
        {
            return Results.NotFound();
        }

        return await CsvExport.WriteAsync(http, owner.Id, $"site:{owner.Id}", "mails" + http.Request.QueryString.Value, "mails", Columns, async (writer, cursor, gone) =>
        {
            var before = cursor is null ? long.MaxValue : long.Parse(cursor, CultureInfo.InvariantCulture);
            var lines = await MailList.ReadAsync(database, owner.Id, filter, before, CsvExport.PageSize, gone);
            foreach (var line in lines)
            {
                await writer.WriteAsync(Csv.Line(
                    line.Id.ToString(CultureInfo.InvariantCulture), line.Email, line.Subject, line.State, line.Attempts.ToString(CultureInfo.InvariantCulture),
                    line.Code?.ToString(CultureInfo.InvariantCulture), line.Reply, CsvExport.Time(line.LastAt), line.Step is null ? "api" : "sequence", line.Step?.SequenceName,
                    line.Step?.Number.ToString(CultureInfo.InvariantCulture), CsvExport.Time(line.CreatedAt)));
            }

            return lines.Count < CsvExport.PageSize ? null : lines[^1].Id.ToString(CultureInfo.InvariantCulture);
        }, cancel);
    }
}
