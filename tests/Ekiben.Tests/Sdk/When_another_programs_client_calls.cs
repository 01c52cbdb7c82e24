using System.Text.Json;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Sdk;

/// <summary>Clients that we did not write, against the built program. <c>./test</c> installs what they need.</summary>
public sealed class When_another_programs_client_calls : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, string?> _environment = [];
    private EkibenProcess? _server;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        using var site = JsonDocument.Parse((await RunAsync("site", "create", "Readers", "--test", "--json")).Succeeded());
        foreach (var key in site.RootElement.EnumerateObject())
        {
            _environment["EKIBEN_" + key.Name.ToUpperInvariant()] = key.Value.GetString();
        }

        (await RunAsync("site", "author", "add", "Readers", "--email", "news@example.com", "--name", "News")).Succeeded();
        _server = await EkibenProcess.ServeAsync(_folder.Path, Cancel);
        _environment["EKIBEN_URL"] = _server.Address.ToString();
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Fact]
    public async Task The_Node_sdk_works_unmodified()
    {
        var script = Path.Combine(EkibenProcess.Root, "tests", "sdk", "node", "checks.mjs");
        Assert.True(Directory.Exists(Path.Combine(Path.GetDirectoryName(script)!, "node_modules")), "the Node SDK is not installed: run ./test, or npm ci in tests/sdk/node");
        (await EkibenProcess.RunProgramAsync("node", [script], _environment, Cancel)).Succeeded();
    }

    [Fact]
    public async Task Rubys_own_library_is_enough_to_post_broadcasts() =>
        (await EkibenProcess.RunProgramAsync("ruby", [Path.Combine(EkibenProcess.Root, "tests", "sdk", "ruby", "broadcasts.rb")], _environment, Cancel)).Succeeded();

    private Task<CommandRun> RunAsync(params string[] arguments) => EkibenProcess.RunAsync(Cancel, [.. arguments, "--data", _folder.Path]);
}
