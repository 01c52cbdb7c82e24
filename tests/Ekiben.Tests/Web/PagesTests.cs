using System.Net;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Ekiben.Tests.Fixture;
using Ekiben.Web;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace Ekiben.Tests.Web;

/// <summary>What the platform's addresses answer before any script runs.</summary>
public sealed class PagesTests(EkibenApp app)
{
    [Theory]
    [InlineData("/")]
    [InlineData("/broadcasts")]
    [InlineData("/broadcasts/1")]
    [InlineData("/broadcasts/1/recipients")]
    [InlineData("/broadcasts/1/left-out")]
    [InlineData("/broadcasts/1/audience")]
    [InlineData("/approval-rules/x")]
    [InlineData("/broadcasts/1/preview?person=1")]
    [InlineData("/mailbox")]
    [InlineData("/mailbox/1")]
    [InlineData("/mailbox/1/html?site=x")]
    [InlineData("/mailbox/1/raw?site=x")]
    public async Task Page_needs_a_log_in(string path)
    {
        using var visitor = new PlatformVisitor(app);

        using var answer = await visitor.GetAsync(path);

        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        Assert.Contains("/login?returnUrl=", answer.Headers.Location!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Circuits_need_a_log_in()
    {
        using var visitor = new PlatformVisitor(app);

        using var answer = await visitor.PostAsync("/_blazor/negotiate?negotiateVersion=1");

        Assert.NotEqual(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Every_page_comes_with_the_security_headers()
    {
        var user = await PlatformVisitor.AddUserAsync(app);
        using var visitor = new PlatformVisitor(app);
        (await visitor.LogInAsync(user.Email!)).Dispose();

        foreach (var path in (string[])["/", "/login", "/no-such-page"])
        {
            using var page = await visitor.GetAsync(path);
            Assert.Equal(SecurityHeaders.PagePolicy, Header(page, "Content-Security-Policy"));
            Assert.Equal("nosniff", Header(page, "X-Content-Type-Options"));
            Assert.Equal("same-origin", Header(page, "Referrer-Policy"));
            Assert.NotNull(Header(page, "Permissions-Policy"));
        }

        using var home = await visitor.GetAsync("/");
        Assert.Contains("no-store", Header(home, "Cache-Control"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unknown_address_is_a_page_for_people_and_a_bare_status_for_programs()
    {
        using var visitor = new PlatformVisitor(app);

        using var page = await visitor.GetAsync("/no-such-page");
        Assert.Equal(HttpStatusCode.NotFound, page.StatusCode);
        Assert.Contains("Nothing here", await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);

        using var http = new HttpClient { BaseAddress = app.Address };
        using var bare = await http.GetAsync("/no-such-page", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, bare.StatusCode);
        Assert.Empty(await bare.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Preview_is_the_persons_own_message_under_a_policy_that_allows_nothing()
    {
        var site = (await app.AddSiteAsync()).Site.Id;
        var (broadcast, person) = await AddBroadcastAsync(site, "<p>Hi {{ visitor.first_name }}</p><script>alert(1)</script>");
        using var visitor = await LoggedInAsync();

        using var frame = await visitor.GetAsync($"/broadcasts/{broadcast}/preview?person={person}");

        Assert.Equal(HttpStatusCode.OK, frame.StatusCode);
        Assert.Equal("sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'", Header(frame, "Content-Security-Policy"));
        Assert.Equal("no-referrer", Header(frame, "Referrer-Policy"));
        var html = await frame.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Contains("Hi Zoë", html, StringComparison.Ordinal);
        Assert.Contains("<base target=\"_blank\">", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preview_shows_no_person_of_another_site()
    {
        var (broadcast, _) = await AddBroadcastAsync((await app.AddSiteAsync()).Site.Id, "<p>Hi</p>");
        var (_, stranger) = await AddBroadcastAsync((await app.AddSiteAsync()).Site.Id, "<p>Hi</p>");
        using var visitor = await LoggedInAsync();

        using var frame = await visitor.GetAsync($"/broadcasts/{broadcast}/preview?person={stranger}");

        Assert.Equal(HttpStatusCode.NotFound, frame.StatusCode);
    }

    [Theory]
    [InlineData(Roles.Owner, true, true)]
    [InlineData(Roles.Approver, true, true)]
    [InlineData(Roles.Author, false, true)]
    [InlineData(Roles.Viewer, false, false)]
    public async Task Role_decides_what_a_person_may_do(string role, bool mayApprove, bool mayAct)
    {
        var user = await PlatformVisitor.AddUserAsync(app, role);

        var found = await FindAsync(user);

        Assert.NotNull(found);
        Assert.Equal((mayApprove, mayAct), (found.MayApprove, found.MayAct));
        Assert.Equal(new Actor("user:" + user.Email, true, mayApprove), found.Actor);
    }

    [Fact]
    public async Task Changed_password_ends_what_older_log_ins_may_do()
    {
        var user = await PlatformVisitor.AddUserAsync(app);
        var principal = await PrincipalOfAsync(user);
        await using (var scope = app.App.Services.CreateAsyncScope())
        {
            var users = scope.ServiceProvider.GetRequiredService<UserManager<User>>();
            var stored = (await users.FindByIdAsync(user.Id))!;
            Assert.True((await users.ChangePasswordAsync(stored, PlatformVisitor.Password, "another long password")).Succeeded);
        }

        Assert.Null(await app.Service<PlatformUsers>().FindAsync(principal, TestContext.Current.CancellationToken));
    }

    private async Task<PlatformVisitor> LoggedInAsync()
    {
        var user = await PlatformVisitor.AddUserAsync(app);
        var visitor = new PlatformVisitor(app);
        (await visitor.LogInAsync(user.Email!)).Dispose();
        return visitor;
    }

    private async Task<PlatformUser?> FindAsync(User user) =>
        await app.Service<PlatformUsers>().FindAsync(await PrincipalOfAsync(user), TestContext.Current.CancellationToken);

    /// <summary>What the cookie of a log-in carries.</summary>
    private async Task<System.Security.Claims.ClaimsPrincipal> PrincipalOfAsync(User user)
    {
        await using var scope = app.App.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<IUserClaimsPrincipalFactory<User>>().CreateAsync(user);
    }

    private async Task<(BroadcastId Broadcast, SubscriberId Person)> AddBroadcastAsync(SiteId site, string content)
    {
        var now = app.Options.Clock.GetUtcNow();
        var address = $"zoe-{Guid.NewGuid():N}@example.com";
        var subscriber = new Subscriber
        {
            SiteId = site,
            Uuid = Guid.NewGuid().ToString("N"),
            FirstName = "Zoë",
            Address = new Address { SiteId = site, Normalised = address, Written = address, Hash = Guid.NewGuid().ToByteArray() },
            CreatedAt = now,
            UpdatedAt = now,
        };
        var broadcast = new Broadcast
        {
            SiteId = site,
            Name = "News",
            Subject = "Hello",
            Content = content,
            Type = "html",
            FromEmail = "news@example.com",
            FromName = "News",
            CreatedBy = "key:test",
            CreatedAt = now,
            UpdatedAt = now,
        };
        await app.WriteAsync(db =>
        {
            db.Subscribers.Add(subscriber);
            db.Broadcasts.Add(broadcast);
            return Task.CompletedTask;
        });
        return (broadcast.Id, subscriber.Id);
    }

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) || answer.Content.Headers.TryGetValues(name, out values) ? string.Join(", ", values) : null;
}
