using System.Globalization;

namespace Ekiben.Tests.Simulation;

/// <summary>
/// The invariants of the ledger under random trouble. A seed that breaks one is named, and gives the same again:
/// <c>EKIBEN_SEED=33 dotnet run --project tests/Ekiben.Tests -- --filter-class '*.When_anything_happens_at_any_time'</c>.
/// </summary>
public class When_anything_happens_at_any_time
{
    private const int Seeds = 500;
    private const int LongSeeds = 10_000;

    /// <summary>From 1; <c>EKIBEN_SEEDS</c> says how many.</summary>
    private static int Last => int.TryParse(Environment.GetEnvironmentVariable("EKIBEN_SEEDS"), NumberStyles.None, CultureInfo.InvariantCulture, out var given)
        ? given
        : Environment.GetEnvironmentVariable("EKIBEN_TEST_LONG") is { Length: > 0 } ? LongSeeds : Seeds;

    [Fact]
    public void Nobody_is_lost_and_only_the_uncertain_get_two_copies()
    {
        if (Environment.GetEnvironmentVariable("EKIBEN_SEED") is { Length: > 0 } alone)
        {
            SimulatedSend.Run(int.Parse(alone, CultureInfo.InvariantCulture));
            return;
        }

        var broken = new SortedDictionary<int, string>();
        var options = new ParallelOptions { CancellationToken = TestContext.Current.CancellationToken, MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.For(1, Last + 1, options, seed =>
        {
            try
            {
                SimulatedSend.Run(seed);
            }
            catch (Exception exception)
            {
                lock (broken)
                {
                    broken.Add(seed, exception is BrokenPromise ? exception.Message : exception.ToString());
                }
            }
        });
        Assert.True(
            broken.Count == 0,
            $"{broken.Count} seeds failed. Run one alone: EKIBEN_SEED={broken.Keys.FirstOrDefault()} dotnet run --project tests/Ekiben.Tests -- --filter-class '*.{nameof(When_anything_happens_at_any_time)}'\n"
            + string.Join('\n', broken.Take(20).Select(one => $"seed {one.Key}: {one.Value}")));
    }

    [Fact]
    public void A_seed_gives_the_same_again()
    {
        for (var seed = 1; seed <= 20; seed++)
        {
            Assert.Equal(SimulatedSend.Run(seed), SimulatedSend.Run(seed));
        }
    }
}
