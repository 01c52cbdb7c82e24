using System.Text;
using Ekiben.Broadcasts;
using Ekiben.Mails;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Tags;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Sequences;

/// <summary>What can be done to a sequence, for the API and the platform alike. Each answers one sentence when it cannot be; the caller owns the transaction.</summary>
internal static class SequenceEdits
{
    public const int MaxNameLength = 255;

    /// <summary>A list of them is read whole by clients.</summary>
    public const int MaxSequences = 1000;

    public const int MaxSteps = 200;

    /// <summary>Units of a delay: three digits are 83 years of months.</summary>
    public const int MaxDelay = 999;

    /// <summary>Clients send half a megabyte at most.</summary>
    public const int MaxHtml = 512 << 10;

    /// <summary>One sentence on a name; null when it can be used.</summary>
    public static string? NameFault(string? name) => string.IsNullOrEmpty(name) || name.Length > MaxNameLength || name.AsSpan().IndexOfAny('\r', '\n', '\0') >= 0
        ? $"name must be one line of 1 to {MaxNameLength} characters."
        : null;

    /// <summary>One sentence on a tag; null when it can be used, or is not there.</summary>
    public static string? TagFault(string? tag) => string.IsNullOrEmpty(tag) ? null : TagNames.Fault(tag);

    /// <summary>One sentence on what a step says; null when it can be used.</summary>
    public static string? StepFault(Site site, string? subject, string? html, string? preview, string type)
    {
        if (string.IsNullOrWhiteSpace(subject) || subject.Length > BroadcastItemReader.MaxSubjectLength || subject.AsSpan().IndexOfAny('\r', '\n', '\0') >= 0)
        {
            return $"subject must be one line of 1 to {BroadcastItemReader.MaxSubjectLength} characters.";
        }

        return string.IsNullOrWhiteSpace(html) || Encoding.UTF8.GetByteCount(html) > MaxHtml || html.Contains('\0', StringComparison.Ordinal)
            ? $"html must be a text of at most {MaxHtml >> 10} KiB without NUL."
            : new ContentDraft("a@a.example", "", subject, preview, html, type).Fault(site, isTransactional: false);
    }

    /// <summary>Adds a sequence. Both texts have no fault; the tag may be empty.</summary>
    public static async Task<(Sequence? Made, string? Problem)> MakeAsync(Db db, SiteId site, string name, string? tag, DateTimeOffset now, CancellationToken cancel)
    {
        if (await db.Sequences.CountAsync(cancel) >= MaxSequences)
        {
            return (null, $"A site has at most {MaxSequences} sequences.");
        }

        var made = new Sequence
        {
            SiteId = site,
            PublicId = PublicIds.New(PublicIds.Sequence),
            Name = name,
            EnrolTag = string.IsNullOrEmpty(tag) ? null : Words.AsciiLower(tag),
            CreatedAt = now,
        };
        db.Sequences.Add(made);
        return (made, null);
    }

    /// <summary>Puts a step behind the others; its place is set here. Whoever has finished gets no step that comes later.</summary>
    public static async Task<string?> AppendAsync(Db db, SequenceStep step, CancellationToken cancel)
    {
        step.Position = await db.SequenceSteps.CountAsync(other => other.SequenceId == step.SequenceId, cancel);
        if (step.Position >= MaxSteps)
        {
            return $"A sequence has at most {MaxSteps} steps.";
        }

        db.SequenceSteps.Add(step);
        return null;
    }

    /// <summary>Ends a person's way: no further step of it is made a mail. What was made one goes out.</summary>
    public static async Task<string?> StopAsync(Db db, long enrolment, CancellationToken cancel)
    {
        if (await db.Enrolments.FirstOrDefaultAsync(one => one.Id == enrolment, cancel) is not { State: EnrolmentState.Active } found)
        {
            return "They are not on their way through this sequence any more.";
        }

        (found.State, found.DueAt) = (EnrolmentState.Ended, null);
        return null;
    }
}
