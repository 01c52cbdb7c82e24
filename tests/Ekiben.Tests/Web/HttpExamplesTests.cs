using System.Net;
using System.Text;
using System.Text.Json;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Web;

/// <summary>The examples that stand in docs/api/requests.http are all there are, and each of them works.</summary>
public sealed class HttpExamplesTests(EkibenApp app)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Every_route_has_an_example()
    {
        var examples = HttpExamples.Read();
        Assert.Empty(ApiRoutes.All(app).Where(route => !examples.Any(route.Takes)).Select(route => route.ToString()));
        Assert.Empty(examples.Where(example => !ApiRoutes.All(app).Any(route => route.Takes(example))).Select(example => $"{example.Method} {example.Path}"));
    }

    [Fact]
    public async Task Every_example_works_one_after_the_other()
    {
        await using var own = await EkibenApp.StartAsync(options => options with { RunEngine = true, MinFreeBytes = 0 });
        var site = await own.AddSiteAsync();
        var answers = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var example in HttpExamples.Read())
        {
            var path = HttpExamples.Fill(example.Path, site.Uuid, answers);
            var reply = await SendAsync(own, site, example, path, answers);
            Assert.True((int)reply.Status is >= 200 and < 300 || ReachedEverybody(reply), $"{example.Method} {path} answered {(int)reply.Status}: {reply.Text}");
            if (example.Name is { } name)
            {
                answers[name] = reply.Json;
            }
        }
    }

    /// <summary>Sent again while it is too early: a person who runs the examples waits as well until a broadcast is sending and its message is there.</summary>
    private static async Task<Reply> SendAsync(EkibenApp own, TestSite site, HttpExample example, string path, Dictionary<string, JsonElement> answers)
    {
        using var deadline = new CancellationTokenSource();
#pragma warning disable RS0030 // Waiting for another thread of this process; nothing is asserted about how long it takes.
        deadline.CancelAfter(TimeSpan.FromSeconds(60));
        while (true)
        {
            using var request = new HttpRequestMessage(new HttpMethod(example.Method), path);
            if (example.Body is { } body)
            {
                request.Content = new StringContent(HttpExamples.Fill(body, site.Uuid, answers), Encoding.UTF8, example.ContentType!);
            }

            var reply = await Reply.OfAsync(await site.Client.SendAsync(request, Cancel));
            var early = (reply.Status == HttpStatusCode.Conflict && !ReachedEverybody(reply)) || (example.Name == "mailbox" && reply.Json.GetProperty("data").GetArrayLength() == 0);
            if (!early || deadline.IsCancellationRequested)
            {
                return reply;
            }

            Assert.DoesNotContain(own.Log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal));
            await Task.Delay(50, Cancel);
        }
#pragma warning restore RS0030
    }

    /// <summary>What is sent again to those not reached has nobody when all got it before the cancellation.</summary>
    private static bool ReachedEverybody(Reply reply) => reply.Status == HttpStatusCode.Conflict && reply.Text.Contains("\"nobody\"", StringComparison.Ordinal);
}
