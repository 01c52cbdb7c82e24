using Ekiben.Delivery;
using Ekiben.Mail;
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
    public string RuleInWords => Pages.RuleInWords.Describe(Rule.InclusiveTags, Rule.ExclusiveTags, SegmentName, Rule.Segment);
}

/// <summary>Something that a person should know before approving; what <c>Blocks</c> cannot be approved at all.</summary>
internal sealed record Finding(string Text, bool Blocks = false);

/// <summary>A person for whom the message is shown.</summary>
internal sealed record SamplePerson(SubscriberId Id, string Email, string? FirstName, string? LastName);

/// <summary>Reads what a person needs to judge one broadcast.</summary>
internal sealed class BroadcastReview(Database database, Audiences audiences)
{
    /// <summary>The preview steps through this many people of the audience.</summary>
    public const int SampleSize = 100;

    public async Task<ReviewedBroadcast?> FindAsync(BroadcastId id, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        if (await db.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == id, cancel) is not { } broadcast)
        {
            return null;
        }

        var site = await db.Sites.AsNoTracking().SingleAsync(s => s.Id == broadcast.SiteId, cancel);
        var approval = await db.Approvals.AsNoTracking()
            .Where(a => a.BroadcastId == id && a.RevokedAt == null)
            .OrderByDescending(a => a.Id)
            .FirstOrDefaultAsync(cancel);
        var manifest = approval is null
            ? Manifest.Of(broadcast, site, await BroadcastActions.SegmentRuleOfAsync(db, broadcast, cancel))
            : Manifest.FromText(approval.Manifest);
        var segmentName = manifest.SegmentId.Length == 0
            ? null
            : await db.Segments.Where(s => s.PublicId == manifest.SegmentId && s.SiteId == site.Id).Select(s => s.Name).FirstOrDefaultAsync(cancel) ?? manifest.SegmentId;
        return new ReviewedBroadcast(broadcast, site, approval, AudienceRule.Of(site.Id, manifest), segmentName);
    }

    /// <summary>The row's status, times and figures as they are now, without its content. Null when it is gone.</summary>
    public async Task<BroadcastNow?> NowAsync(BroadcastId id, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        return await db.Broadcasts.Where(b => b.Id == id).Select(b => new BroadcastNow(b.Status, b.StatusReason, b.UpdatedAt, b.FrozenAt)).FirstOrDefaultAsync(cancel);
    }

    public Task<AudienceCount> CountAsync(ReviewedBroadcast reviewed, CancellationToken cancel) => audiences.CountAsync(reviewed.Rule, cancel);

    public async Task<IReadOnlyList<Finding>> FindingsAsync(ReviewedBroadcast reviewed, AudienceCount count, CancellationToken cancel)
    {
        var (broadcast, rule, site) = (reviewed.Broadcast, reviewed.Rule, reviewed.Site.Id);
        var findings = new List<Finding>();
        foreach (var tag in await audiences.UnknownTagsAsync(site, rule.InclusiveTags, cancel))
        {
            findings.Add(new Finding($"There is no tag “{tag}”: it matches nobody."));
        }

        foreach (var tag in await audiences.UnknownTagsAsync(site, rule.ExclusiveTags, cancel))
        {
            findings.Add(new Finding($"There is no tag “{tag}”: it excludes nobody."));
        }

        if (broadcast.SegmentId.Length > 0 && rule.Segment is null)
        {
            findings.Add(new Finding("The segment it names is gone: that condition counts for nothing now."));
        }

        try
        {
            MessageComposer.Check(broadcast, reviewed.Site);
        }
        catch (CompileException error)
        {
            findings.Add(new Finding(MessagePreviews.Describe(error), Blocks: true));
        }

        if (count.Recipients == 0)
        {
            findings.Add(new Finding("This reaches nobody now."));
        }

        return findings;
    }

    /// <summary>The first people whom the rule reaches.</summary>
    public Task<IReadOnlyList<SubscriberId>> SampleAsync(ReviewedBroadcast reviewed, CancellationToken cancel) =>
        audiences.SampleAsync(reviewed.Rule, default, SampleSize, cancel);

    public async Task<SamplePerson?> FindPersonAsync(SiteId site, SubscriberId id, CancellationToken cancel)
    {
        await using var db = database.Open(site);
        return await db.Subscribers.Where(s => s.Id == id).Select(s => new SamplePerson(s.Id, s.Address.Written, s.FirstName, s.LastName)).FirstOrDefaultAsync(cancel);
    }
}

/// <summary>What of a broadcast changes while a page shows it.</summary>
internal sealed record BroadcastNow(BroadcastStatus Status, string? StatusReason, DateTimeOffset UpdatedAt, DateTimeOffset? FrozenAt);
