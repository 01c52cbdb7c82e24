using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Sdk;

/// <summary>What each SDK sends, and what it reads of the answer, without the SDK.</summary>
public sealed partial class RecordedExchangesTests(EkibenApp app)
{
    /// <summary>
    /// Matters on which Bento's documents and SDKs disagree, by number, that no recorded request can show: 30 is the number of requests in a minute
    /// (Web/RequestLimitsTests), 31 a fault of one client.
    /// </summary>
    private static readonly int[] NotShown = [30, 31];

    public static TheoryData<string> Names => [.. Directory.GetFiles(RecordedExchange.Folder, "*.txt").Select(file => Path.GetFileNameWithoutExtension(file)!).Order()];

    [Theory, MemberData(nameof(Names))]
    public async Task Each_request_gets_what_its_client_reads(string name)
    {
        var site = await app.AddSiteAsync();
        var names = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["site"] = site.Uuid,
            ["segment"] = (await site.PostAsync("/api/ekiben/v1/segments", new { name = "All", rule = new { field = "email", op = "exists" } })).Json.GetProperty("id").GetString()!,
            ["sequence"] = (await site.PostAsync("/api/ekiben/v1/sequences", new { name = "Onboarding" })).Json.GetProperty("id").GetString()!,
        };
        foreach (var exchange in RecordedExchange.Read(name))
        {
            using var request = new HttpRequestMessage(new HttpMethod(exchange.Method), Fill(exchange.Path));
            var type = exchange.Headers.Where(header => header.Name == "Content-Type").Select(header => header.Value).FirstOrDefault() ?? "application/json";
            if (exchange.Body is not null || exchange.Headers.Any(header => header.Name == "Content-Type"))
            {
                request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Fill(exchange.Body ?? "")));
                request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
            }

            foreach (var (header, value) in exchange.Headers.Where(header => header.Name != "Content-Type"))
            {
                request.Headers.TryAddWithoutValidation(header, Fill(value));
            }

            var reply = await Reply.OfAsync(await site.Client.SendAsync(request, TestContext.Current.CancellationToken));
            Assert.True((int)reply.Status == exchange.Status, $"{exchange.Method} {exchange.Path} answered {(int)reply.Status}: {reply.Text}");
            foreach (var line in exchange.Expected)
            {
                var parts = Expectation().Match(line);
                var isValue = parts.Groups["value"].Success;
                var wanted = Fill(isValue ? parts.Groups["value"].Value : parts.Groups["kind"].Value);
                var differs = RecordedExchange.Differs(parts.Groups["path"].Value, wanted, isValue, reply.Json);
                Assert.True(differs is null, $"{exchange.Method} {exchange.Path}: {line}, but there is {differs} in {reply.Text}");
                if (parts.Groups["name"].Success)
                {
                    names[parts.Groups["name"].Value] = reply.Json.GetProperty("data").GetProperty("id").GetString()!;
                }
            }
        }

        string Fill(string text) => names.Aggregate(text, (filled, known) => filled.Replace("{" + known.Key + "}", known.Value, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_disagreement_that_a_request_can_show_is_shown()
    {
        var shown = Directory.GetFiles(RecordedExchange.Folder, "*.txt")
            .SelectMany(File.ReadLines).Where(line => line.StartsWith('#'))
            .SelectMany(line => Row().Matches(line)).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).ToHashSet();
        Assert.Empty(Enumerable.Range(1, 33).Except(NotShown).Except(shown));
    }

    [GeneratedRegex("""^(?<path>\S+) (?:= (?<value>.+)|(?<kind>[a-z]+)(?: -> (?<name>[a-z]+))?)$""")]
    private static partial Regex Expectation();

    [GeneratedRegex("[Rr]ow ([0-9]+)")]
    private static partial Regex Row();
}
