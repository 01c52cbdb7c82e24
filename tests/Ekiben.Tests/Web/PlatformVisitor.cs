using System.Net;
using System.Text.RegularExpressions;
using Ekiben.Accounts;
using Ekiben.Tests.Fixture;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace Ekiben.Tests.Web;

/// <summary>A person with a browser that runs no scripts: keeps cookies, follows no redirects by itself, fills in the forms it was shown.</summary>
internal sealed partial class PlatformVisitor : IDisposable
{
    public const string Password = "correct horse battery";

    private readonly HttpClient _http;

    public PlatformVisitor(EkibenApp app) =>
        _http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, CookieContainer = Cookies }) { BaseAddress = app.Address };

    public CookieContainer Cookies { get; } = new();

    private static readonly SemaphoreSlim OneRole = new(1, 1);

    /// <summary>An account of its own for one test.</summary>
    public static async Task<User> AddUserAsync(EkibenApp app, string role = Roles.Owner)
    {
        await using var scope = app.App.Services.CreateAsyncScope();
        var users = scope.ServiceProvider.GetRequiredService<UserManager<User>>();
        var roles = scope.ServiceProvider.GetRequiredService<RoleManager<IdentityRole>>();
        // One at a time: two tests at once would both find the role missing.
        await OneRole.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            if (!await roles.RoleExistsAsync(role))
            {
                await roles.CreateAsync(new IdentityRole(role));
            }
        }
        finally
        {
            OneRole.Release();
        }

        var email = $"user-{Guid.NewGuid():N}@example.com";
        var user = new User { UserName = email, Email = email, CreatedAt = app.Options.Clock.GetUtcNow() };
        Assert.True((await users.CreateAsync(user, Password)).Succeeded);
        Assert.True((await users.AddToRoleAsync(user, role)).Succeeded);
        return user;
    }

    public async Task<HttpResponseMessage> GetAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd("text/html");
        return await _http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    /// <summary>Opens the page and sends its form with these fields.</summary>
    public async Task<HttpResponseMessage> SubmitAsync(string path, params (string Name, string Value)[] fields)
    {
        using var page = await GetAsync(path);
        var html = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var form = HiddenField().Matches(html).Select(m => KeyValuePair.Create(m.Groups["name"].Value, m.Groups["value"].Value))
            .Concat(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        using var content = new FormUrlEncodedContent(form);
        return await _http.PostAsync(path, content, TestContext.Current.CancellationToken);
    }

    public Task<HttpResponseMessage> LogInAsync(string email, string password = Password, string path = "/login") =>
        SubmitAsync(path, ("Email", email), ("Password", password));

    public async Task<HttpResponseMessage> PostAsync(string path)
    {
        using var content = new FormUrlEncodedContent([]);
        return await _http.PostAsync(path, content, TestContext.Current.CancellationToken);
    }

    public void Dispose() => _http.Dispose();

    [GeneratedRegex("<input type=\"hidden\" name=\"(?<name>[^\"]+)\" value=\"(?<value>[^\"]*)\"")]
    private static partial Regex HiddenField();
}
