using System.Text;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;
using MimeKit;

namespace Ekiben.Mailbox.Pages;

/// <summary>A test site whose mailbox can be read.</summary>
internal sealed record MailboxSite(SiteId Id, string Uuid, string Name);

/// <summary>A message of the mailbox, read as a mail program would; <c>Html</c> and <c>Text</c> are null where it has no such part.</summary>
internal sealed record MailboxMessage(
    string Subject, string From, string To, DateTimeOffset? Date, IReadOnlyList<KeyValuePair<string, string>> Headers, string? Html, string? Text, string Source);

/// <summary>Reads the mailbox for the platform: test sites only, one site at a time.</summary>
internal sealed class MailboxReading(Database database, MailboxStore mailbox)
{
    public const int PageSize = 50;

    private const int MaxSites = 200;

    public async Task<IReadOnlyList<MailboxSite>> TestSitesAsync(CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        return await db.Sites.Where(s => s.IsTest).OrderBy(s => s.Name).Take(MaxSites).Select(s => new MailboxSite(s.Id, s.Uuid, s.Name)).ToListAsync(cancel);
    }

    public async Task<(IReadOnlyList<MailboxEntry> Entries, long Total)> ListAsync(MailboxSite site, long? before, CancellationToken cancel) =>
        (await mailbox.ListAsync(site.Id, before, PageSize, cancel), await mailbox.CountAsync(site.Id, cancel));

    /// <summary>Null when the site is no test site or the message is not there (any more).</summary>
    public async Task<MailboxMessage?> ReadAsync(string? siteUuid, long id, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        var site = await db.Sites.Where(s => s.IsTest && s.Uuid == siteUuid).Select(s => (SiteId?)s.Id).FirstOrDefaultAsync(cancel);
        if (site is null || await mailbox.ReadAsync(site.Value, id, cancel) is not { } raw)
        {
            return null;
        }

        using var stream = new MemoryStream(raw, writable: false);
        using var message = await MimeMessage.LoadAsync(stream, cancel);
        return new MailboxMessage(
            message.Subject ?? "",
            message.From.ToString(),
            message.To.ToString(),
            message.Headers.Contains(HeaderId.Date) ? message.Date : null,
            [.. message.Headers.Select(h => KeyValuePair.Create(h.Field, h.Value))],
            message.HtmlBody,
            message.TextBody,
            // What is not UTF-8 shows as the replacement character; the bytes themselves are at /raw.
            Encoding.UTF8.GetString(raw));
    }

    /// <summary>The bytes as the relay got them.</summary>
    public async Task<byte[]?> ReadRawAsync(string? siteUuid, long id, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        var site = await db.Sites.Where(s => s.IsTest && s.Uuid == siteUuid).Select(s => (SiteId?)s.Id).FirstOrDefaultAsync(cancel);
        return site is null ? null : await mailbox.ReadAsync(site.Value, id, cancel);
    }
}
