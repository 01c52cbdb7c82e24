using System.Net;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Faults;

/// <summary>A client that asks many times at once, or again because it did not wait for the answer (F17), on both databases.</summary>
[Trait("needs", "postgresql")]
public class When_a_client_asks_again(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    private const string Path = "/api/v1/batch/broadcasts";

    public static TheoryData<string> Databases { get; } = ["SQLite", "PostgreSQL"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Databases))]
    public async Task Fifty_at_once_under_one_key_are_one(string database)
    {
        await using var app = await StartAsync(database);
        var site = await app.AddSiteAsync();
        var replies = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => site.PostAsync(Path, Two("s"), "key-1")));
        Assert.All(replies, reply => Assert.Equal(HttpStatusCode.OK, reply.Status));
        Assert.Single(replies.Select(reply => reply.Text).Distinct());
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await site.PostAsync(Path, Two("another"), "key-1")).Status);
        Assert.Equal(2, await CountAsync(app));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task Fifty_approved_ones_at_once_without_a_key_are_one(string database)
    {
        await using var app = await StartAsync(database);
        var site = await app.AddSiteAsync();
        var replies = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => site.PostAsync(Path, Two("s"))));
        Assert.All(replies, reply => Assert.Equal(HttpStatusCode.OK, reply.Status));
        Assert.Equal(2, await CountAsync(app));
    }

    [Theory, MemberData(nameof(Databases))]
    public async Task One_that_did_not_wait_for_the_answer_gets_it_when_it_asks_again(string database)
    {
        await using var app = await StartAsync(database);
        var site = await app.AddSiteAsync();
        using (var impatient = site.NewClient(site.PublishableKey, site.SecretKey))
        {
            for (var attempt = 0; attempt < 5; attempt++)
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, Path) { Content = JsonContent(Two("s")) };
                request.Headers.Add("Idempotency-Key", "key-1");
                using var gone = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
                var asked = impatient.SendAsync(request, gone.Token);
                await gone.CancelAsync();
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
            }
        }

        var answer = await site.PostAsync(Path, Two("s"), "key-1");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal((await site.PostAsync(Path, Two("s"), "key-1")).Text, answer.Text);
        Assert.Equal(2, await CountAsync(app));
    }

    private static StringContent JsonContent(object body) => new(System.Text.Json.JsonSerializer.Serialize(body), System.Text.Encoding.UTF8, "application/json");

    private static object Two(string subject) => new
    {
        broadcasts = new[]
        {
            new { name = "a", subject, content = "c", send_at = "2032-01-01T00:00:00Z", approved = true },
            new { name = "b", subject, content = "c", send_at = "2032-01-01T00:00:00Z", approved = true },
        },
    };

    private async Task<EkibenApp> StartAsync(string database)
    {
        var connection = database == "SQLite" ? null : await postgres.Server.CreateDatabaseAsync(Cancel);
        return await EkibenApp.StartAsync(options => options with { Database = connection });
    }

    private static async Task<long> CountAsync(EkibenApp app)
    {
        await using var connection = await app.Database.ConnectAsync(Cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT COUNT(*) FROM broadcasts";
        return (long)(await command.ExecuteScalarAsync(Cancel))!;
    }
}
