using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts.Pages;

/// <summary>
/// What the page of one broadcast shows before any counting: the approval that counts, null while none does; the rule of the approved
/// manifest, or of the rows as they are; the segment's name, null when the broadcast names none.
/// </summary>
internal sealed record ReviewedBroadcast(Broadcast Broadcast, Site Site, Approval? Approval, AudienceRule Rule, string? SegmentName)
{
    /// <summary>A draft's first approval of two; null when none was given, or it lets mail out already.</summary>
    public Approval? FirstOfTwo { get; init; }

    /// <summary>The last few, newest first.</summary>
    public IReadOnlyList<RateChange> RateChanges { get; init; } = [];

    public string RuleInWords => Pages.RuleInWords.Describe(Rule.InclusiveTags, Rule.ExclusiveTags, SegmentName, Rule.Segment);
}

/// <summary>A person for whom the message is shown.</summary>
internal sealed record SamplePerson(SubscriberId Id, string Email, string? FirstName, string? LastName);

/// <summary>Reads what a person needs to judge one broadcast.</summary>
internal sealed class BroadcastReview(Database database, Audiences audiences, Domains.DomainSigning signing)
{
    /// <summary>The preview steps through this many people of the audience.</summary>
    public const int SampleSize = 100;

    private const int MaxRateChanges = 5;

    public async Task<ReviewedBroadcast?> FindAsync(BroadcastId id, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        if (await db.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == id, cancel) is not { } broadcast)
        {
            return null;
        }

        var site = await db.Sites.AsNoTracking().SingleAsync(s => s.Id == broadcast.SiteId, cancel);
        var approvals = await db.Approvals.AsNoTracking().Where(a => a.BroadcastId == id && a.RevokedAt == null).OrderBy(a => a.Id).ToListAsync(cancel);
        // A draft's is the first of two: it lets nothing out yet.
        var approval = broadcast.Status is BroadcastStatus.Draft ? null : approvals.LastOrDefault();
        var manifest = approval is null
            ? Manifest.Of(broadcast, site, await BroadcastActions.SegmentRuleOfAsync(db, broadcast, cancel))
            : Manifest.FromText(approval.Manifest);
        var segmentName = manifest.SegmentId.Length == 0
            ? null
            : await db.Segments.Where(s => s.PublicId == manifest.SegmentId && s.SiteId == site.Id).Select(s => s.Name).FirstOrDefaultAsync(cancel) ?? manifest.SegmentId;
        return new ReviewedBroadcast(broadcast, site, approval, AudienceRule.Of(site.Id, manifest), segmentName)
        {
            RateChanges = await db.RateChanges.AsNoTracking().Where(c => c.BroadcastId == id).OrderByDescending(c => c.Id).Take(MaxRateChanges).ToListAsync(cancel),
            FirstOfTwo = broadcast.Status is BroadcastStatus.Draft ? approvals.LastOrDefault(a => a.Manifest == manifest.ToText()) : null,
        };
    }

    /// <summary>The row's status, times and figures as they are now, without its content. Null when it is gone.</summary>
    public async Task<BroadcastNow?> NowAsync(BroadcastId id, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        return await db.Broadcasts.Where(b => b.Id == id).Select(b => new BroadcastNow(b.Status, b.StatusReason, b.UpdatedAt, b.FrozenAt)).FirstOrDefaultAsync(cancel);
    }

    /// <summary>Who last did something to it; null where the log says nothing.</summary>
    public async Task<LastChange?> LastChangeAsync(BroadcastId id, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        return await BroadcastDrafting.LastChangeAsync(db, id, cancel);
    }

    /// <summary>The first people whom the rule reaches.</summary>
    public Task<IReadOnlyList<SubscriberId>> SampleAsync(ReviewedBroadcast reviewed, CancellationToken cancel) =>
        audiences.SampleAsync(reviewed.Rule, default, SampleSize, cancel);

    /// <summary>The next recipient after somebody, in the order of the sample; the first again after the last. Null when there is nobody.</summary>
    public async Task<SubscriberId?> NextAsync(ReviewedBroadcast reviewed, SubscriberId after, CancellationToken cancel) =>
        await audiences.SampleAsync(reviewed.Rule, after, 1, cancel) is [var next] ? next
        : await audiences.SampleAsync(reviewed.Rule, default, 1, cancel) is [var first] ? first
        : null;

    /// <summary>The next recipient after somebody who has nothing where the content shows something without a default. Null when there is none.</summary>
    public async Task<SubscriberId?> NextWithHolesAsync(ReviewedBroadcast reviewed, SubscriberId after, CancellationToken cancel)
    {
        await using var db = database.Open(reviewed.Site.Id);
        var fields = await db.Fields.AsNoTracking().Select(field => field.Key).ToHashSetAsync(StringComparer.Ordinal, cancel);
        SubscriberField[] asked = [.. Templates.Lint.Of(reviewed.Broadcast, reviewed.Site, fields).Unguarded.Select(v => v.Field)];
        return await audiences.FindBlankAsync(reviewed.Rule, asked, after, cancel) ?? await audiences.FindBlankAsync(reviewed.Rule, asked, default, cancel);
    }

    /// <summary>Whether and how its messages leave signed; one sentence.</summary>
    public async Task<string> SigningAsync(ReviewedBroadcast reviewed, CancellationToken cancel) =>
        (await signing.ForAsync(reviewed.Site, reviewed.Broadcast.FromEmail, reviewed.Broadcast.StartedAt, cancel)).Sentence;

    /// <summary>Whether the person would get it.</summary>
    public Task<bool> ReachesAsync(ReviewedBroadcast reviewed, SubscriberId person, CancellationToken cancel) => audiences.ReachesAsync(reviewed.Rule, person, cancel);

    public async Task<SamplePerson?> FindPersonAsync(SiteId site, SubscriberId id, CancellationToken cancel)
    {
        await using var db = database.Open(site);
        return await db.Subscribers.Where(s => s.Id == id).Select(s => new SamplePerson(s.Id, s.Address.Written, s.FirstName, s.LastName)).FirstOrDefaultAsync(cancel);
    }
}
