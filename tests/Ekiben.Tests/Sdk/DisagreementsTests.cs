namespace Ekiben.Tests.Sdk;

/// <summary>Each matter on which Bento's documents and SDKs disagree is really sent by a recorded exchange, and its answer read.</summary>
public sealed class DisagreementsTests
{
    private static readonly List<RecordedExchange> Recorded = [.. RecordedExchange.Clients.SelectMany(RecordedExchange.Read)];

    public static TheoryData<int, string> Matters => [.. Disagreements.All.SelectMany(row => row.Value.Select(shown => (row.Key, shown.What)))];

    [Theory, MemberData(nameof(Matters))]
    public void Each_is_shown(int row, string what)
    {
        var shown = Assert.Single(Disagreements.All[row], shown => shown.What == what);
        Assert.True(Recorded.Any(shown.Is), $"no exchange shows of row {row}: {what}");
    }

    [Fact]
    public void No_row_is_left_out() => Assert.Equal(Enumerable.Range(1, 33), Disagreements.All.Keys.Concat(Disagreements.NotShown).Order());
}
