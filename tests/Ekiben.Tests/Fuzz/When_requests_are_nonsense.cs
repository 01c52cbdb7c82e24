using System.Globalization;
using System.Text;
using System.Text.Json;
using Ekiben.Storage.Sqlite;
using Ekiben.Tests.Fixture;
using Ekiben.Tests.Web;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Fuzz;

/// <summary>
/// Every route of both APIs gets its own examples with something wrong in them. None answers that the server failed, none hangs, and a request that is
/// refused commits nothing. A failing case says its number: <c>EKIBEN_FUZZ_ONE=number</c> runs it alone, <c>EKIBEN_FUZZ_SEED</c> and
/// <c>EKIBEN_FUZZ_CASES</c> make other ones and more.
/// </summary>
public sealed class When_requests_are_nonsense
{
    /// <summary>Longer than this is a hang, however busy the machine is.</summary>
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(2);

    /// <summary>More only repeat each other.</summary>
    private const int MaxReported = 10;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nothing_breaks_and_nothing_is_stored_of_what_is_refused()
    {
        var seed = Number("EKIBEN_FUZZ_SEED", 20_261_124);
        var cases = Number("EKIBEN_FUZZ_CASES", 2_000);
        var only = Number("EKIBEN_FUZZ_ONE", -1);
        await using var app = await EkibenApp.StartAsync();
        var site = await app.AddSiteAsync();
        var seeds = await SeedsAsync(app, site);
        using var client = site.NewClient(site.PublishableKey, site.SecretKey);
        client.Timeout = Hang;
        client.DefaultRequestHeaders.Add("User-Agent", "tests");
        await using var watch = app.Service<SqliteDatabase>().Connect();

        var problems = new List<string>();
        var statuses = new SortedDictionary<int, int>();
        for (var number = only < 0 ? 0 : only; number < (only < 0 ? cases : only + 1) && problems.Count < MaxReported; number++)
        {
            if (number == cases / 2 || (only >= cases / 2 && number == only))
            {
                // The second half meets a strict site.
                await app.WriteAsync(async db => (await db.Sites.SingleAsync(s => s.Id == site.Id)).IsStrict = true);
            }

            var random = new Random(unchecked((seed * 397) + number));
            var of = seeds[number % seeds.Count];
            var request = new FuzzRequest(of.Method, of.Path, of.ContentType, of.Body is null ? null : Encoding.UTF8.GetBytes(of.Body));
            request.Mutate(random);
            using var message = request.ToMessage(app.Address);
            if (message is null)
            {
                continue;
            }

            var before = Version(watch);
            var (status, text, problem) = await SendAsync(client, message);
            if (problem is not null && request.ToMessage(app.Address) is { } again)
            {
                // A connection that the server had closed meanwhile is nobody's fault: a new one must do.
                using (again)
                {
                    again.Headers.ConnectionClose = true;
                    (status, text, problem) = await SendAsync(client, again);
                }
            }

            if (status is 0 && problem is null)
            {
                continue;
            }

            statuses[status] = statuses.GetValueOrDefault(status) + 1;
            // The one 5xx that the contract asks for: a sender who is no author.
            problem ??= status >= 500 && text != """{"error":"Author not authorized to send on this account"}""" ? $"answered {status}: {text}"
                : IsRefused(status, text, request) && Version(watch) != before ? $"answered {status} and stored something: {text}"
                : null;
            if (problem is not null)
            {
                problems.Add($"case {number} of seed {seed} {problem}\n{request}\n{app.Log.Lines.LastOrDefault(line => line.StartsWith("Error", StringComparison.Ordinal))}");
            }
        }

        TestContext.Current.SendDiagnosticMessage($"answers: {string.Join(", ", statuses.Select(status => $"{status.Value} × {status.Key}"))}");
        Assert.True(problems.Count == 0, string.Join("\n\n", problems));

        // Mutations that never get past the door would prove nothing.
        Assert.True(only >= 0 || (statuses.GetValueOrDefault(200) > cases / 20 && statuses.GetValueOrDefault(400) > cases / 20), string.Join(", ", statuses));
    }

    /// <summary>The examples with the ids that this server gave, once for each route; a route without one gets an empty body.</summary>
    private static async Task<List<HttpExample>> SeedsAsync(EkibenApp app, TestSite site)
    {
        var answers = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        var filled = new List<HttpExample>();
        foreach (var example in HttpExamples.Read().Where(example => example.Name != "mailbox"))
        {
            if (example.Path.Contains("mailbox.response", StringComparison.Ordinal))
            {
                filled.Add(example with { Path = "/api/ekiben/v1/mailbox/1" });
                continue;
            }

            var ready = example with
            {
                Path = Named(HttpExamples.Fill(example.Path, site.Uuid, answers), site),
                Body = example.Body is null ? null : HttpExamples.Fill(example.Body, site.Uuid, answers),
            };
            filled.Add(ready);
            if (example.Method != "DELETE")
            {
                using var request = new HttpRequestMessage(new HttpMethod(ready.Method), ready.Path);
                request.Content = ready.Body is null ? null : new StringContent(ready.Body, Encoding.UTF8, ready.ContentType!);
                var reply = await Reply.OfAsync(await site.Client.SendAsync(request, Cancel));
                if (example.Name is { } name)
                {
                    answers[name] = reply.Json;
                }
            }
        }

        var missing = ApiRoutes.All(app).Where(route => !filled.Any(route.Takes)).Select(route => new HttpExample(null, route.Method, route.Pattern.Replace("{id}", "1", StringComparison.Ordinal), "application/json", "{}"));
        return [.. filled, .. missing];
    }

    private static string Named(string path, TestSite site) =>
        path.Contains("site_uuid=", StringComparison.Ordinal) ? path : $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}site_uuid={site.Uuid}";

    private static async Task<(int Status, string Text, string? Problem)> SendAsync(HttpClient client, HttpRequestMessage message)
    {
        try
        {
            using var response = await client.SendAsync(message, Cancel);
            return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(Cancel), null);
        }
        catch (TaskCanceledException) when (!Cancel.IsCancellationRequested)
        {
            return (0, "", "did not answer");
        }
        catch (HttpRequestException refused) when (refused.StatusCode is null && refused.HttpRequestError is HttpRequestError.Unknown)
        {
            // The client's library would not write it.
            return (0, "", null);
        }
        catch (HttpRequestException broken)
        {
            return (0, "", $"broke the connection: {broken.Message}");
        }
    }

    /// <summary>Also a batch of which nothing was taken; with a key such an answer is kept.</summary>
    private static bool IsRefused(int status, string text, FuzzRequest request) => status is >= 400
        || (status == 200 && !request.IsKeyed && text.StartsWith("{\"results\":0,", StringComparison.Ordinal) && request.Path.Contains("/batch/", StringComparison.Ordinal));

    /// <summary>SQLite's count of what other connections have committed.</summary>
    private static long Version(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA data_version";
        return (long)command.ExecuteScalar()!;
    }

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : otherwise;
}
