using System.Globalization;

namespace Ekiben.Commands;

/// <summary>Rounds of <c>bench</c> as a table of medians and ranges; ratios are taken within a round.</summary>
internal sealed class BenchTable(int w, int messageSize)
{
    private readonly List<BenchRound> _source = [];
    private readonly SortedDictionary<BenchVariant, List<BenchRound>> _ours = [];
    private readonly List<double> _signs = [];

    /// <param name="source">Postfix's sender in this round.</param>
    /// <param name="ours">Ours in this round.</param>
    /// <param name="signs">Signatures a second by <c>openssl speed</c>, measured in this round; null = not asked for.</param>
    public void Add(BenchRound source, IEnumerable<(BenchVariant Variant, BenchRound Round)> ours, double? signs)
    {
        _source.Add(source);
        if (signs is { } some)
        {
            _signs.Add(some);
        }

        foreach (var (variant, round) in ours)
        {
            if (!_ours.TryGetValue(variant, out var rounds))
            {
                _ours[variant] = rounds = [];
            }

            rounds.Add(round);
        }
    }

    public void Write(TextWriter output)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_source.Count} rounds of {_source[0].Messages:n0} messages of {messageSize:n0} octets into smtp-sink on loopback; W = {w}; {Environment.ProcessorCount} cores."));
        output.WriteLine("Median (lowest to highest).");
        output.WriteLine($"smtp-source -d -s {PostfixTools.SourceSessions}: {Spread(_source, r => r.Rate, "n0")} msg/s, CPU a message {Spread(_source, r => r.SourceCpuUs, "0.0")} us, sink's {Spread(_source, r => r.SinkCpuUs, "0.0")} us, foreign CPU {Spread(_source, r => r.ForeignCpu, "p0")}");
        foreach (var (variant, rounds) in _ours)
        {
            output.WriteLine($"ekiben {Words(variant)}: {Spread(rounds, r => r.Rate, "n0")} msg/s, CPU a message {Spread(rounds, r => r.OwnCpuUs, "0.0")} us, sink's {Spread(rounds, r => r.SinkCpuUs, "0.0")} us, foreign CPU {Spread(rounds, r => r.ForeignCpu, "p0")}");
            output.WriteLine($"  to smtp-source: rate x {Ratio(rounds, _source, r => r.Rate, r => r.Rate)}, CPU x {Ratio(rounds, _source, r => r.OwnCpuUs, r => r.SourceCpuUs)}; allocated {Spread(rounds, r => r.Allocated, "n0")} B a message; peak memory {Spread(rounds, r => r.PeakMb, "0")} MB");
        }

        if (_ours.TryGetValue(BenchVariant.Ledger, out var with) && _ours.TryGetValue(BenchVariant.NoLedger, out var without))
        {
            output.WriteLine($"With ledger to without: rate x {Ratio(with, without, r => r.Rate, r => r.Rate)}");
        }

        if (_ours.TryGetValue(BenchVariant.Signed, out var signed))
        {
            output.WriteLine($"Signed to openssl speed -multi {Environment.ProcessorCount} rsa2048 ({Spread([.. _signs], "n0")} signs/s): x {Spread([.. signed.Zip(_signs, (round, signs) => round.Rate / signs)], "0.00")}");
        }
    }

    private static string Words(BenchVariant variant) => variant switch
    {
        BenchVariant.NoLedger => "without ledger",
        BenchVariant.Ledger => "with ledger",
        _ => "with ledger, signed",
    };

    private static string Ratio(List<BenchRound> above, List<BenchRound> below, Func<BenchRound, double> upper, Func<BenchRound, double> lower) =>
        Spread([.. above.Zip(below, (a, b) => upper(a) / lower(b))], "0.00");

    private static string Spread(List<BenchRound> rounds, Func<BenchRound, double> figure, string format) => Spread([.. rounds.Select(figure)], format);

    private static string Spread(double[] figures, string format)
    {
        Array.Sort(figures);
        var middle = figures.Length / 2;
        var median = figures.Length % 2 == 1 ? figures[middle] : (figures[middle - 1] + figures[middle]) / 2;
        return $"{Text(median)} ({Text(figures[0])} to {Text(figures[^1])})";

        string Text(double figure) => figure.ToString(format, CultureInfo.InvariantCulture);
    }
}
