using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Sdk;

/// <summary>A real server on a folder of its own, with one fresh test site, for clients that are other programs.</summary>
internal sealed class SdkServer : IAsyncDisposable
{
    private readonly TemporaryFolder _data;
    private readonly EkibenProcess _process;
    private readonly Dictionary<string, string?> _environment;

    private SdkServer(TemporaryFolder data, EkibenProcess process, JsonElement site)
    {
        (_data, _process) = (data, process);
        _environment = new()
        {
            ["EKIBEN_URL"] = process.Address.ToString(),
            ["EKIBEN_SITE"] = site.GetProperty("site_uuid").GetString(),
            ["EKIBEN_KEY"] = site.GetProperty("publishable_key").GetString(),
            ["EKIBEN_SECRET"] = site.GetProperty("secret_key").GetString(),
        };
        var credentials = Encoding.UTF8.GetBytes($"{_environment["EKIBEN_KEY"]}:{_environment["EKIBEN_SECRET"]}");
        Client = new HttpClient { BaseAddress = process.Address };
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(credentials));
    }

    /// <summary>Asks the server with the site's key.</summary>
    public HttpClient Client { get; }

    public static async Task<SdkServer> StartAsync(CancellationToken cancel)
    {
        var data = new TemporaryFolder();
        try
        {
            var made = (await EkibenProcess.RunAsync(cancel, "site", "create", "Clients", "--test", "--data", data.Path, "--json")).Succeeded();
            var site = JsonElement.Parse(made);
            (await EkibenProcess.RunAsync(
                cancel, "site", "author", "add", site.GetProperty("site_uuid").GetString()!, "--email", "news@example.com", "--name", "News", "--data", data.Path)).Succeeded();
            return new SdkServer(data, await EkibenProcess.ServeAsync(data.Path, cancel, "--dns", "none"), site);
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    /// <summary>Runs a client's script, which finds the server by its environment, and returns what it printed; it must end with 0.</summary>
    public async Task<string> RunScriptAsync(string program, string script, CancellationToken cancel)
    {
        var run = await EkibenProcess.RunProgramAsync(program, [script], _environment, cancel);
        Assert.True(run.ExitCode == 0, $"{program} ended with {run.ExitCode}\n{run.Output}\n{run.Errors}\nThe server said:\n{_process.Errors}");
        return run.Output;
    }

    /// <summary>All broadcasts of the site by their names.</summary>
    public async Task<Dictionary<string, JsonElement>> BroadcastsAsync(CancellationToken cancel) =>
        (await GetAsync("api/ekiben/v1/broadcasts?limit=100", cancel)).GetProperty("data").EnumerateArray()
            .ToDictionary(broadcast => broadcast.GetProperty("name").GetString()!, StringComparer.Ordinal);

    public Task<JsonElement> GetAsync(string path, CancellationToken cancel) => Client.GetFromJsonAsync<JsonElement>(path, cancel);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _process.DisposeAsync();
        _data.Dispose();
    }
}
