namespace Ekiben.Broadcasts;

/// <summary>When an approved broadcast starts: a pure function of its rows and the clock.</summary>
internal static class Schedule
{
    /// <summary>A server that was down for longer does not send yesterday's news by itself (ledger.md rule 7).</summary>
    public static readonly TimeSpan LatestStart = TimeSpan.FromHours(24);

    /// <summary>An audience that moved by more than this share and by more than <see cref="DriftPeople"/> is shown again (ledger.md rule 6).</summary>
    public const double DriftShare = 0.10;

    public const long DriftPeople = 50;

    public static ScheduleStep Decide(Broadcast broadcast, Approval approval, DateTimeOffset now)
    {
        var dueAt = Later(broadcast.SendAt ?? approval.EffectiveAt, approval.EffectiveAt);
        if (now < dueAt)
        {
            return new ScheduleStep.Wait(dueAt);
        }

        var startBase = Later(broadcast.SendAt ?? approval.StartBase, approval.StartBase);
        return now - startBase > LatestStart
            ? new ScheduleStep.Hold("It is more than 24 hours late: the server was not running when it was due. Resume it to send it now.")
            : new ScheduleStep.Start();
    }

    /// <summary>The sentence for an audience that moved since a person approved it, or null.</summary>
    public static string? Drift(Approval approval, long countedNow, bool guardKeys)
    {
        if (!approval.ByPerson && !guardKeys)
        {
            return null;
        }

        var moved = Math.Abs(countedNow - approval.CountedRecipients);
        return moved > DriftPeople && moved > approval.CountedRecipients * DriftShare
            ? $"The audience moved: {approval.CountedRecipients} recipients were approved, {countedNow} match now. Resume it to approve {countedNow}."
            : null;
    }

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}

/// <summary>What to do with a scheduled broadcast now.</summary>
internal abstract record ScheduleStep
{
    public sealed record Wait(DateTimeOffset Until) : ScheduleStep;

    public sealed record Start : ScheduleStep;

    public sealed record Hold(string Reason) : ScheduleStep;
}
