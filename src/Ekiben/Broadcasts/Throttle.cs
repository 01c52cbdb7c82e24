namespace Ekiben.Broadcasts;

/// <summary>
/// The hourly promise (ledger.md rule 22): at most N attempts in any half-open 3,600 s, spread evenly, nothing saved up while idle.
/// A grant lets q = max(1, ⌊N/3600⌋) rows go; grants are at least <see cref="Spacing"/> apart. A grant of one row is used when it is given.
/// One of several rows may be used until the next grant, so one grant fewer an hour is given then: an hour cannot touch more than ⌊N/q⌋ of them.
/// </summary>
internal static class Throttle
{
    private const long HourMs = 3_600_000;

    /// <summary>Rows a grant.</summary>
    public static int GrantSize(int perHour) => Math.Max(1, perHour / 3600);

    /// <summary>Milliseconds between grants, rounded up so that rounding never breaks the promise.</summary>
    public static long Spacing(int perHour)
    {
        var size = GrantSize(perHour);
        var grants = (perHour / size) - (size > 1 ? 1 : 0);
        return (HourMs + grants - 1) / grants;
    }

    /// <summary>Takes one row's permission out of the state kept with the broadcast.</summary>
    /// <param name="perHour">N.</param>
    /// <param name="state">The last grant, null before the first.</param>
    /// <param name="nowMs">The database's clock, in milliseconds.</param>
    public static ThrottleAnswer Take(int perHour, ThrottleState? state, long nowMs)
    {
        if (state is { } current)
        {
            var nextAt = current.GrantAtMs + Spacing(perHour);
            if (nowMs < nextAt)
            {
                return current.Left > 0
                    ? new ThrottleAnswer(current with { Left = current.Left - 1 }, null)
                    : new ThrottleAnswer(current, nextAt);
            }
        }

        return new ThrottleAnswer(new ThrottleState(nowMs, GrantSize(perHour) - 1), null);
    }

    /// <summary>How long <paramref name="people"/> take at this rate.</summary>
    public static TimeSpan Duration(long people, int perHour)
    {
        var size = GrantSize(perHour);
        var grants = (people + size - 1) / size;
        return TimeSpan.FromMilliseconds(Math.Max(0, grants - 1) * (double)Spacing(perHour));
    }
}

/// <summary>What the rate alone says of the rest; both null without one, since nobody knows how fast the relay takes.</summary>
/// <param name="NextAt">When the next message may go.</param>
/// <param name="FinishesAt">When those who are left will have been tried once.</param>
internal sealed record Forecast(DateTimeOffset? NextAt, DateTimeOffset? FinishesAt)
{
    public static Forecast Of(int? perHour, ThrottleState? state, long left, DateTimeOffset now)
    {
        if (perHour is not { } rate || left == 0)
        {
            return new Forecast(null, null);
        }

        var nowMs = now.ToUnixTimeMilliseconds();
        if (state is not { } grant || grant.GrantAtMs + Throttle.Spacing(rate) is var nextGrant && nowMs >= nextGrant)
        {
            return new Forecast(now, now + Throttle.Duration(left, rate));
        }

        var next = DateTimeOffset.FromUnixTimeMilliseconds(nextGrant);
        var rest = left - grant.Left;
        return new Forecast(grant.Left > 0 ? now : next, rest > 0 ? next + Throttle.Duration(rest, rate) : now);
    }
}

/// <summary>The last grant and what is left of it.</summary>
internal readonly record struct ThrottleState(long GrantAtMs, int Left);

/// <summary>The state to keep, and when to ask again; null = go.</summary>
internal readonly record struct ThrottleAnswer(ThrottleState State, long? WaitUntilMs);
