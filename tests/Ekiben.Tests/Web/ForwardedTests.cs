using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Web;

public class ForwardedTests
{
    [Fact]
    public async Task A_proxy_on_this_machine_says_that_the_client_came_by_https()
    {
        await using var app = await EkibenApp.StartAsync();
        Assert.True(await HasTransportSecurityAsync(app, "https"));
        Assert.False(await HasTransportSecurityAsync(app, "http"));
    }

    [Fact]
    public async Task Wrong_keys_of_one_client_behind_the_proxy_do_not_lock_out_another()
    {
        await using var app = await EkibenApp.StartAsync();
        var site = await app.AddSiteAsync();
        for (var i = 0; i < 40; i++)
        {
            await StatusAsync(app, "203.0.113.7", "0123456789abcdef0123456789abcdef", "wrong");
        }

        Assert.Equal(429, await StatusAsync(app, "203.0.113.7", "0123456789abcdef0123456789abcdef", "wrong"));
        Assert.Equal(200, await StatusAsync(app, "198.51.100.9", site.PublishableKey, site.SecretKey));
    }

    /// <summary>The header that only pages over https carry.</summary>
    private static async Task<bool> HasTransportSecurityAsync(EkibenApp app, string scheme)
    {
        using var client = new HttpClient { BaseAddress = app.Address };
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", scheme);
        using var page = await client.GetAsync("/login", TestContext.Current.CancellationToken);
        return page.Headers.Contains("Strict-Transport-Security");
    }

    private static async Task<int> StatusAsync(EkibenApp app, string address, string publishable, string secret)
    {
        using var client = new HttpClient { BaseAddress = app.Address };
        client.DefaultRequestHeaders.Add("X-Forwarded-For", address);
        client.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{publishable}:{secret}")));
        return (int)(await client.GetAsync("/api/v1/fetch/tags", TestContext.Current.CancellationToken)).StatusCode;
    }
}
