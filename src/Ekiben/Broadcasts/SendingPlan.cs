using Ekiben.Web;

namespace Ekiben.Broadcasts;

/// <summary>
/// When a broadcast would start and finish, from its rate alone: the relay may be slower, and nothing is faster than the rate.
/// The finish is null without a rate, since nobody knows how fast the relay takes.
/// </summary>
internal sealed record SendingPlan(DateTimeOffset StartsAt, DateTimeOffset? FinishesAt)
{
    /// <summary>The plan before the start. Without a time, or with one that is past, a person's approval starts it after the undo window.</summary>
    public static SendingPlan BeforeStart(long people, int? perHour, DateTimeOffset? sendAt, DateTimeOffset now)
    {
        var earliest = now + BroadcastActions.UndoWindow;
        var start = sendAt is { } due && due > earliest ? due : earliest;
        return new SendingPlan(start, Finish(people, perHour, start));
    }

    /// <summary>When those who are left will have been tried once.</summary>
    public static DateTimeOffset? Finish(long people, int? perHour, DateTimeOffset start) =>
        perHour is > 0 and { } rate ? start + TimeSpan.FromHours((double)people / rate) : null;

    public static string Rate(int? perHour) => perHour is { } rate ? $"{Wording.Number(rate)} an hour" : "as fast as the relay takes";
}
