using System.Globalization;
using Ekiben.Web;

namespace Ekiben.Broadcasts.Pages;

/// <summary>A rate as people type it, and its forecast as they read it.</summary>
internal static class RateWords
{
    /// <summary>
    /// <c>next at 14:03:10, finished Thu 17:40</c>; the next of another day with its day.
    /// </summary>
    public static string Forecast(DateTimeOffset next, DateTimeOffset finish, DateTimeOffset now, TimeZoneInfo zone)
    {
        var (local, today) = (TimeZoneInfo.ConvertTime(next, zone), TimeZoneInfo.ConvertTime(now, zone));
        var at = local.ToString(local.Date == today.Date ? "HH:mm:ss" : "ddd HH:mm:ss", CultureInfo.InvariantCulture);
        return $"next at {at}, finished {Wording.Time(finish, now, zone)}";
    }

    /// <summary>What becomes of what is on a connection now, when sending stops or changes; null = nothing is sent yet.</summary>
    public static string InFlight(Receipt? receipt) => receipt?.Sending switch
    {
        null or 0 => "Nothing is on its way to the relay at this moment.",
        1 => "1 message is on its way to the relay now: it still finishes and is recorded.",
        var count => $"{Wording.Number(count.Value)} messages are on their way to the relay now: they still finish and are recorded.",
    };

    /// <summary>Digits, with or without the marks that group them; nothing at all is no limit (null). False when it is no rate that there can be.</summary>
    public static bool TryRead(string? typed, out int? perHour)
    {
        perHour = null;
        var digits = (typed ?? "").Replace(",", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal);
        if (digits.Length == 0)
        {
            return true;
        }

        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var rate) || rate is < BroadcastItemReader.MinPerHour or > BroadcastItemReader.MaxPerHour)
        {
            return false;
        }

        perHour = rate;
        return true;
    }
}
