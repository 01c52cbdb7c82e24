using Ekiben.Accounts;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>A site's rules on whose word lets how much mail go out. Pure but for reading who wrote a broadcast.</summary>
internal static class ApprovalRules
{
    /// <summary>Above this a slip of the hand is felt by thousands: a new site asks for the number to be typed.</summary>
    public const long DefaultTypeCountAbove = 10_000;

    /// <summary>One sentence with its code when this actor may not approve, null when they may.</summary>
    /// <param name="site">Whose rules.</param>
    /// <param name="actor">Who wants to approve.</param>
    /// <param name="writers">Who made the broadcast and who edited it, as actors' names.</param>
    /// <param name="recipients">How many it reaches now.</param>
    public static ActionResult? Refuse(Site site, Actor actor, IReadOnlyCollection<string> writers, long recipients)
    {
        if (!actor.MayApprove)
        {
            return ActionResult.Refused("may_not_approve", "This account or key may not approve broadcasts.");
        }

        if (!actor.IsPerson && !site.KeysMayApprove)
        {
            return ActionResult.Refused("keys_may_not_approve", "Keys may not approve on this site: a person approves in the platform.");
        }

        if (!actor.IsPerson && recipients > site.KeyApprovalLimit)
        {
            return ActionResult.Refused(
                "too_many_for_a_key", $"Keys approve up to {Number(site.KeyApprovalLimit.Value)} people on this site and this reaches {Number(recipients)}: a person approves in the platform.");
        }

        return site.ApproverDiffers && writers.Contains(actor.Name)
            ? ActionResult.Refused("author_approves", "Who made or edited a broadcast may not approve it on this site: somebody else does.")
            : null;
    }

    /// <summary>One sentence when those who approved are not enough for as many people as there are when it is due, null when they are.</summary>
    /// <param name="site">Whose rules.</param>
    /// <param name="approvals">Those that stand, of what goes out, with their seals unbroken.</param>
    /// <param name="recipients">How many it reaches now.</param>
    public static string? WhatStopsTheStart(Site site, IReadOnlyCollection<Approval> approvals, long recipients)
    {
        if (NeedsTwo(site, recipients) && approvals.Select(a => a.ApprovedBy).Distinct().Count() < 2)
        {
            return $"Above {Number(site.SecondApprovalAbove!.Value)} people this site wants two approvals, and it has one: somebody else releases it.";
        }

        return recipients > site.KeyApprovalLimit && !approvals.Any(a => a.ByPerson)
            ? $"Keys approve up to {Number(site.KeyApprovalLimit.Value)} people on this site and this reaches {Number(recipients)} by now: a person releases it."
            : null;
    }

    public static bool NeedsTwo(Site site, long recipients) => recipients > site.SecondApprovalAbove;

    public static bool NeedsTypedCount(Site site, long recipients) => recipients > site.TypeCountAbove;

    /// <summary>Everybody who had a hand in the broadcast: who made it, and who edited it (from the audit log).</summary>
    public static async Task<IReadOnlyCollection<string>> WritersAsync(Db db, Broadcast broadcast, CancellationToken cancel)
    {
        var subject = $"broadcast:{broadcast.Id}";
        var editors = await db.AuditLog.Where(a => a.Subject == subject && a.Action == BroadcastActions.EditedAction).Select(a => a.Actor).Distinct().ToListAsync(cancel);
        return [broadcast.CreatedBy, .. editors];
    }

    private static string Number(long value) => value.ToString("N0", System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>
/// What a person saw and confirmed in the dialog; what is null is not asked for, since programs and the command line have seen no page.
/// </summary>
/// <param name="Digest">Of the manifest that was shown: another one means that it was edited meanwhile.</param>
/// <param name="TypedCount">The number typed, where the site asks for it.</param>
/// <param name="Ticked">The codes of the warnings that were ticked.</param>
internal sealed record ApprovalOrder(string Digest, long? TypedCount, IReadOnlyCollection<string> Ticked);
