using System.Data.Common;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Ekiben.Sink;
using Ekiben.Tests.Fixture;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Ekiben.Tests.Crash;

/// <summary>
/// kill -9 of a real server in the middle of a real send, again and again. The sink journals a message before it answers, so its list is the
/// truth about who got what.
/// </summary>
/// <param name="database">A PostgreSQL connection string; null = SQLite in the data folder.</param>
internal sealed class KilledSend(string? database = null) : IDisposable
{
    /// <summary>W: the relay here is not chained, so as many rows as connections can be on the wire (ledger.md rule 12).</summary>
    public const int Connections = 4;

    private readonly TemporaryFolder _data = new();

    private string[] DatabaseOption => database is null ? [] : ["--database", database];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        _data.Dispose();
    }

    public async Task<End> SendThroughKillsAsync(int people, int kills, int replyMs, string policy, CancellationToken cancel)
    {
#pragma warning disable RS0030 // The sink plays the outside world: its clock is the machine's.
        await using var sink = await SmtpSink.StartAsync(
            new SmtpSinkOptions
            {
                KeepMessages = true,
                JournalPath = _data.File("journal.jsonl"),
                Faults = [FaultRule.Parse($"dot:delay={replyMs}")],
            },
            TimeProvider.System,
            cancel);
#pragma warning restore RS0030
        var relay = $"smtp://{sink.EndPoint}?connections={Connections}";
        var folder = _data.File("data");
        var site = JsonDocument.Parse((await EkibenProcess.RunAsync(cancel, ["site", "create", "Crash", "--data", folder, "--json", .. DatabaseOption])).Succeeded()).RootElement;
        await EkibenProcess.RunAsync(
            cancel, ["site", "author", "add", site.GetProperty("site_uuid").GetString()!, "--email", "news@example.com", "--name", "News", "--data", folder, .. DatabaseOption]);

        var random = new Random(20261124);
        string id;
        await using (var server = await EkibenProcess.ServeAsync(folder, cancel, ["--relay", relay, .. DatabaseOption]))
        {
            using var client = Client(server, site);
            id = await StartSendingAsync(client, people, policy, folder);
            await LiveAsync(random);
            await server.KillAsync(cancel);
            Assert.InRange(Count(folder, "SELECT COUNT(*) FROM recipients WHERE state = 1"), 0, Connections);
        }

        for (var kill = 2; kill <= kills; kill++)
        {
            await using var server = await EkibenProcess.ServeAsync(folder, cancel, ["--relay", relay, .. DatabaseOption]);
            await LiveAsync(random);
            Assert.True(Count(folder, "SELECT COUNT(*) FROM recipients WHERE state IN (0, 1)") > 0, $"it was done before kill {kill}");
            await server.KillAsync(cancel);
            Assert.InRange(Count(folder, "SELECT COUNT(*) FROM recipients WHERE state = 1"), 0, Connections);
        }

        await using var last = await EkibenProcess.ServeAsync(folder, cancel, ["--relay", relay, .. DatabaseOption]);
        using var reader = Client(last, site);
        var receipt = await UntilSentAsync(reader, id);
        Assert.True(receipt.IsBalanced(), receipt.ToString());
        var uncertain = (await reader.GetFromJsonAsync<JsonElement>($"api/ekiben/v1/broadcasts/{id}/recipients?was=uncertain&limit=1000", cancel))
            .GetProperty("data").EnumerateArray().Select(line => line.GetProperty("email").GetString()!).ToHashSet(StringComparer.Ordinal);
        var copies = SinkJournal.Read(_data.File("journal.jsonl")).Where(message => message.Accepted)
            .GroupBy(message => message.RcptTo.Single(), StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);
        return new End(receipt, copies, uncertain);
    }

    private async Task<string> StartSendingAsync(HttpClient client, int people, string policy, string folder)
    {
        foreach (var batch in Enumerable.Range(1, people).Chunk(1000))
        {
            (await client.PostAsJsonAsync("api/v1/batch/subscribers", new { subscribers = batch.Select(i => new { email = $"p{i}@example.com" }) }, Cancel))
                .EnsureSuccessStatusCode();
        }

        var created = await client.PostAsJsonAsync("api/v1/batch/broadcasts", new { broadcasts = new[] { new { name = "n", subject = "Hi", content = "<p>Hello</p>", type = "plain" } } }, Cancel);
        var id = (await created.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("broadcasts")[0].GetProperty("id").GetInt64().ToString(System.Globalization.CultureInfo.InvariantCulture);
        using (var connection = Open(folder))
        {
            using var command = connection.CreateCommand();
            command.CommandText = $"UPDATE broadcasts SET uncertain_policy = '{policy}' WHERE id = {id}";
            command.ExecuteNonQuery();
        }

        (await client.PostAsync($"api/ekiben/v1/broadcasts/{id}/approval", null, Cancel)).EnsureSuccessStatusCode();
        return id;
    }

    /// <summary>A random stretch of up-time, 3 s on average.</summary>
#pragma warning disable RS0030 // Real time is what this test is about: when a process dies.
    private static Task LiveAsync(Random random) => Task.Delay(random.Next(1200, 4400), Cancel);

    private static async Task<JsonElement> UntilSentAsync(HttpClient client, string id)
    {
        while (true)
        {
            var receipt = await client.GetFromJsonAsync<JsonElement>($"api/ekiben/v1/broadcasts/{id}/receipt", Cancel);
            if (receipt.GetProperty("status").GetString() != "sending")
            {
                Assert.Equal("sent", receipt.GetProperty("status").GetString());
                return receipt;
            }

            await Task.Delay(250, Cancel);
        }
    }
#pragma warning restore RS0030

    private static HttpClient Client(EkibenProcess server, JsonElement site)
    {
        var credentials = $"{site.GetProperty("publishable_key").GetString()}:{site.GetProperty("secret_key").GetString()}";
        var client = new HttpClient { BaseAddress = server.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials)));
        return client;
    }

    private long Count(string folder, string sql)
    {
        using var connection = Open(folder);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }

    private DbConnection Open(string folder)
    {
        DbConnection connection = database is null
            ? new SqliteConnection($"Data Source={Path.Combine(folder, "ekiben.db")};Pooling=False")
            : new NpgsqlConnection($"{database};Pooling=false");
        connection.Open();
        return connection;
    }

    public sealed record End(JsonElement Receipt, Dictionary<string, int> Copies, HashSet<string> WereUncertain);
}
