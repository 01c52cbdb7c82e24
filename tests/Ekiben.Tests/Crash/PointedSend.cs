using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Ekiben.Sink;
using Ekiben.Tests.Fixture;
using Microsoft.Data.Sqlite;

namespace Ekiben.Tests.Crash;

/// <summary>
/// One broadcast whose server dies at a named point (<see cref="Failpoints"/>), once for each life, and is then left to finish. The sink runs in
/// this process, so what it accepted is the truth about who got what.
/// </summary>
internal sealed class PointedSend : IAsyncDisposable
{
    public const int People = 60;

    /// <summary>137 is how a shell says SIGKILL.</summary>
    private const int Killed = 137;

    private readonly TemporaryFolder _data = new();
    private readonly SmtpSink _sink;
    private readonly int _connections;
    private JsonElement _site;

    private PointedSend(SmtpSink sink, int connections, CancellationToken cancel) => (_sink, _connections, Cancel) = (sink, connections, cancel);

    private CancellationToken Cancel { get; }

    private string Folder => _data.File("data");

    /// <param name="connections">To the relay.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="oneByOne">The relay does not offer PIPELINING: no message is begun behind another's end.</param>
    /// <param name="faults">What the relay does otherwise than well.</param>
    public static async Task<PointedSend> StartAsync(int connections, CancellationToken cancel, bool oneByOne = false, string[]? faults = null)
    {
#pragma warning disable RS0030 // The sink plays the outside world: its clock is the machine's.
        var sink = await SmtpSink.StartAsync(new SmtpSinkOptions { KeepMessages = true, Pipelining = !oneByOne, Faults = [.. (faults ?? []).Select(FaultRule.Parse)] }, TimeProvider.System, cancel);
#pragma warning restore RS0030
        var send = new PointedSend(sink, connections, cancel);
        var made = await EkibenProcess.RunAsync(cancel, "site", "create", "Crash", "--data", send.Folder, "--json");
        send._site = JsonDocument.Parse(made.Succeeded()).RootElement;
        var uuid = send._site.GetProperty("site_uuid").GetString()!;
        (await EkibenProcess.RunAsync(cancel, "site", "author", "add", uuid, "--email", "news@example.com", "--name", "News", "--data", send.Folder)).Succeeded();
        return send;
    }

    /// <param name="points">For each life of the server: where it dies, as in <c>EKIBEN_FAILPOINT</c>.</param>
    /// <param name="policy"><c>resend</c> or <c>hold</c>.</param>
    /// <param name="cancels">Whether it is canceled in its first life, when one message was sent.</param>
    public async Task<PointedEnd> RunAsync(IReadOnlyList<string> points, string policy = "resend", bool cancels = false)
    {
        var id = 0L;
        var left = new List<long>();
        foreach (var point in points)
        {
            if (id == 0)
            {
                await using var server = await ServeAsync(point);
                await PostAsync(server, policy, cancels);
                await DiesAsync(server.EndedAsync(Cancel), point);
                Assert.True(server.ExitCode == Killed, $"ended with {server.ExitCode}: {server.Errors}");
            }
            else
            {
                // It finds its work as it starts, and may be dead before it has said where it listens.
                var running = EkibenProcess.RunAsync(Armed(point), null, Cancel, "serve", "--data", Folder, "--urls", "http://127.0.0.1:0", "--relay", Relay);
                await DiesAsync(running, point);
                var run = await running;
                Assert.True(run.ExitCode == Killed, $"ended with {run.ExitCode}: {run.Output} {run.Errors}");
            }

            id = Count("SELECT id FROM broadcasts");
            left.Add(Count("SELECT COUNT(*) FROM recipients WHERE state = 1"));
        }

        await using var last = await ServeAsync(null);
        return await EndAsync(last, id, left);
    }

