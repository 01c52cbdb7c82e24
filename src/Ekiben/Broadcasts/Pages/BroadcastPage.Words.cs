using Ekiben.Web;

namespace Ekiben.Broadcasts.Pages;

/// <summary>What the page of a broadcast says and offers in each status.</summary>
public sealed partial class BroadcastPage
{
    private enum ActionKind
    {
        Approve,
        Revoke,
        Pause,
        Resume,
        Cancel,
    }

    /// <summary>A button and what its dialog asks; <c>Disabled</c> says why this person cannot use it, null when they can.</summary>
    private sealed record OfferedAction(
        ActionKind Kind, string Label, string Tone, string Question, string Confirm, string Explanation, string? Disabled = null);

    private IEnumerable<OfferedAction> Offered()
    {
        var broadcast = _scene!.Reviewed.Broadcast;
        var approverOnly = _user is { MayApprove: true } ? null : "An approver or owner can do this.";
        var cancel = new OfferedAction(
            ActionKind.Cancel, "Cancel", "quiet danger", "Cancel this broadcast for good?", "Cancel it for good",
            broadcast.StartedAt is null
                ? "It will never be sent. Nothing has left so far."
                : $"{NeverGetIt()} {InFlight()}");
        var revoke = new OfferedAction(
            ActionKind.Revoke, "Take the approval back", "quiet", "Take the approval back?", "Take it back", "It becomes a draft again and waits for a new approval.");
        switch (broadcast.Status)
        {
            case BroadcastStatus.Draft:
                yield return cancel;
                if (_scene.Reviewed.FirstOfTwo is not null)
                {
                    yield return revoke;
                }

                yield return new OfferedAction(ActionKind.Approve, "Approve…", "", $"Approve “{broadcast.Name}”?", ApproveLabel(), "", approverOnly ?? WhyNotByThisPerson());
                break;
            case BroadcastStatus.Scheduled:
                yield return cancel;
                if (_undoSeconds is null)
                {
                    yield return revoke;
                }

                break;
            case BroadcastStatus.Sending:
                yield return cancel;
                yield return new OfferedAction(
                    ActionKind.Pause, "Pause", "", "Pause this broadcast?", "Pause it",
                    $"No further message goes out until you resume it. {InFlight()}");
                break;
            case BroadcastStatus.Paused:
                yield return cancel;
                yield return new OfferedAction(
                    ActionKind.Resume, "Resume", "", "Resume sending?", "Resume it", $"Sending goes on where it stopped, {SendingPlan.Rate(broadcast.BatchSizePerHour)}.");
                break;
            case BroadcastStatus.Held:
                yield return cancel;
                if (broadcast.StartedAt is null)
                {
                    yield return revoke;
                }

                yield return new OfferedAction(
                    ActionKind.Resume, "Release", "", "Release the hold?", "Release it",
                    $"It was held: {broadcast.StatusReason} Releasing it lets it go out" + (broadcast.StartedAt is null && _scene?.Count is { } count ? $" to {Wording.People(count.Recipients)}." : "."),
                    approverOnly);
                break;
        }
    }

    /// <summary>What becomes of what is on a connection when sending stops: as of the last look, which is a second old at most.</summary>
    private string InFlight() => RateWords.InFlight(_scene?.Receipt);

    /// <summary>Whom a cancellation leaves without a message; never a number that nobody has counted.</summary>
    private string NeverGetIt() => _scene?.Receipt is { } receipt
        ? receipt.Pending + receipt.Deferred is var left && left == 0 ? "Nobody waits for it any more." : $"{Wording.People(left)} who {(left == 1 ? "has" : "have")} not got it yet never will."
        : "Nobody has got it yet, and nobody will.";

    /// <summary>Why the site's rules want somebody else for the approval, null when this person will do.</summary>
    private string? WhyNotByThisPerson() =>
        _user is null ? null
        : _scene!.Reviewed.FirstOfTwo?.ApprovedBy == _user.Actor.Name ? "You have approved it: the second approval is somebody else's."
        : _scene.Reviewed.Site.ApproverDiffers && _scene.Broadcast.CreatedBy == _user.Actor.Name ? "You made it: on this site somebody else approves it."
        : null;

