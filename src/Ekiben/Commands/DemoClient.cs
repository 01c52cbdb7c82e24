using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Sites;

namespace Ekiben.Commands;

/// <summary>The demo's client: the two HTTP APIs with Basic auth, as any other client uses them.</summary>
internal sealed class DemoClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly string _siteUuid;

    public DemoClient(string address, NewSite site)
    {
        _siteUuid = site.Site.Uuid;
        _http = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromMinutes(2) };
        _http.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{site.PublishableKey}:{site.SecretKey}")));
    }

    public async Task ImportAsync(IReadOnlyList<object> subscribers, CancellationToken cancel)
    {
        var answer = await PostAsync("/api/v1/batch/subscribers", new { SiteUuid = _siteUuid, Subscribers = subscribers }, cancel);
        if (answer.GetProperty("results").GetInt32() != subscribers.Count)
        {
            throw new CommandFailure($"the import of {subscribers.Count} people answered {answer.GetRawText()}");
        }
    }

    /// <summary>Posts broadcasts and returns their ids; all must be taken.</summary>
    public async Task<IReadOnlyList<string>> CreateAsync(IReadOnlyList<Dictionary<string, object>> broadcasts, CancellationToken cancel)
    {
        var answer = await PostAsync("/api/v1/batch/broadcasts", new { SiteUuid = _siteUuid, Broadcasts = broadcasts }, cancel);
        if (answer.GetProperty("results").GetInt32() != broadcasts.Count)
        {
            throw new CommandFailure($"creating {broadcasts.Count} broadcasts answered {answer.GetRawText()}");
        }

        return [.. answer.GetProperty("broadcasts").EnumerateArray().Select(b => b.GetProperty("id").GetRawText())];
    }

    public async Task<string> CreateLayoutAsync(string name, string html, CancellationToken cancel) =>
        (await PostAsync("/api/ekiben/v1/layouts", new { Name = name, Html = html }, cancel)).GetProperty("id").GetString()!;

    public async Task<string> CreateSegmentAsync(string name, object rule, CancellationToken cancel) =>
        (await PostAsync("/api/ekiben/v1/segments", new { Name = name, Rule = rule }, cancel)).GetProperty("id").GetString()!;

    /// <summary>By a key, so it starts without the undo window of a person.</summary>
    public Task ApproveAsync(string broadcast, CancellationToken cancel) => PostAsync($"/api/ekiben/v1/broadcasts/{broadcast}/approval", new { }, cancel);

    public async Task<Receipt> ReceiptAsync(string broadcast, CancellationToken cancel)
    {
        using var response = await _http.GetAsync($"/api/ekiben/v1/broadcasts/{broadcast}/receipt", cancel);
        var text = await ReadAsync(response, cancel);
        return JsonSerializer.Deserialize<Receipt>(text, CommandOutput.SnakeCase) ?? throw new CommandFailure("the receipt came back empty");
    }

    public void Dispose() => _http.Dispose();

    private async Task<JsonElement> PostAsync(string path, object body, CancellationToken cancel)
    {
        using var content = new StringContent(CommandOutput.Json(body), Encoding.UTF8, "application/json");
        using var response = await _http.PostAsync(path, content, cancel);
        using var answer = JsonDocument.Parse(await ReadAsync(response, cancel));
        return answer.RootElement.Clone();
    }

    private static async Task<string> ReadAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        var text = await response.Content.ReadAsStringAsync(cancel);
        return response.IsSuccessStatusCode
            ? text
            : throw new CommandFailure($"{response.RequestMessage?.RequestUri?.AbsolutePath} answered {(int)response.StatusCode}: {text}");
    }
}
