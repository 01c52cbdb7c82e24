using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Web;

public class PublicOriginTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_public_host_answers_recipients_and_nobody_else()
    {
        await using var app = await EkibenApp.StartAsync(options => options with { PublicUrl = new Uri("https://news.example.com") });
        Assert.Equal((404, 200, 404, 404), (
            await StatusAsync(app, "news.example.com", "/u/forged"),
            await StatusAsync(app, "news.example.com", "/health"),
            await StatusAsync(app, "news.example.com", "/login"),
            await StatusAsync(app, "news.example.com", "/api/v1/fetch/tags")));
        Assert.Contains("This link is not known", await TextAsync(app, "news.example.com", "/u/forged"), StringComparison.Ordinal);
        Assert.Contains("recipients' pages only", await TextAsync(app, "news.example.com", "/login"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_platforms_host_does_not_answer_recipients_pages()
    {
        await using var app = await EkibenApp.StartAsync(options => options with { PublicUrl = new Uri("https://news.example.com") });
        Assert.Equal((200, 401), (await StatusAsync(app, "localhost", "/login"), await StatusAsync(app, "localhost", "/api/v1/fetch/tags")));
        Assert.Contains("news.example.com", await TextAsync(app, "localhost", "/u/forged"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Recipients_pages_allow_no_script_and_no_other_origin()
    {
        await using var app = await EkibenApp.StartAsync();
        using var client = new HttpClient { BaseAddress = app.Address };
        using var page = await client.GetAsync("/u/forged", Cancel);
        Assert.StartsWith("default-src 'none'; style-src 'unsafe-inline'; form-action 'self'", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.False(page.Headers.Contains("Set-Cookie"));
    }

    private static async Task<int> StatusAsync(EkibenApp app, string host, string path) => (int)(await SendAsync(app, host, path)).StatusCode;

    private static async Task<string> TextAsync(EkibenApp app, string host, string path) => await (await SendAsync(app, host, path)).Content.ReadAsStringAsync(Cancel);

    private static async Task<HttpResponseMessage> SendAsync(EkibenApp app, string host, string path)
    {
        using var client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = app.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = host } };
        return await client.SendAsync(request, Cancel);
    }
}
