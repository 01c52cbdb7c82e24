using System.Globalization;
using System.Text;
using Ekiben.Accounts;
using Ekiben.Storage;

namespace Ekiben.Web;

/// <summary>
/// A list of people as CSV, streamed a page at a time so that a million cost no more memory than a hundred. Who took it stands in the audit log.
/// </summary>
internal static class CsvExport
{
    public const int PageSize = 1000;

    /// <summary>Writes the lines of a page that begins after a cursor, and answers the next cursor; null at the end.</summary>
    public delegate Task<string?> WritePage(StreamWriter writer, string? cursor, CancellationToken cancel);

    /// <param name="http">The request of somebody who may export.</param>
    /// <param name="site">Whose people.</param>
    /// <param name="subject">What the audit log names, such as <c>broadcast:7</c>.</param>
    /// <param name="detail">Which of its people, for the audit log.</param>
    /// <param name="file">The file's name without its end.</param>
    /// <param name="columns">The first line.</param>
    /// <param name="page">Writes one page after the other.</param>
    /// <param name="cancel">Ends it.</param>
    public static async Task<IResult> WriteAsync(HttpContext http, SiteId site, string subject, string? detail, string file, string[] columns, WritePage page, CancellationToken cancel)
    {
        var services = http.RequestServices;
        if (await services.GetRequiredService<PlatformUsers>().FindAsync(http.User, cancel) is not { } user)
        {
            return Results.NotFound();
        }

        var database = services.GetRequiredService<Database>();
        await using (var db = database.Open(site))
        {
            await using var write = await database.BeginWriteAsync(db, cancel);
            db.AuditLog.Add(new AuditEntry
            {
                SiteId = site,
                Actor = user.Actor.Name,
                Action = "people.exported",
                Subject = subject,
                Detail = detail,
                At = services.GetRequiredService<TimeProvider>().GetUtcNow(),
            });
            await db.SaveChangesAsync(cancel);
            await write.CommitAsync(cancel);
        }

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
            "text/csv; charset=utf-8", file + ".csv");
    }

    /// <summary>To the second, in UTC.</summary>
    public static string? Time(DateTimeOffset? at) => at?.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
