using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Commands;

/// <summary>Two data folders, one database: the lock of the database keeps the second server out (docs/ledger.md rule 19).</summary>
[Trait("needs", "postgresql")]
public class ServeOnPostgresTests(PostgresFixture postgres) : IClassFixture<PostgresFixture>
{
    [Fact]
    public async Task A_second_server_on_the_same_database_ends_with_one_sentence()
    {
        var cancel = TestContext.Current.CancellationToken;
        using var first = new TemporaryFolder();
        using var second = new TemporaryFolder();
        var database = await postgres.Server.CreateDatabaseAsync(cancel);
        await using var server = await EkibenProcess.ServeAsync(first.Path, cancel, "--database", database);
        var refused = (await EkibenProcess.RunAsync(cancel, "serve", "--data", second.Path, "--urls", "http://127.0.0.1:0", "--database", database)).FailedWith(1);
        Assert.Contains($"a server sends from this database already (ekiben, process {server.Id} on ", refused, StringComparison.Ordinal);
        Assert.Equal(0, await server.StopAsync(cancel));
        await using var next = await EkibenProcess.ServeAsync(second.Path, cancel, "--database", database);
    }

    [Fact]
    public async Task A_database_that_does_not_answer_ends_serve_with_one_sentence()
    {
        using var folder = new TemporaryFolder();
        (await EkibenProcess.RunAsync(
            TestContext.Current.CancellationToken, "serve", "--data", folder.Path, "--urls", "http://127.0.0.1:0", "--database", "Host=127.0.0.1;Port=1;Database=none"))
            .FailedWith(1);
    }
}
