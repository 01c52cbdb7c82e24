using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Sequences;

/// <summary>Mails that follow each other at intervals, for one person after the other.</summary>
internal sealed class Sequence : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    /// <summary><c>sequence_</c> and 12 characters: what clients name.</summary>
    public required string PublicId { get; set; }

    public required string Name { get; set; }

    /// <summary>Whoever is given this tag is enrolled; in lower case. Null = nobody is by a tag.</summary>
    public string? EnrolTag { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>One mail of a sequence.</summary>
internal sealed class SequenceStep : ISiteOwned
{
    /// <summary>
    /// What clients know as the number of its template is this and the id: broadcasts' numbers are below it, and both read one list of templates.
    /// Still an integer of 32 bits.
    /// </summary>
    public const long FirstTemplate = 1_000_000_000;

    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    public long SequenceId { get; set; }

    /// <summary>From 0.</summary>
    public int Position { get; set; }

    public required string Subject { get; set; }

    public string? PreviewText { get; set; }

    public required string Html { get; set; }

    /// <summary><c>plain</c> or <c>raw</c>.</summary>
    public required string Type { get; set; }

    public DelayUnit DelayUnit { get; set; }

    /// <summary>So many units after the step before it, or after the enrolment.</summary>
    public int DelayCount { get; set; }

    /// <summary>Bare addresses with commas between; null = none.</summary>
    public string? Cc { get; set; }

    public string? Bcc { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public long Template => FirstTemplate + Id;

    /// <summary>When it is due. Days and months are the calendar's in the site's zone: a month after 31 January is the last day of February.</summary>
    /// <param name="from">The step before it, or the enrolment.</param>
    /// <param name="zone">The site's.</param>
    public DateTimeOffset DueAfter(DateTimeOffset from, TimeZoneInfo zone)
    {
        if (DelayUnit is DelayUnit.Minutes or DelayUnit.Hours)
        {
            return from + (DelayUnit == DelayUnit.Minutes ? TimeSpan.FromMinutes(DelayCount) : TimeSpan.FromHours(DelayCount));
        }

        var there = TimeZoneInfo.ConvertTime(from, zone).DateTime;
        there = DelayUnit == DelayUnit.Days ? there.AddDays(DelayCount) : there.AddMonths(DelayCount);
        // A time that the clocks leave out is read as one hour later.
        if (zone.IsInvalidTime(there))
        {
            there = there.AddHours(1);
        }

        return new DateTimeOffset(there, zone.GetUtcOffset(there)).ToUniversalTime();
    }
}

internal enum DelayUnit
{
    Minutes,
    Hours,
    Days,
    Months,
}

/// <summary>A person's way through a sequence, once for each.</summary>
internal sealed class Enrolment : ISiteOwned
{
    public long Id { get; set; }

    public SiteId SiteId { get; set; }

    public long SequenceId { get; set; }

    public SubscriberId SubscriberId { get; set; }

    /// <summary>The position of the next step.</summary>
    public int Position { get; set; }

    public EnrolmentState State { get; set; }

    /// <summary>The enrolment, or the step before the next.</summary>
    public DateTimeOffset SinceAt { get; set; }

    /// <summary>When the next step is due; null = not worked out yet.</summary>
    public DateTimeOffset? DueAt { get; set; }
}

internal enum EnrolmentState
{
    Active,

    /// <summary>The last step was handed to the ledger.</summary>
    Finished,

    /// <summary>The person unsubscribed, was suppressed or deleted, or somebody stopped their way.</summary>
    Ended,
}
