using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Ekiben.Storage;

/// <summary>Every stored time is UTC, in whole milliseconds since 1970: the same integer on each database, and it sorts.</summary>
internal static class Times
{
    public static long ToStored(this DateTimeOffset at) => at.ToUnixTimeMilliseconds();

    public static DateTimeOffset FromStored(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    public static DateTimeOffset? FromStored(long? milliseconds) => milliseconds is { } some ? FromStored(some) : null;
}

internal sealed class TimeConverter() : ValueConverter<DateTimeOffset, long>(at => at.ToStored(), stored => Times.FromStored(stored));
