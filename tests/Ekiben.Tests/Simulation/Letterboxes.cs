namespace Ekiben.Tests.Simulation;

/// <summary>The truth about who got what, by whichever relay. It outlives every process.</summary>
/// <param name="broken">Is told of a copy that must not be.</param>
internal sealed class Letterboxes(Action<string> broken)
{
    private readonly Dictionary<long, int> _copies = [];
    private readonly Dictionary<long, int> _lies = [];

    public int CopiesOf(long address) => _copies.GetValueOrDefault(address);

    /// <summary>Answers about this recipient that were not true: each may cost or make a copy.</summary>
    public int LiesTo(long address) => _lies.GetValueOrDefault(address);

    /// <summary>I6: another copy only of what was uncertain.</summary>
    public void Keep(SimulatedRow row)
    {
        var copies = _copies[row.Address] = CopiesOf(row.Address) + 1;
        if (copies > 1 + row.UncertainOutcomes + LiesTo(row.Address))
        {
            broken($"I6: row {row.Address} has {copies} copies and was uncertain {row.UncertainOutcomes} times");
        }
    }

    public void Lie(SimulatedRow row) => _lies[row.Address] = LiesTo(row.Address) + 1;
}
