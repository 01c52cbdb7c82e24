using Ekiben.Delivery;
using Ekiben.Feedback;
using Ekiben.Mail;
using Ekiben.Segments;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Ekiben.Suppressions;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>
/// Answers why somebody got a broadcast or not: from the ledger where they stand in it, else from the rule as it takes them today.
/// </summary>
internal sealed class Why(Database database, Audiences audiences, Traces traces, MessageIds messageIds, InstanceKey instanceKey)
{
    /// <summary>The answer for the address, which need not be anybody's.</summary>
    /// <param name="broadcast">The broadcast, of a site that the asker may see.</param>
    /// <param name="written">An address as people write it.</param>
    /// <param name="cancel">Ends the look-ups.</param>
    public async Task<WhyAnswer> AskAsync(Broadcast broadcast, string written, CancellationToken cancel)
    {
        if (!EmailAddress.TryParse(written, out var email, out var error))
        {
            return WhyAnswer.Of(broadcast, written, WhyCause.NoAddress, $"“{written}” is no address: {error}");
        }

        await using var db = database.Open(broadcast.SiteId);
        var hash = AddressHash.Of(instanceKey, email.Normalised);
        var address = await db.Addresses.AsNoTracking().FirstOrDefaultAsync(a => a.Hash == hash, cancel);
        if (address is null)
        {
            return WhyAnswer.Of(broadcast, email.Normalised, WhyCause.Unknown, $"Nobody on this site has or ever had the address {email.Normalised}.");
        }

        var site = await db.Sites.AsNoTracking().SingleAsync(s => s.Id == broadcast.SiteId, cancel);
        var known = new KnownPerson(
            email.Normalised,
            address,
            await db.Subscribers.AsNoTracking().Where(s => s.AddressId == address.Id).OrderBy(s => s.Id).ToListAsync(cancel),
            await db.Suppressions.AsNoTracking().FirstOrDefaultAsync(s => s.AddressId == address.Id, cancel));
        var words = new WhyWords(broadcast, site, known);
        var trace = await traces.ReadAsync(broadcast.Id, address.Id, cancel);
        if (trace.Row is { } row)
        {
            return words.OfRecipient(trace, row, await ReactionsAsync(db, broadcast, row.Subscriber, cancel), await DecisionsAsync(db, broadcast, address.Id, cancel)) with
            {
                MessageId = messageIds.Of(broadcast, address.Id),
            };
        }

        if (known.IsErased)
        {
            return words.Erased();
        }

        if (known.People.Count == 0)
        {
            return words.NoPerson();
        }

        var (rule, segment) = await RuleAsync(db, broadcast, site, cancel);
        var tags = await db.TagNamesOfAsync(known.People[0].Id, cancel);
        if (trace.LeftOut.Count > 0)
        {
            return words.LeftOut(trace.LeftOut[0], rule, tags);
        }

        var standing = await audiences.StandingAsync(rule, known.People[0].Id, cancel);
        if (!standing.Matches)
        {
            return words.NotMatched(rule, tags, segment, await FailingAsync(rule, known.People[0].Id, cancel));
        }

        return broadcast.StartedAt is not null
            ? words.CameLater()
            : standing.LeftOut is { } reason
                ? words.LeftOut(reason, rule, tags)
                : words.WouldGet();
    }

    /// <summary>The rule that counts: the approved one, or that of the rows as they are.</summary>
    private static async Task<(AudienceRule Rule, string? Segment)> RuleAsync(Db db, Broadcast broadcast, Sites.Site site, CancellationToken cancel)
    {
        var approval = await db.Approvals.AsNoTracking().Where(a => a.BroadcastId == broadcast.Id && a.RevokedAt == null).OrderByDescending(a => a.Id).FirstOrDefaultAsync(cancel);
        var manifest = approval is null
            ? Manifest.Of(broadcast, site, await BroadcastActions.SegmentRuleOfAsync(db, broadcast, cancel))
            : Manifest.FromText(approval.Manifest);
        var name = manifest.SegmentId.Length == 0
            ? null
            : await db.Segments.Where(s => s.PublicId == manifest.SegmentId).Select(s => s.Name).FirstOrDefaultAsync(cancel) ?? "(deleted)";
        return (AudienceRule.Of(site.Id, manifest), name);
    }

    /// <summary>The conditions of the segment that the person does not meet; none where they are in it.</summary>
    private async Task<IReadOnlyList<SegmentRule>> FailingAsync(AudienceRule rule, SubscriberId person, CancellationToken cancel)
    {
        var failing = new List<SegmentRule>();
        // Only of conditions that must all hold can one be the cause; others fail as a whole.
        foreach (var condition in rule.Segment switch { null => [], SegmentRule.All all => all.Rules, var one => [one] })
        {
            if (!(await audiences.StandingAsync(new AudienceRule(rule.Site, [], [], condition), person, cancel)).Matches)
            {
                failing.Add(condition);
            }
        }

        return failing;
    }

    private static async Task<IReadOnlyList<WhyDecision>> DecisionsAsync(Db db, Broadcast broadcast, AddressId address, CancellationToken cancel)
    {
        var (subject, detail) = (UncertainRows.SubjectOf(broadcast.Id), address.ToString());
        var noted = await db.AuditLog.AsNoTracking()
            .Where(n => n.Subject == subject && n.Detail == detail && (n.Action == UncertainRows.SecondTry || n.Action == UncertainRows.TreatedAsSent))
            .OrderBy(n => n.Id).ToListAsync(cancel);
        return [.. noted.Select(n => new WhyDecision(n.Action["recipient.".Length..], n.Actor, n.At))];
    }

    private static async Task<WhyReactions> ReactionsAsync(Db db, Broadcast broadcast, SubscriberId person, CancellationToken cancel)
    {
        var reactions = await db.Reactions.AsNoTracking()
            .Where(r => r.BroadcastId == broadcast.Id && (r.Kind == ReactionKind.Open || r.Kind == ReactionKind.Click) && r.SubscriberId == person)
            .Select(r => new { r.Kind, r.At }).ToListAsync(cancel);
        return new WhyReactions(
            reactions.Where(r => r.Kind == ReactionKind.Open).Select(r => (DateTimeOffset?)r.At).Min(),
            reactions.Where(r => r.Kind == ReactionKind.Click).Select(r => (DateTimeOffset?)r.At).Min());
    }
}

/// <summary>Who is asked about. <paramref name="People"/> are all with the address, the lowest id first; nobody once they were deleted.</summary>
internal sealed record KnownPerson(string Email, Address Address, IReadOnlyList<Subscriber> People, Suppression? Suppression)
{
    public bool IsErased => Address.Normalised.Length == 0;

    public DateTimeOffset? UnsubscribedAt => People.Select(person => person.UnsubscribedAt).Max();
}

/// <summary>When the message was first opened and a link in it first followed, by the person or by a machine on the way.</summary>
internal sealed record WhyReactions(DateTimeOffset? OpenedAt, DateTimeOffset? ClickedAt);
