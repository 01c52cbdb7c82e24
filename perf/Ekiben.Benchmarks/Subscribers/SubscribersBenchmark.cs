using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Ekiben.Accounts;
using Ekiben.Sites;
using Ekiben.Storage.Sqlite;
using Ekiben.Web;
using Microsoft.Extensions.DependencyInjection;

namespace Ekiben.Benchmarks.Subscribers;

/// <summary>
/// <c>POST /api/v1/batch/subscribers</c> with 1,000 new people of five tags each, over HTTP on the loopback, beside a loop of prepared statements that
/// writes the same rows into the same file (an address, a person, five tags; one transaction, synced). Rounds of both alternate, so that a busy machine
/// slows both alike.
/// </summary>
internal static class SubscribersBenchmark
{
    public const double Bar = 0.3;

    private const int Rows = 1000;
    private const int Tags = 5;
    private const int Measured = 15;

    /// <summary>Requests, and loops, in a round.</summary>
    private const int Batches = 3;

    public static async Task<int> RunAsync(TimeProvider clock)
    {
        var folder = Directory.CreateTempSubdirectory("ekiben-bench-").FullName;
        try
        {
            await using var app = EkibenBuilder.Build(new EkibenOptions
            {
                DataFolder = folder, Urls = "http://127.0.0.1:0", Clock = clock, RunEngine = false, Limits = LimitsOption.None, Dns = Dns.DnsOption.None,
            });
            var database = app.Services.GetRequiredService<SqliteDatabase>();
            await database.MigrateAsync(default);
            await app.StartAsync();
            var made = await NewSite.CreateAsync(database, "Benchmark", isTest: true, "UTC", Actor.Cli, clock.GetUtcNow(), default);
            using var client = Client(app.Urls.First(), made);
            using var bare = new BareLoop(database, made.Site.Id, Tags);
            var holds = await MeasureAsync(clock, client, bare);
            await app.StopAsync();
            return holds ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<bool> MeasureAsync(TimeProvider clock, HttpClient client, BareLoop bare)
    {
        var (http, loop, ratio) = (new Rounds(), new Rounds(), new Rounds());
        for (var round = -2; round < Measured; round++)
        {
            var (posted, written) = (TimeSpan.Zero, TimeSpan.Zero);
            for (var batch = 0; batch < Batches; batch++)
            {
                var number = ((round + 2) * Batches) + batch;
                using var body = Body(number);
                var before = clock.GetTimestamp();
                using (var answer = await client.PostAsync("/api/v1/batch/subscribers", body))
                {
                    var text = await answer.Content.ReadAsStringAsync();
                    posted += clock.GetElapsedTime(before);
                    if (!text.StartsWith("{\"results\":1000,", StringComparison.Ordinal))
                    {
                        throw new InvalidOperationException(text);
                    }
                }

                before = clock.GetTimestamp();
                bare.Write(number, Rows);
                written += clock.GetElapsedTime(before);
            }

            // Two rounds to warm up.
            if (round >= 0)
            {
                http.Add(Rows * Batches / posted.TotalSeconds);
                loop.Add(Rows * Batches / written.TotalSeconds);
                ratio.Add(written / posted);
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Rows} new people with {Tags} tags in a request; {Measured} rounds of {Batches}; median (lowest to highest)"));
        Console.WriteLine($"rows/s over HTTP      {http.Shown("0")}");
        Console.WriteLine($"rows/s, bare loop     {loop.Shown("0")}");
        Console.WriteLine($"ratio                 {ratio.Shown("0.00")}, bar {Bar.ToString(CultureInfo.InvariantCulture)}: {(ratio.Median >= Bar ? "holds" : "MISSED")}");
        return ratio.Median >= Bar;
    }

    private static HttpClient Client(string address, NewSite site)
    {
        var client = new HttpClient { BaseAddress = new Uri(address) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{site.PublishableKey}:{site.SecretKey}")));
        return client;
    }

    private static ByteArrayContent Body(int batch)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(new
        {
            subscribers = Enumerable.Range(0, Rows).Select(row => new { email = $"b{batch}-{row}@http.example.com", first_name = "Ann", last_name = "Bell", plan = "pro", tags = "t0,t1,t2,t3,t4" }),
        }));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }
}
