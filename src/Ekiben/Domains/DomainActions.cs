using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Domains;

/// <summary>What came of an action: a key, or one sentence that says why not.</summary>
internal sealed record DomainResult(DomainKey? Key, string? Problem)
{
    public static implicit operator DomainResult(DomainKey key) => new(key, null);

    public static implicit operator DomainResult(string problem) => new(null, problem);
}

/// <summary>
/// What can be done to a site's sending domains. A domain's first key signs at once, since there is nothing that it could spoil: receivers
/// take a signature that they cannot verify for none (RFC 6376 §6.1). A later key waits until a check has seen its record.
/// </summary>
internal sealed class DomainActions(Database database, DomainKeys keys, TimeProvider clock)
{
    /// <summary>The keys of a site, or of one of its domains, the newest first.</summary>
    public async Task<IReadOnlyList<DomainKey>> ListAsync(SiteId site, string? domain, CancellationToken cancel)
    {
        await using var db = database.Open(site);
        return await db.DomainKeys.AsNoTracking().Where(k => domain == null || k.Domain == domain)
            .OrderBy(k => k.Domain).ThenByDescending(k => k.Id).ToListAsync(cancel);
    }

    /// <summary>The one of a domain's keys that signs what starts now; null when none does.</summary>
    public static DomainKey? Signing(IEnumerable<DomainKey> ofDomain) =>
        ofDomain.Where(k => k.ActiveAt is not null).OrderByDescending(k => k.ActiveAt).ThenByDescending(k => k.Id).FirstOrDefault();

    /// <summary>A domain's first key.</summary>
    /// <param name="site">Whose.</param>
    /// <param name="domain">Normalised.</param>
    /// <param name="selector">Its selector; null = one with today's date.</param>
    /// <param name="ed25519">Whether an Ed25519 key is made with it.</param>
    /// <param name="actor">Who, for the audit log.</param>
    /// <param name="cancel">Ends it.</param>
    public async Task<DomainResult> AddAsync(Site site, string domain, string? selector, bool ed25519, Actor actor, CancellationToken cancel) =>
        (await ListAsync(site.Id, domain, cancel)).Count > 0
            ? $"{site.Name} has a key for {domain} already: 'ekiben domain rotate' makes a newer one"
            : await StoreAsync(site, domain, selector, ed25519, true, "domain.added", actor, cancel);

    /// <summary>A newer key, of the same kinds as the newest one.</summary>
    /// <param name="site">Whose.</param>
    /// <param name="domain">Normalised.</param>
    /// <param name="selector">Its selector; null = one with today's date.</param>
    /// <param name="ed25519">Make an Ed25519 key also where there was none.</param>
    /// <param name="now">Let it sign before its record was seen.</param>
    /// <param name="actor">Who, for the audit log.</param>
    /// <param name="cancel">Ends it.</param>
    public async Task<DomainResult> RotateAsync(Site site, string domain, string? selector, bool ed25519, bool now, Actor actor, CancellationToken cancel) =>
        (await ListAsync(site.Id, domain, cancel)) is [var newest, ..]
            ? await StoreAsync(site, domain, selector, ed25519 || newest.Ed25519PublicKey is not null, now, "domain.rotated", actor, cancel)
            : NoKey(site, domain);

    /// <summary>Writes down what a check found, and lets a key sign whose records are all there.</summary>
    /// <returns>True when the key signs from now on and did not before.</returns>
    public async Task<bool> RecordCheckAsync(DomainKey key, IReadOnlyList<RecordVerdict> verdicts, Actor actor, CancellationToken cancel)
    {
        await using var db = database.Open(key.SiteId);
        await using var write = await database.BeginWriteAsync(db, cancel);
        if (await db.DomainKeys.SingleOrDefaultAsync(k => k.Id == key.Id, cancel) is not { } stored)
        {
            return false;
        }

        var bad = verdicts.FirstOrDefault(verdict => verdict.State != RecordState.Ok);
        stored.CheckedAt = clock.GetUtcNow();
        stored.CheckResult = bad is null ? "ok" : $"{Words.SnakeCase(bad.State.ToString())}: {bad.Sentence}";
        var begins = bad is null && stored.ActiveAt is null;
        if (begins)
        {
            stored.ActiveAt = clock.GetUtcNow();
            db.AuditLog.Add(Entry(stored, "domain.activated", actor));
        }

        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        return begins;
    }

