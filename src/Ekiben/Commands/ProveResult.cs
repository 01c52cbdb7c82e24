using System.Globalization;
using Ekiben.Broadcasts;

namespace Ekiben.Commands;

/// <summary>What <c>prove</c> is to do.</summary>
internal sealed record ProvePlan(int Kills, int Recipients, int Pauses, UncertainPolicy Policy);

/// <summary>What <c>prove</c> found, and its verdict: a pure function of the figures.</summary>
internal sealed record ProveResult
{
    /// <summary>From the start of a server to its first message that the receiving side has, at most (docs/ledger.md rule 19).</summary>
    public const double AgainLimitSeconds = 10;

    /// <summary>From a pause to the last message that arrives, at most, beside what the receiving side delays its answers.</summary>
    public const double PauseLimitSeconds = 1;

    public required string Policy { get; init; }

    public required int Recipients { get; init; }

    /// <summary>W: messages on the wire at once, at most (rule 12).</summary>
    public required int OnTheWireAtMost { get; init; }

    public required int Kills { get; init; }

    /// <summary>Recipients of whom no copy arrived and whom the ledger does not name as uncertain.</summary>
    public required long Lost { get; init; }

    /// <summary>Copies beyond the first, over all recipients.</summary>
    public required long Repeated { get; init; }

    /// <summary>Recipients with several copies that the ledger never had as uncertain.</summary>
    public required long RepeatedUnnamed { get; init; }

    /// <summary>Recipients whose copies do not all carry one Message-ID.</summary>
    public required long DifferingMessageIds { get; init; }

    /// <summary>Copies for people who are no recipients.</summary>
    public required long Unknown { get; init; }

    /// <summary>Rows that each kill left on the wire, in order.</summary>
    public required IReadOnlyList<long> UncertainByKill { get; init; }

    /// <summary>Recipients that were uncertain at some time.</summary>
    public required long UncertainEver { get; init; }

    /// <summary>Recipients that are uncertain at the end.</summary>
    public required long UncertainAtEnd { get; init; }

    public required long Accepted { get; init; }

    public required bool Balanced { get; init; }

    /// <summary>Seconds from each start after a kill to the first message, in order.</summary>
    public required IReadOnlyList<double> AgainSeconds { get; init; }

    /// <summary>Seconds from each pause to the last message that still arrived, in order: it was on the wire.</summary>
    public required IReadOnlyList<double> PauseSeconds { get; init; }

    /// <summary>Messages that arrived after a pause, at most.</summary>
    public required long AfterPauseAtMost { get; init; }

    /// <summary>Seconds that the receiving side takes for what is on the wire of one connection.</summary>
    public required double AnswerSeconds { get; init; }

    public long Uncertain => UncertainByKill.Sum();

    public double PauseMaxSeconds => PauseSeconds.DefaultIfEmpty().Max();

    public double AgainMaxSeconds => AgainSeconds.Max();

    public double AgainMedianSeconds => AgainSeconds.Order().ElementAt(AgainSeconds.Count / 2);

    public bool PromiseKept => Broken.Count == 0;

    /// <summary>What of the promise does not hold; empty when it was kept.</summary>
    public IReadOnlyList<string> Broken => [.. Checks().Where(check => !check.Holds).Select(check => check.Otherwise)];

    public string ToText()
    {
        var lines = new List<(string Name, string Value)>
        {
            ("recipients", Number(Recipients)),
            ("on the wire at most (W)", Number(OnTheWireAtMost)),
            ("kills", Number(Kills)),
            ("lost", Number(Lost)),
            ("repeated", Number(Repeated)),
            ("uncertain", $"{Number(Uncertain)} (by kill: {string.Join(' ', UncertainByKill)})"),
            ("uncertain at the end", Number(UncertainAtEnd)),
            ("sending again", string.Create(CultureInfo.InvariantCulture, $"after {AgainMaxSeconds:0.0} s at most, {AgainMedianSeconds:0.0} s in the median")),
            ("pauses", PauseSeconds.Count == 0 ? "0" : string.Create(CultureInfo.InvariantCulture, $"{PauseSeconds.Count}; {AfterPauseAtMost} messages still arrived at most, the last {PauseMaxSeconds:0.00} s after the pause")),
            ("policy", Policy),
        };
        return string.Join(Environment.NewLine, lines.Select(line => $"{line.Name,-24}{line.Value}").Append(PromiseKept ? "promise kept" : "promise broken"));
    }

    private IEnumerable<(bool Holds, string Otherwise)> Checks() =>
    [
        (Lost == 0, $"{Lost} lost"),
        (UncertainByKill.All(left => left <= OnTheWireAtMost), $"a kill left {UncertainByKill.Max()} on the wire, more than {OnTheWireAtMost}"),
        (Repeated <= Uncertain, $"{Repeated} repeated, more than the {Uncertain} uncertain"),
        (RepeatedUnnamed == 0, $"{RepeatedUnnamed} repeated that never were uncertain"),
        (Policy != "hold" || Repeated == 0, $"{Repeated} repeated under hold"),
        (DifferingMessageIds == 0, $"{DifferingMessageIds} with copies of different Message-IDs"),
        (Unknown == 0, $"{Unknown} copies for nobody"),
        (Balanced && Accepted + UncertainAtEnd == Recipients, "the receipt does not add up"),
        (AfterPauseAtMost <= OnTheWireAtMost, $"{AfterPauseAtMost} messages arrived after a pause, more than {OnTheWireAtMost}"),
        (PauseMaxSeconds <= PauseLimitSeconds + AnswerSeconds, string.Create(CultureInfo.InvariantCulture, $"a message arrived {PauseMaxSeconds:0.00} s after a pause")),
        (AgainMaxSeconds <= AgainLimitSeconds, string.Create(CultureInfo.InvariantCulture, $"sending again took {AgainMaxSeconds:0.0} s")),
    ];

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
