using Ekiben.Accounts;
using Ekiben.Providers;
using Ekiben.Storage;

namespace Ekiben.Broadcasts.Pages;

/// <summary>
/// What the page of one broadcast knows at the moment. The page reads it and keeps it fresh; its sections (<see cref="ReviewSection"/>,
/// <see cref="LiveSection"/>, <see cref="ReceiptSection"/>) get it by cascade and read nothing of it themselves.
/// </summary>
/// <param name="Reviewed">The broadcast, its site and the approval that counts.</param>
/// <param name="User">Who looks; null when their log-in was ended.</param>
internal sealed record BroadcastScene(ReviewedBroadcast Reviewed, PlatformUser? User)
{
    public Broadcast Broadcast => Reviewed.Broadcast;

    /// <summary>Whom it would reach now; null while counting, and once the audience is frozen.</summary>
    public AudienceCount? Count { get; init; }

    /// <summary>What was checked before an approval; null while that takes, and once the audience is frozen.</summary>
    public PreflightReport? Report { get; init; }

    /// <summary>The last rehearsal of the broadcast as it is now.</summary>
    public RehearsalResult? Rehearsal { get; init; }

    /// <summary>Null until the audience is frozen.</summary>
    public Receipt? Receipt { get; init; }

    /// <summary>The receipt is a recount that can say whether the sums agree; else it is the counts that each commit keeps.</summary>
    public bool IsExact { get; init; }

    /// <summary>When the next may go and all will have; null while nothing is sent.</summary>
    public Forecast? Forecast { get; init; }

    /// <summary>What this page saw of the progress, look by look; the same list for all scenes of a page.</summary>
    public IReadOnlyList<ProgressPoint> Progress { get; init; } = [];

    /// <summary>What the relay last said that was not "taken" at once, newest first.</summary>
    public IReadOnlyList<LastAnswer> LastAnswers { get; init; } = [];

    /// <summary>What the run's lanes do for each provider, out of its memory; empty where nothing has to pass a gate, and while nothing is sent.</summary>
    public IReadOnlyList<ProviderLane> Lanes { get; init; } = [];

    /// <summary>The codes of the warnings that this viewer ticked; one set for the list on the page and the one in the dialog.</summary>
    public HashSet<string> Ticked { get; init; } = new(StringComparer.Ordinal);

    public IEnumerable<PreflightFinding> Unticked => Report?.Warnings.Where(w => !Ticked.Contains(w.Code)) ?? [];
}

/// <summary>How many recipients were done at one look.</summary>
public sealed record ProgressPoint(DateTimeOffset At, long Done);
