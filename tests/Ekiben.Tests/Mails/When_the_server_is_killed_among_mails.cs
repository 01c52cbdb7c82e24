using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Sink;
using Ekiben.Tests.Fixture;
using Microsoft.Data.Sqlite;

namespace Ekiben.Tests.Mails;

/// <summary>A crash at the moments where it would hurt most: every mail that was answered goes out, and only what may have left goes out twice.</summary>
public class When_the_server_is_killed_among_mails
{
    private const int Mails = 40;
    private const int Connections = 4;


    [Theory(Timeout = 300_000)]
    [InlineData("after-claim-commit:3")]
    [InlineData("before-outcome-commit:2")]
    [InlineData("after-outcome-commit:2")]
    [InlineData("dot-written:3")]
    [InlineData("reply-read:3")]
    [InlineData("after-take-shards-commit:1")]
    public async Task No_mail_is_lost_and_only_what_was_on_the_wire_is_repeated(string point)
    {
        var cancel = TestContext.Current.CancellationToken;
#pragma warning disable RS0030 // The sink plays the outside world: its clock is the machine's.
        await using var sink = await SmtpSink.StartAsync(new SmtpSinkOptions { KeepMessages = true }, TimeProvider.System, cancel);
#pragma warning restore RS0030
        using var data = new TemporaryFolder();
        var folder = data.File("data");
        var made = JsonDocument.Parse((await EkibenProcess.RunAsync(cancel, "site", "create", "Crash", "--data", folder, "--json")).Succeeded()).RootElement;
        (await EkibenProcess.RunAsync(cancel, "site", "author", "add", made.GetProperty("site_uuid").GetString()!, "--email", "news@example.com", "--name", "News", "--data", folder)).Succeeded();
        var relay = $"smtp://{sink.EndPoint}?connections={Connections}";

        await using (var server = await EkibenProcess.ServeAsync(Armed(point), folder, cancel, "--relay", relay))
        {
            await PostAsync(server, made, cancel);
            await server.EndedAsync(cancel);
            Assert.Equal(137, server.ExitCode);
        }

        var stored = Count(folder, "SELECT COUNT(*) FROM mails");
        // They are stored together and before the answer, so a crash behind the answer has all of them.
        Assert.Equal(Mails, stored);
        var onTheWire = Count(folder, "SELECT COUNT(*) FROM recipients WHERE state = 1");
        Assert.InRange(onTheWire, 0, 2 * Connections);
        await using var last = await EkibenProcess.ServeAsync(Armed(null), folder, cancel, "--relay", relay);
        while (Count(folder, $"SELECT COUNT(*) FROM recipients WHERE state = {(int)RecipientState.Accepted}") < Mails)
        {
#pragma warning disable RS0030 // A real process lives in real time.
            await Task.Delay(50, cancel);
#pragma warning restore RS0030
        }

        var copies = sink.Messages.Where(message => message.Accepted).GroupBy(message => message.RcptTo[0]).ToList();
        Assert.Equal(Enumerable.Range(1, Mails).Select(i => $"p{i}@example.com").Order(StringComparer.Ordinal), copies.Select(one => one.Key).Order(StringComparer.Ordinal));
        Assert.All(copies, one => Assert.Single(one.Select(message => message.MessageId).Distinct()));
        Assert.All(copies, one => Assert.InRange(one.Count(), 1, 2));
        Assert.InRange(copies.Sum(one => one.Count() - 1), 0, onTheWire);
        Assert.Equal((Mails, onTheWire), (Count(folder, "SELECT SUM(accepted) FROM shards"), Count(folder, "SELECT SUM(uncertain_ever) FROM shards")));
    }

    private static Dictionary<string, string?> Armed(string? point) => new() { ["EKIBEN_FAILPOINT"] = point };

    private static async Task PostAsync(EkibenProcess server, JsonElement site, CancellationToken cancel)
    {
        using var client = new HttpClient { BaseAddress = server.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(
            $"{site.GetProperty("publishable_key").GetString()}:{site.GetProperty("secret_key").GetString()}")));
        try
        {
            using var answer = await client.PostAsJsonAsync(
                "api/v1/batch/emails", new { emails = Enumerable.Range(1, Mails).Select(i => new { to = $"p{i}@example.com", from = "news@example.com", subject = $"Mail {i}", html_body = "<p>Hello</p>", transactional = true }) }, cancel);
            Assert.Contains("\"results\":40", await answer.Content.ReadAsStringAsync(cancel), StringComparison.Ordinal);
        }
        catch (HttpRequestException broken) when (broken.StatusCode is null)
        {
            // It may die between the commit and the answer; what is stored is looked at.
        }
    }

    private static long Count(string folder, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(folder, "ekiben.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }
}
