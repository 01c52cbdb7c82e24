using Ekiben.Segments;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Suppressions;
using Ekiben.Web;
using RuleInWords = Ekiben.Broadcasts.Pages.RuleInWords;

namespace Ekiben.Broadcasts;

/// <summary>The sentences of <see cref="Why"/>; times are in the site's zone, which they name.</summary>
internal sealed class WhyWords(Broadcast broadcast, Site site, KnownPerson known)
{
    private readonly TimeZoneInfo _zone = TimeZoneInfo.TryFindSystemTimeZoneById(site.TimeZone, out var zone) ? zone : TimeZoneInfo.Utc;

    public WhyAnswer OfRecipient(Trace trace, TracedRow row, WhyReactions reactions, IReadOnlyList<WhyDecision> decisions)
    {
        var (cause, answer) = row.State switch
        {
            RecipientState.Pending => (WhyCause.Pending, $"{known.Email} is a recipient whose turn has not come yet.{Standstill()}"),
            RecipientState.Sending => (WhyCause.Sending, $"The message to {known.Email} is on its way to the relay at this moment."),
            RecipientState.Deferred => (WhyCause.Deferred, $"The relay put {known.Email} off{Said(row)}{(row.NotBefore is { } next ? $", and it is tried again {At(next)}" : "")}.{Tries(row)}{Standstill()}"),
            RecipientState.Accepted => (WhyCause.Accepted, $"The relay accepted the message to {known.Email} {At(row.LastAt)}{Said(row)}.{Tries(row)}{SecondCopy(row, trace)} Whether it was put into the mailbox only the relay's log can tell."),
            RecipientState.Refused => (WhyCause.Refused, $"The relay refused {known.Email} {At(row.LastAt)}{Said(row)}.{Tries(row)}"),
            RecipientState.Expired => (WhyCause.Expired, $"The relay put {known.Email} off until there was no time left, {At(row.LastAt)}{Said(row)}.{Tries(row)}"),
            RecipientState.Suppressed => SuppressedSince(row),
            RecipientState.RenderFailed => (WhyCause.RenderFailed, $"The message could not be made from the data of {known.Email}: {row.Reply?.Text ?? "no reason is known"}"),
            RecipientState.Canceled => (WhyCause.Canceled, $"The broadcast was canceled {At(broadcast.FinishedAt ?? row.LastAt)}, before the message to {known.Email} had been accepted.{Tries(row)}"),
            _ => (WhyCause.Uncertain, $"The connection died {At(row.LastAt)} after the message to {known.Email} may have left and before a reply: it may have arrived. {SecondTry(row)}{Decided(decisions)}"),
        };
        return WhyAnswer.Of(broadcast, known.Email, cause, answer) with
        {
            State = Words.SnakeCase(row.State.ToString()),
            Decisions = decisions,
            Attempts = [.. trace.Attempts.Select(attempt => new WhyAttempt(
                attempt.Number, attempt.At, Words.SnakeCase(attempt.Outcome), Words.SnakeCase(attempt.Phase), attempt.Reply?.Code, attempt.Reply?.Text))],
            OpenedAt = reactions.OpenedAt,
            ClickedAt = reactions.ClickedAt,
        };
    }

    public WhyAnswer Erased() => Answer(WhyCause.Erased, $"The person with the address {known.Email} was deleted{(known.Suppression is { } since ? $" {At(since.CreatedAt)}" : "")} and gets no mail.");

    public WhyAnswer NoPerson() => Answer(WhyCause.NoSubscriber, $"Nobody has the address {known.Email} any more: whoever had it has another now.");

    public WhyAnswer CameLater() => Answer(WhyCause.CameLater, known.People[0].CreatedAt >= broadcast.StartedAt
        ? $"{known.Email} was added {At(known.People[0].CreatedAt)}, after the audience had been frozen {At(broadcast.StartedAt)}."
        : $"{known.Email} was not matched when the audience was frozen {At(broadcast.StartedAt)}; today they would be. Tags or fields have changed since.");

    public WhyAnswer WouldGet() => Answer(WhyCause.NotStarted, broadcast.Status switch
    {
        BroadcastStatus.Draft => $"Nothing has left: the broadcast is a draft. {known.Email} would be a recipient.",
        BroadcastStatus.Canceled => $"The broadcast was canceled before it started. {known.Email} would have been a recipient.",
        BroadcastStatus.Held => $"Nothing has left: the broadcast is held. {broadcast.StatusReason} {known.Email} would be a recipient.",
        _ => $"Nothing has left yet{(broadcast.SendAt is { } due ? $": the broadcast is due {At(due)}" : "")}. {known.Email} would be a recipient.",
    });

