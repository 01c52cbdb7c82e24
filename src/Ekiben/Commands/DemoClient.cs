using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Sites;

namespace Ekiben.Commands;

/// <summary>The client of <c>demo</c> and <c>prove</c>: real HTTP with Basic authentication, as any program outside would use the API.</summary>
internal sealed class DemoClient : IDisposable
{
    /// <summary>Of an error's answer, as much as fits a line.</summary>
    private const int MaxShown = 300;

    private readonly HttpClient _http;
    private readonly string _siteUuid;

    public DemoClient(string address, NewSite site)
    {
        _siteUuid = site.Site.Uuid;
        // No proxy: the server is on this machine.
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(address + "/"), Timeout = TimeSpan.FromMinutes(2) };
        _http.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{site.PublishableKey}:{site.SecretKey}")));
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("ekiben-demo", null));
    }

    /// <exception cref="CommandFailure">Not everybody was taken.</exception>
    public async Task ImportAsync(IReadOnlyList<Dictionary<string, object>> people, CancellationToken cancel)
    {
        var answer = await PostAsync("api/v1/batch/subscribers", new { site_uuid = _siteUuid, subscribers = people }, cancel);
        if (answer.GetProperty("failed").GetInt32() != 0 || answer.GetProperty("results").GetInt32() != people.Count)
        {
            throw new CommandFailure($"the import took {answer.GetProperty("results")} of {people.Count} subscribers: {Shown(answer.GetRawText())}");
        }
    }

    /// <summary>Creates something and returns its id.</summary>
    public async Task<string> CreateAsync(string kind, object body, CancellationToken cancel) =>
        (await PostAsync($"api/ekiben/v1/{kind}", body, cancel)).GetProperty("id").GetString()!;

    /// <summary>Posts campaigns in one request and returns their ids, in order.</summary>
    /// <exception cref="CommandFailure">Not all were taken.</exception>
    public async Task<IReadOnlyList<string>> PostBroadcastsAsync(IReadOnlyList<DemoCampaign> campaigns, CancellationToken cancel)
    {
        var answer = await PostAsync("api/v1/batch/broadcasts", new { site_uuid = _siteUuid, broadcasts = campaigns.Select(c => c.ToJson()) }, cancel);
        return answer.GetProperty("results").GetInt32() == campaigns.Count
            ? [.. answer.GetProperty("data").EnumerateArray().Select(broadcast => broadcast.GetProperty("id").GetString()!)]
            : throw new CommandFailure($"not every campaign was taken: {Shown(answer.GetRawText())}");
    }

    /// <summary>Posts one broadcast and returns its id.</summary>
    /// <exception cref="CommandFailure">It was not taken.</exception>
    public async Task<long> PostBroadcastAsync(object broadcast, CancellationToken cancel)
    {
        var answer = await PostAsync("api/v1/batch/broadcasts", new { site_uuid = _siteUuid, broadcasts = new[] { broadcast } }, cancel);
        return answer.GetProperty("results").GetInt32() == 1
            ? answer.GetProperty("broadcasts")[0].GetProperty("id").GetInt64()
            : throw new CommandFailure($"the broadcast was not taken: {Shown(answer.GetRawText())}");
    }

    public Task ApproveAsync(string id, CancellationToken cancel) => PostAsync($"api/ekiben/v1/broadcasts/{id}/approval", null, cancel);

    public async Task<Receipt> ReceiptAsync(string id, CancellationToken cancel) =>
        (await GetAsync($"api/ekiben/v1/broadcasts/{id}/receipt", cancel)).Deserialize<Receipt>(CommandOutput.SnakeCase)!;

    /// <summary>How many people a draft would reach now.</summary>
    public async Task<long> ReachAsync(string id, CancellationToken cancel) =>
        (await GetAsync($"api/ekiben/v1/broadcasts/{id}/audience", cancel)).GetProperty("recipients").GetInt64();

    /// <summary>How many messages the mailbox ever took: its newest number, since it drops old ones but gives no number twice.</summary>
    public async Task<DemoMailbox> MailboxAsync(CancellationToken cancel)
    {
        var page = await GetAsync("api/ekiben/v1/mailbox?limit=1", cancel);
        var newest = page.GetProperty("data").EnumerateArray().FirstOrDefault();
        return new DemoMailbox(
            page.GetProperty("total").GetInt64(),
            newest.ValueKind == JsonValueKind.Undefined ? 0 : newest.GetProperty("id").GetInt64());
    }

    public void Dispose() => _http.Dispose();

    private async Task<JsonElement> GetAsync(string path, CancellationToken cancel)
    {
        using var answer = await _http.GetAsync(new Uri(path, UriKind.Relative), cancel);
        return await ReadAsync(answer, "GET " + path, cancel);
    }

    private async Task<JsonElement> PostAsync(string path, object? body, CancellationToken cancel)
    {
        using var content = body is null ? null : JsonContent.Create(body);
        using var answer = await _http.PostAsync(new Uri(path, UriKind.Relative), content, cancel);
        return await ReadAsync(answer, "POST " + path, cancel);
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer, string request, CancellationToken cancel)
    {
        var text = await answer.Content.ReadAsStringAsync(cancel);
        return answer.IsSuccessStatusCode
            ? JsonSerializer.Deserialize<JsonElement>(text)
            : throw new CommandFailure($"{request} was answered with {(int)answer.StatusCode}: {Shown(text)}");
    }

    private static string Shown(string text) => text.Length <= MaxShown ? text : text[..MaxShown] + "…";
}

/// <summary>The mailbox of the demo's site.</summary>
/// <param name="Kept">Messages in it now.</param>
/// <param name="Taken">Messages that it ever took.</param>
internal sealed record DemoMailbox(long Kept, long Taken);