    private string ApproveLabel() => _scene?.Count is { } count ? $"Approve for {Wording.People(count.Recipients)}" : "Approve";

    /// <summary>Nobody approves a number that is not known yet, what blocks, or a warning without a tick; the server says the same.</summary>
    private bool ApprovalBlocked() =>
        _asked?.Kind == ActionKind.Approve
        && (_scene?.Report is not { } report || report.Blocker is not null || _scene.Unticked.Any()
            || (ApprovalRules.NeedsTypedCount(_scene.Reviewed.Site, report.Count.Recipients) && TypedCount != report.Count.Recipients));

    private string ApprovalSentence()
    {
        var broadcast = _scene!.Reviewed.Broadcast;
        if (_scene!.Count is not { } count)
        {
            return "Counting whom it reaches…";
        }

        var plan = SendingPlan.BeforeStart(count.Recipients, broadcast.BatchSizePerHour, broadcast.SendAt, Clock.GetUtcNow());
        var start = broadcast.SendAt is { } due && due == plan.StartsAt ? $"starting {Viewer.Time(plan.StartsAt)}, " : "starting in 30 seconds, ";
        var finish = plan.FinishesAt is { } end ? $"finishing {Viewer.Time(end)}, " : "";
        var rate = broadcast.BatchSizePerHour is null ? "as fast as the relay takes" : "at " + SendingPlan.Rate(broadcast.BatchSizePerHour);
        return $"Send to {Wording.People(count.Recipients)} {rate}, {start}{finish}from {broadcast.FromEmail}.";
    }

    private string StatusSentence()
    {
        var (broadcast, approval) = (_scene!.Reviewed.Broadcast, _scene.Reviewed.Approval);
        return broadcast.Status switch
        {
            BroadcastStatus.Draft when _scene.Reviewed.FirstOfTwo is { } first =>
                $"{Wording.Actor(first.ApprovedBy)} approved it {Viewer.Ago(first.ApprovedAt)}. Above {Wording.People(_scene.Reviewed.Site.SecondApprovalAbove ?? 0)} a second approval is needed, by somebody else.",
            BroadcastStatus.Draft => "Nothing is sent until someone approves it.",
            BroadcastStatus.Scheduled when approval is not null && (broadcast.SendAt ?? approval.EffectiveAt) is var due =>
                due > Clock.GetUtcNow() ? $"Approved. It starts {Viewer.Time(due)}, {Viewer.Ago(due)}." : "Approved, and due: it starts as soon as the server gets to it.",
            BroadcastStatus.Scheduled => "Approved.",
            BroadcastStatus.Sending when broadcast.FrozenAt is null => "Choosing the recipients. Nothing is sent before they are complete.",
            BroadcastStatus.Sending when Engine.StateOf(broadcast.Id)?.Waiting is { } wait => $"Waiting until {Viewer.Time(wait.Until)}, {Viewer.Ago(wait.Until)}: {wait.What}.",
            BroadcastStatus.Sending => "It is being sent. “Accepted” means that the relay took the message, not that it was read or has arrived.",
            BroadcastStatus.Paused => "Paused: no further message goes out until it is resumed.",
            BroadcastStatus.Held => $"Held, and waiting for a person. {broadcast.StatusReason}",
            BroadcastStatus.Sent when broadcast.StatusReason is { } reason => reason,
            BroadcastStatus.Sent => SentSentence(broadcast),
            _ => "Canceled" + (broadcast.FinishedAt is { } at ? $" {Viewer.Time(at)}. " : ". ") + (broadcast.StartedAt is null ? "Nothing was sent." : "What the relay had accepted by then had left."),
        };
    }

    private string SentSentence(Broadcast broadcast)
    {
        var end = broadcast.FinishedAt is { } at ? $"Finished {Viewer.Time(at)}" + (broadcast.StartedAt is { } start ? $" after {Wording.Span(at - start)}." : ".") : "Finished.";
        return _scene?.Receipt switch
        {
            { } receipt when receipt.Accepted == receipt.Recipients => $"{end} The relay accepted every message.",
            { } receipt => $"{end} The relay accepted {Wording.Number(receipt.Accepted)} of {Wording.Number(receipt.Recipients)}; the receipt says what became of the others.",
            null => end,
        };
    }
}