    /// <summary>Keeps what a check of a domain found, in the place of what the one before did: the review of broadcasts shows it.</summary>
    public async Task KeepCheckAsync(SiteId site, string domain, IReadOnlyList<RecordVerdict> verdicts, CancellationToken cancel)
    {
        await using var db = database.Open(site);
        await using var write = await database.BeginWriteAsync(db, cancel);
        var kept = await db.DomainChecks.SingleOrDefaultAsync(check => check.Domain == domain, cancel);
        if (kept is null)
        {
            db.DomainChecks.Add(kept = new DomainChecked { SiteId = site, Domain = domain, Verdicts = "" });
        }

        (kept.CheckedAt, kept.Verdicts) = (clock.GetUtcNow(), DomainChecked.Write(verdicts));
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
    }

    /// <summary>Removes a domain's keys, or the one with the selector; null when done, else a sentence.</summary>
    public async Task<string?> RemoveAsync(Site site, string domain, string? selector, Actor actor, CancellationToken cancel)
    {
        await using var db = database.Open(site.Id);
        await using var write = await database.BeginWriteAsync(db, cancel);
        var found = await db.DomainKeys.Where(k => k.Domain == domain && (selector == null || k.Selector == selector)).ToListAsync(cancel);
        if (found.Count == 0)
        {
            return selector is null ? NoKey(site, domain) : $"{site.Name} has no key {selector} for {domain}; see 'ekiben domain list'";
        }

        db.DomainKeys.RemoveRange(found);
        if (selector is null)
        {
            db.DomainChecks.RemoveRange(await db.DomainChecks.Where(check => check.Domain == domain).ToListAsync(cancel));
        }

        db.AuditLog.AddRange(found.Select(key => Entry(key, "domain.removed", actor)));
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        return null;
    }

    public static string NoKey(Site site, string domain) => $"{site.Name} has no key for {domain}; see 'ekiben domain list'";

    private async Task<DomainResult> StoreAsync(
        Site site, string domain, string? selector, bool ed25519, bool active, string action, Actor actor, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        // Made before the turn to write: a key takes a tenth of a second.
        await using var db = database.OpenEverySite();
        var taken = await db.DomainKeys.Where(k => k.Domain == domain).Select(k => k.Selector).ToListAsync(cancel);
        if (selector is not null && taken.Contains(selector))
        {
            return $"the selector {selector} of {domain} is taken: a record holds one key, so give another";
        }

        var key = keys.Create(site.Id, domain, selector ?? Fresh(taken, now), ed25519, now);
        key.ActiveAt = active ? now : null;
        await using var write = await database.BeginWriteAsync(db, cancel);
        if (await db.DomainKeys.AnyAsync(k => k.Domain == domain && k.Selector == key.Selector, cancel))
        {
            return $"the selector {key.Selector} of {domain} was taken a moment ago: try again";
        }

        db.DomainKeys.Add(key);
        db.AuditLog.Add(Entry(key, action, actor));
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
        return key;
    }

    /// <summary>With the date, so that a key's age is seen in DNS, and with a number where the day has several.</summary>
    private static string Fresh(List<string> taken, DateTimeOffset now)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"ekiben{now:yyyyMMdd}");
        return Enumerable.Range(1, taken.Count + 1).Select(n => n == 1 ? name : string.Create(CultureInfo.InvariantCulture, $"{name}-{n}")).First(free => !taken.Contains(free));
    }

    private AuditEntry Entry(DomainKey key, string action, Actor actor) => new()
    {
        SiteId = key.SiteId,
        Actor = actor.Name,
        Action = action,
        Subject = $"domain:{key.Domain}",
        Detail = key.Selector,
        At = clock.GetUtcNow(),
    };
}
