using Ekiben.Accounts;
using Ekiben.Storage;

namespace Ekiben.Sites;

/// <summary>A site just made, with the only sight of its first key's secret.</summary>
internal sealed record NewSite(Site Site, string PublishableKey, string SecretKey)
{
    /// <summary>Makes a site and the key that opens its API.</summary>
    public static async Task<NewSite> CreateAsync(
        Database database, string name, bool isTest, string timeZone, Actor actor, DateTimeOffset now, CancellationToken cancel, bool tracksLinks = false, bool isStrict = false, bool recognizesRepetitions = true)
    {
        await using var db = database.OpenEverySite();
        await using var write = await database.BeginWriteAsync(db, cancel);
        var site = new Site
        {
            Uuid = NewKey.Random(),
            Name = name,
            IsTest = isTest,
            TimeZone = timeZone,
            TracksLinks = tracksLinks,
            IsStrict = isStrict,
            RecognizesRepetitions = recognizesRepetitions,
            CreatedAt = now,
        };
        db.Sites.Add(site);
        await db.SaveChangesAsync(cancel);

        var first = NewKey.Add(db, site.Id, "first", mayApprove: true, now);
        db.AuditLog.Add(new AuditEntry { SiteId = site.Id, Actor = actor.Name, Action = "site.created", Subject = $"site:{site.Id}", At = now });
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        return new NewSite(site, first.Key.PublishableKey, first.Secret);
    }
}
