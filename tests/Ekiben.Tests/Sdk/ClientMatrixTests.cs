namespace Ekiben.Tests.Sdk;

/// <summary>Which client calls what (<c>Exchanges/matrix.md</c>), pair by pair: each must be recorded, and nothing else may be.</summary>
public sealed class ClientMatrixTests
{
    private static readonly Dictionary<string, IReadOnlyList<RecordedExchange>> Recorded = RecordedExchange.Clients.ToDictionary(client => client, RecordedExchange.Read);

    /// <summary>Every filled cell: a client and an endpoint.</summary>
    public static TheoryData<string, string> Pairs
    {
        get
        {
            var rows = File.ReadLines(Path.Combine(RecordedExchange.Folder, "matrix.md")).Where(line => line.StartsWith('|'))
                .Select(line => line.Trim('|').Split('|', StringSplitOptions.TrimEntries)).ToList();
            var pairs = new TheoryData<string, string>();
            foreach (var row in rows.Skip(2))
            {
                Assert.True(row.Length == rows[0].Length, $"the line of {row[0]} has not as many cells as the head");
                foreach (var column in Enumerable.Range(1, row.Length - 1).Where(column => row[column].Length > 0))
                {
                    pairs.Add(rows[0][column], row[0].Trim('`'));
                }
            }

            return pairs;
        }
    }

    [Theory, MemberData(nameof(Pairs))]
    public void What_a_client_calls_is_recorded(string client, string endpoint)
    {
        Assert.True(Recorded.ContainsKey(client), $"there is no {client}.txt");
        Assert.True(Recorded[client].Any(exchange => exchange.IsOf(endpoint)), $"{client}.txt has no {endpoint}");
    }

    [Fact]
    public void What_is_recorded_is_in_the_matrix()
    {
        var known = Pairs.Select(pair => (Client: pair.Data.Item1, Endpoint: pair.Data.Item2)).ToLookup(pair => pair.Client, pair => pair.Endpoint);
        Assert.Empty(Recorded.Values.SelectMany(exchanges => exchanges).Where(exchange => !known[exchange.Client].Any(exchange.IsOf)).Select(exchange => $"{exchange.Client}: {exchange.Endpoint}"));
    }
}
