namespace Ekiben.Broadcasts;

/// <summary>What came of making every message of a broadcast without sending one. <c>recipients = made + blocked</c>.</summary>
internal sealed record RehearsalResult
{
    public required string BroadcastId { get; init; }

    /// <summary>Of the manifest that was rehearsed; the result is worth nothing for another.</summary>
    public required string Digest { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required DateTimeOffset FinishedAt { get; init; }

    public required long Matched { get; init; }

    public required long Excluded { get; init; }

    public required long Unsubscribed { get; init; }

    public required long Suppressed { get; init; }

    public required long DuplicateAddresses { get; init; }

    public required long Recipients { get; init; }

    /// <summary>Messages that could be made.</summary>
    public required long Made { get; init; }

    /// <summary>People whose message cannot be made: they would get none.</summary>
    public required long Blocked { get; init; }

    /// <summary>Why, the commonest first.</summary>
    public required IReadOnlyList<BlockedReason> Reasons { get; init; }

    /// <summary>The first of the blocked.</summary>
    public required IReadOnlyList<BlockedPerson> Failing { get; init; }

    /// <summary>Fields that the content shows without a default, and how many have nothing there.</summary>
    public required IReadOnlyList<FieldHoles> Holes { get; init; }

    /// <summary>People with at least one hole in what they would get.</summary>
    public required long PeopleWithHoles { get; init; }

    /// <summary>Null when no message could be made.</summary>
    public required LongestSubject? LongestSubject { get; init; }

    /// <summary>Whole messages by size; the sums are <see cref="Made"/>.</summary>
    public required IReadOnlyList<SizeClass> Sizes { get; init; }

    /// <summary>Bytes of the largest message.</summary>
    public required long LargestBytes { get; init; }

    /// <summary>Bytes of all messages: what the relay is given.</summary>
    public required long TotalBytes { get; init; }

    public required SendForecast Forecast { get; init; }
}

/// <param name="Reason">One sentence.</param>
/// <param name="People">How many.</param>
internal sealed record BlockedReason(string Reason, long People);

internal sealed record BlockedPerson(string Email, string Name, string Reason);

/// <param name="Field">As the template writes it.</param>
/// <param name="People">How many have nothing there.</param>
internal sealed record FieldHoles(string Field, long People);

/// <param name="Text">The subject.</param>
/// <param name="Length">In characters as people count them.</param>
/// <param name="Email">Whose.</param>
internal sealed record LongestSubject(string Text, int Length, string Email);

/// <param name="UpToBytes">Null for the last class, which has no end.</param>
/// <param name="Messages">How many.</param>
internal sealed record SizeClass(long? UpToBytes, long Messages);

/// <param name="StartsAt">If it were approved now.</param>
/// <param name="FinishesAt">Null without a rate: nobody knows how fast the relay takes.</param>
/// <param name="PerHour">Null = as fast as the relay takes.</param>
internal sealed record SendForecast(DateTimeOffset StartsAt, DateTimeOffset? FinishesAt, int? PerHour);

/// <summary>How far a rehearsal is.</summary>
/// <param name="Done">Messages tried.</param>
/// <param name="Of">Recipients as counted at its beginning.</param>
internal sealed record RehearsalProgress(long Done, long Of);