    public WhyAnswer NotMatched(AudienceRule rule, IReadOnlyList<string> tags, string? segment, IReadOnlyList<SegmentRule> failing)
    {
        var reasons = new List<string>();
        if (rule.InclusiveTags.Count > 0 && !rule.InclusiveTags.Intersect(tags, StringComparer.OrdinalIgnoreCase).Any())
        {
            reasons.Add($"they carry no tag of {Quoted(rule.InclusiveTags)}");
        }

        if (failing.Count > 0)
        {
            reasons.Add($"they are not in the segment “{segment}”, which wants: {string.Join("; ", failing.Select(RuleInWords.Describe))}");
        }

        return Answer(WhyCause.NotMatched, $"{known.Email} is not matched by the broadcast's rule: {string.Join(", and ", reasons)}{(broadcast.StartedAt is null ? "" : " (as of today)")}.");
    }

    public WhyAnswer LeftOut(LeftOutReason reason, AudienceRule rule, IReadOnlyList<string> tags)
    {
        var excluding = rule.ExclusiveTags.Intersect(tags, StringComparer.OrdinalIgnoreCase).ToList();
        return reason switch
        {
            LeftOutReason.Excluded => Answer(WhyCause.Excluded, excluding.Count > 0
                ? $"{known.Email} is excluded by the tag {Quoted(excluding)}."
                : $"{known.Email} carried a tag of {Quoted(rule.ExclusiveTags)} when the audience was frozen, which excludes."),
            LeftOutReason.Unsubscribed => Answer(WhyCause.Unsubscribed, known.UnsubscribedAt is { } at
                ? $"{known.Email} unsubscribed {At(at)}, before the audience was frozen."
                : $"{known.Email} was unsubscribed when the audience was frozen; they have subscribed again since."),
            LeftOutReason.Suppressed => Answer(WhyCause.Suppressed, known.Suppression is { } suppression
                ? $"{known.Email} is suppressed since {At(suppression.CreatedAt)}: {Because(suppression)}."
                : $"{known.Email} was suppressed when the audience was frozen; that has been lifted since."),
            _ => Answer(WhyCause.Duplicate, $"Another person has the same address {known.Email}: one copy goes to it."),
        };
    }

    private (WhyCause Cause, string Answer) SuppressedSince(TracedRow row) => known switch
    {
        { IsErased: true } => (WhyCause.Erased, $"The person with the address {known.Email} was deleted after the audience was frozen and before their message left."),
        { Suppression: { } suppression } => (WhyCause.Suppressed, $"{known.Email} is suppressed since {At(suppression.CreatedAt)}: {Because(suppression)}. Their message had not left."),
        { UnsubscribedAt: { } at } => (WhyCause.Unsubscribed, $"{known.Email} unsubscribed {At(at)}, after the audience was frozen and before their message left."),
        _ => (WhyCause.Suppressed, $"{known.Email} was unsubscribed or suppressed {At(row.LastAt)}, before their message left; that has been lifted since."),
    };

    private static string Because(Suppression suppression) => SuppressionWords.Of(suppression.Reason) + (suppression.Detail is { Length: > 0 } detail ? $" ({detail})" : "");

    private string Standstill() => broadcast.Status switch
    {
        BroadcastStatus.Paused => " The broadcast is paused.",
        BroadcastStatus.Held => $" The broadcast is held: {broadcast.StatusReason}",
        _ => "",
    };

    private static string Said(TracedRow row) => row.Reply?.ToString() is { Length: > 0 } reply ? $" (it said: {reply})" : "";

    private static string Tries(TracedRow row) => row.Attempts > 1 ? $" There were {row.Attempts} attempts." : "";

    private static string SecondCopy(TracedRow row, Trace trace) => row.WasResent && trace.Attempts.Any(attempt => attempt.Outcome == "uncertain")
        ? " An earlier attempt was uncertain, so there may be two copies, with one Message-ID."
        : "";

    /// <summary>What of the one second try (ledger.md rule 14).</summary>
    private string SecondTry(TracedRow row) => row switch
    {
        { WasResent: true } => "It was sent a second time, with the same Message-ID, and there is no third.",
        { IsSecondTryOpen: true } when broadcast.Status is BroadcastStatus.Canceled => "The broadcast was canceled, so it is not tried again.",
        { IsSecondTryOpen: true } => $"It is tried once more, with the same Message-ID.{Standstill()}",
        _ when broadcast.UncertainPolicy is UncertainPolicy.Hold => "This broadcast never sends a second copy by itself.",
        _ => "It gets no second try by itself: the person was not to get mail, or the message could not be made again.",
    };

    private string Decided(IReadOnlyList<WhyDecision> decisions) => string.Concat(decisions.Select(d =>
        $" {Wording.Actor(d.Actor)} {(d.Decision == "second_try" ? "had it sent once more" : "noted to treat it as sent")} {At(d.At)}."));

    private static string Quoted(IReadOnlyList<string> names) => string.Join(", ", names.Select(name => $"“{name}”"));

    private string At(DateTimeOffset? at) => at is { } time ? $"on {Wording.FullTime(time, _zone)}" : "at an unknown time";

    private WhyAnswer Answer(WhyCause cause, string answer) => WhyAnswer.Of(broadcast, known.Email, cause, answer);
}
