using System.Text.Encodings.Web;
using System.Text.Json;
using Ekiben.Storage;

namespace Ekiben.Broadcasts;

/// <summary>How much a finding weighs.</summary>
internal enum FindingLevel
{
    /// <summary>Worth knowing; nothing is asked.</summary>
    Note,

    /// <summary>A person ticks it before they approve; the tick is kept with the approval.</summary>
    Warning,

    /// <summary>It cannot be approved like this, by nobody.</summary>
    Blocker,
}

/// <summary>One line of the preflight.</summary>
/// <param name="Code">Stable, for programs and ticks.</param>
/// <param name="Level">Whether it blocks, wants a tick, or is a note.</param>
/// <param name="Text">One sentence with its numbers.</param>
/// <param name="FixLabel">What to do about it, in two or three words; null where there is nothing to open.</param>
/// <param name="FixHref">Where, in the platform.</param>
internal sealed record PreflightFinding(string Code, FindingLevel Level, string Text, string? FixLabel = null, string? FixHref = null);

/// <summary>What was checked about a broadcast as it is now: its manifest, whom it reaches, and what was found, blockers first.</summary>
internal sealed record PreflightReport(string Manifest, AudienceCount Count, IReadOnlyList<PreflightFinding> Findings)
{
    /// <summary>For people to read: sentences stand in it as they are.</summary>
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public string Digest { get; } = Broadcasts.Manifest.DigestOf(Manifest);

    public PreflightFinding? Blocker => Findings.FirstOrDefault(f => f.Level == FindingLevel.Blocker);

    public IEnumerable<PreflightFinding> Warnings => Findings.Where(f => f.Level == FindingLevel.Warning);

    /// <summary>The sentences behind the ticks, as <see cref="Approval.Ticked"/> keeps them.</summary>
    public string TickedText(IReadOnlyCollection<string> codes) =>
        JsonSerializer.Serialize(Warnings.Where(w => codes.Contains(w.Code)).Select(w => w.Text), Readable);
}
