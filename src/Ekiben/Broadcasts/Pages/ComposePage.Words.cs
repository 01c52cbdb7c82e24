using System.Globalization;
using Ekiben.Storage;
using Ekiben.Web;

namespace Ekiben.Broadcasts.Pages;

/// <summary>What the page says of the state of what is written on it.</summary>
public sealed partial class ComposePage
{
    private string StateSentence() => this switch
    {
        { _saving: true } => "Saving…",
        { _conflict: not null } => "Not saved.",
        { _dirty: true } when _form!.Missing() is { } missing => "Not saved yet. " + missing,
        { _dirty: true, _isApproved: true } => "Changed, and not saved.",
        { _dirty: true } => "Changed. It is saved in a moment.",
        { _savedAt: { } at } => "Saved " + TimeZoneInfo.ConvertTime(at, Viewer.Zone).ToString("HH:mm", CultureInfo.InvariantCulture),
        { _own: { } own } => "Last changed " + Viewer.Ago(own.UpdatedAt),
        _ => "Not saved yet.",
    };

    /// <summary>In which zone it is read, and when that is for whoever writes.</summary>
    private string SendAtSentence()
    {
        var zone = _site!.TimeZone;
        if (string.IsNullOrWhiteSpace(_form!.SendAt))
        {
            return $"Empty: as soon as it is approved. A time is read in the site's zone, {zone}.";
        }

        if (!SendAt.TryParse(_form.SendAt, Zone, out var at))
        {
            return "This is no time.";
        }

        var now = Clock.GetUtcNow();
        return $"Read in the site's zone, {zone}; for you that is {Viewer.Time(at)}, {Viewer.Ago(at)}."
            + (at < now ? $" That is past: it starts {BroadcastActions.UndoWindow.TotalSeconds:0} seconds after the approval." : "");
    }

    private string RateSentence()
    {
        if (!RateWords.TryRead(_form!.Rate, out var perHour))
        {
            return $"A whole number between {Wording.Number(BroadcastItemReader.MinPerHour)} and {Wording.Number(BroadcastItemReader.MaxPerHour)}, or nothing.";
        }

        if (perHour is null)
        {
            return "Empty: as fast as the relay takes.";
        }

        return _count is { Recipients: > 0 and var people } && SendingPlan.BeforeStart(people, perHour, null, Clock.GetUtcNow()) is { FinishesAt: { } end, StartsAt: var start }
            ? $"{Wording.People(people)} take {Wording.Span(end - start)}."
            : "Spread evenly over the hour.";
    }

    private string RuleSentence() =>
        RuleInWords.Describe(_form!.InclusiveTags, _form.ExclusiveTags, _segments.FirstOrDefault(segment => segment.Id == _form.SegmentId).Name, SegmentOf(_form));

    private static string LeftOutSentence(AudienceCount count)
    {
        (long People, string Why)[] left =
        [
            (count.Excluded, "excluded"), (count.Unsubscribed, "unsubscribed"), (count.Suppressed, "suppressed"), (count.Duplicates, "with another's address"),
        ];
        string[] said = [.. left.Where(part => part.People > 0).Select(part => $"{Wording.Number(part.People)} {part.Why}")];
        return said.Length == 0 ? "" : $"Left out: {string.Join(", ", said)}.";
    }
}
