using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Mailbox.Pages;

/// <summary>A test site whose mailbox can be read.</summary>
internal sealed record MailboxSite(SiteId Id, string Uuid, string Name);

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
    public async Task<MailboxMessage?> ReadAsync(string? siteUuid, long id, CancellationToken cancel) =>
        await ReadRawAsync(siteUuid, id, cancel) is { } raw ? await MailboxMessage.ParseAsync(id, raw, cancel) : null;

    /// <summary>The bytes as the relay got them.</summary>
    public async Task<byte[]?> ReadRawAsync(string? siteUuid, long id, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        var site = await db.Sites.Where(s => s.IsTest && s.Uuid == siteUuid).Select(s => (SiteId?)s.Id).FirstOrDefaultAsync(cancel);
        return site is null ? null : await mailbox.ReadAsync(site.Value, id, cancel);
    }
}