    /// <summary>The server is asked to stop (SIGTERM) again and again in the middle of sending, each time a little further on, and started anew.</summary>
    public async Task<PointedEnd> RunStoppedAsync(int stops)
    {
        var left = new List<long>();
        var server = await ServeAsync(null);
        try
        {
            await PostAsync(server, "resend", cancels: false);
            for (var stop = 0; stop < stops; stop++)
            {
                using (var client = Client(server))
                {
                    var receipt = await UntilAsync(
                        client, 1, r => r.Number("accepted") > stop * People / (stops + 1) || r.GetProperty("status").GetString() == "sent");
                    if (receipt.GetProperty("status").GetString() == "sent")
                    {
                        break;
                    }
                }

                Assert.Equal(0, await server.StopAsync(Cancel));
                left.Add(Count("SELECT COUNT(*) FROM recipients WHERE state IN (1, 9)"));
                await server.DisposeAsync();
                server = await ServeAsync(null);
            }

            return await EndAsync(server, 1, left);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _sink.DisposeAsync();
        _data.Dispose();
    }

    /// <summary>Lets it finish, and adds up.</summary>
    private async Task<PointedEnd> EndAsync(EkibenProcess server, long id, IReadOnlyList<long> left)
    {
        using var reader = Client(server);
        var receipt = await UntilAsync(reader, id, r => r.GetProperty("status").GetString() is "sent" || (r.GetProperty("status").GetString() is "canceled" && r.Number("pending") == 0));
        Assert.True(receipt.IsBalanced(), receipt.ToString());
        var list = await reader.GetFromJsonAsync<JsonElement>($"api/ekiben/v1/broadcasts/{id}/recipients?was=uncertain&limit=1000", Cancel);
        var uncertain = list.GetProperty("data").EnumerateArray().Select(line => line.GetProperty("email").GetString()!).ToHashSet(StringComparer.Ordinal);
        var copies = _sink.Messages.Where(message => message.Accepted).GroupBy(message => message.RcptTo.Single(), StringComparer.Ordinal).ToList();
        Assert.All(copies, one => Assert.Single(one.Select(message => message.MessageId).Distinct()));
        return new PointedEnd(receipt, copies.ToDictionary(one => one.Key, one => one.Count(), StringComparer.Ordinal), uncertain, left);
    }

    /// <summary>Waits for the server's end. One that has sent everything without passing the point would never end.</summary>
    private async Task DiesAsync(Task ended, string point)
    {
        for (var looks = 0; looks < 5;)
        {
#pragma warning disable RS0030 // A real process lives in real time.
            var look = Task.Delay(TimeSpan.FromSeconds(1), Cancel);
#pragma warning restore RS0030
            if (await Task.WhenAny(ended, look) == ended)
            {
                await ended;
                return;
            }

            looks += Count("SELECT COUNT(*) FROM broadcasts WHERE status = 'sent'") > 0 ? 1 : 0;
        }

        Assert.Fail($"everything was sent and {point} was not passed");
    }

    private string Relay => $"smtp://{_sink.EndPoint}?connections={_connections}";

    private Task<EkibenProcess> ServeAsync(string? point) => EkibenProcess.ServeAsync(Armed(point), Folder, Cancel, "--relay", Relay);

    private static Dictionary<string, string?> Armed(string? point) => new() { ["EKIBEN_FAILPOINT"] = point };

    private async Task PostAsync(EkibenProcess server, string policy, bool cancels)
    {
        using var client = Client(server);
        var people = Enumerable.Range(1, People).Select(i => new { email = $"p{i}@example.com" });
        (await client.PostAsJsonAsync("api/v1/batch/subscribers", new { subscribers = people }, Cancel)).EnsureSuccessStatusCode();
        // Larger than one block of the conversation, so that there is a middle to die in.
        var content = string.Concat(Enumerable.Repeat("<p>Hello, this is a paragraph of the news that fills a line or two.</p>\n", 600));
        var item = new { name = "n", subject = "Hi", content, type = "plain", uncertain_policy = policy, send_at = "2022-12-13 12:50", approved = true, batch_size_per_hour = cancels ? 10 : (int?)null };
        try
        {
            using var answer = await client.PostAsJsonAsync("api/v1/batch/broadcasts", new { broadcasts = new[] { item } }, Cancel);
            var text = await answer.Content.ReadAsStringAsync(Cancel);
            Assert.Contains("\"results\":1", text, StringComparison.Ordinal);
            if (cancels)
            {
                // At the slowest rate: one is sent, and the others are there to be canceled.
                await UntilAsync(client, 1, receipt => receipt.Number("accepted") == 1);
                (await client.PostAsync("api/ekiben/v1/broadcasts/1/cancellation", null, Cancel)).EnsureSuccessStatusCode();
            }
        }
        catch (HttpRequestException broken) when (broken.StatusCode is null)
        {
            // What was asked for is stored before it is answered, and the server may die between the two: the caller looks at what is stored.
        }
    }

    private async Task<JsonElement> UntilAsync(HttpClient client, long id, Func<JsonElement, bool> wanted)
    {
        while (true)
        {
            var receipt = await client.GetFromJsonAsync<JsonElement>($"api/ekiben/v1/broadcasts/{id}/receipt", Cancel);
            if (wanted(receipt))
            {
                return receipt;
            }

            Assert.Contains(receipt.GetProperty("status").GetString(), (string[])["scheduled", "sending", "canceled"]);
#pragma warning disable RS0030 // A real process lives in real time.
            await Task.Delay(50, Cancel);
#pragma warning restore RS0030
        }
    }

    private HttpClient Client(EkibenProcess server)
    {
        var credentials = $"{_site.GetProperty("publishable_key").GetString()}:{_site.GetProperty("secret_key").GetString()}";
        var client = new HttpClient { BaseAddress = server.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials)));
        return client;
    }

    private long Count(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(Folder, "ekiben.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }
}

/// <summary>What became of everybody.</summary>
internal sealed record PointedEnd(JsonElement Receipt, Dictionary<string, int> Copies, HashSet<string> WereUncertain, IReadOnlyList<long> LeftByKill)
{
    public int Extra => Copies.Values.Sum(copies => copies - 1);

    public IEnumerable<string> Repeated => Copies.Where(copy => copy.Value > 1).Select(copy => copy.Key);
}
