using System.Globalization;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Commands;

public sealed class ServeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_second_server_on_the_folder_names_the_first_and_changes_nothing()
    {
        await using var first = await EkibenProcess.ServeAsync(_folder.Path, Cancel);
        var before = await Fingerprint();

        var line = (await EkibenProcess.RunAsync(Cancel, "serve", "--data", _folder.Path, "--urls", "http://127.0.0.1:0")).FailedWith(1);

        Assert.Contains(first.Id.ToString(CultureInfo.InvariantCulture), line, StringComparison.Ordinal);
        Assert.Contains(first.Address.GetLeftPart(UriPartial.Authority), line, StringComparison.Ordinal);
        Assert.Equal(before, await Fingerprint());
    }

    [Fact]
    public async Task A_command_works_beside_the_server_and_links_lead_to_it()
    {
        await using var server = await EkibenProcess.ServeAsync(_folder.Path, Cancel);

        (await EkibenProcess.RunAsync(Cancel, "site", "create", "News", "--data", _folder.Path)).Succeeded();
        var link = (await EkibenProcess.RunAsync(Cancel, "user", "create", "ann@example.com", "--data", _folder.Path)).Succeeded();

        Assert.StartsWith(server.Address + "login/", link, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_kill_the_folder_is_free_and_after_a_stop_nothing_names_a_server()
    {
        await using (var killed = await EkibenProcess.ServeAsync(_folder.Path, Cancel))
        {
            await killed.KillAsync(Cancel);
        }

        await using var next = await EkibenProcess.ServeAsync(_folder.Path, Cancel);
        Assert.Equal(0, await next.StopAsync(Cancel));
        Assert.False(File.Exists(_folder.File("ekiben.server.json")));
    }

    [Fact]
    public async Task A_taken_port_is_one_line_and_the_database_is_not_even_made()
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();

        var line = (await EkibenProcess.RunAsync(Cancel, "serve", "--data", _folder.Path, "--urls", $"http://{taken.LocalEndpoint}")).FailedWith(1);

        Assert.Contains("the port is taken", line, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.File("ekiben.db")));
    }

    /// <summary>All that the database holds, but for the beat by which the server that runs says every ten seconds that it does.</summary>
    private async Task<string> Fingerprint()
    {
        await using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={_folder.File("ekiben.db")};Mode=ReadOnly;Pooling=False");
        await connection.OpenAsync(Cancel);
        var rows = new List<string>();
        foreach (var table in await Read("SELECT name || char(9) || COALESCE(sql, '') FROM sqlite_master WHERE type = 'table' AND name <> 'instance' ORDER BY name"))
        {
            rows.Add(table);
            rows.AddRange(await Read($"SELECT * FROM \"{table.Split('\t')[0]}\""));
        }

        return string.Join('\n', rows);

        async Task<List<string>> Read(string sql)
        {
            await using var command = connection.CreateCommand();
            command.CommandText = sql;
            var lines = new List<string>();
            await using var reader = await command.ExecuteReaderAsync(Cancel);
            while (await reader.ReadAsync(Cancel))
            {
                lines.Add(string.Join('\t', Enumerable.Range(0, reader.FieldCount).Select(reader.GetValue)));
            }

            return lines;
        }
    }
}
