using System.Net;
using System.Text.RegularExpressions;
using Ekiben.Accounts;
using Ekiben.Tests.Fixture;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Web;

/// <summary>Who gets into the platform, how, and who does not.</summary>
public sealed class LoginTests(EkibenApp app)
{
    private const string CookieName = "ekiben";

    [Fact]
    public async Task Right_password_logs_in_and_leads_to_the_page_that_was_asked_for()
    {
        var user = await PlatformVisitor.AddUserAsync(app);
        using var visitor = new PlatformVisitor(app);

        using var answer = await visitor.LogInAsync(user.Email!, path: "/login?returnUrl=%2Fmailbox");

        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        Assert.EndsWith("/mailbox", answer.Headers.Location!.ToString(), StringComparison.Ordinal);
        using var page = await visitor.GetAsync("/mailbox");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
    }

    [Fact]
    public async Task Cookie_of_a_log_in_is_hidden_from_scripts_and_from_other_sites()
    {
        var user = await PlatformVisitor.AddUserAsync(app);
        using var visitor = new PlatformVisitor(app);

        using var answer = await visitor.LogInAsync(user.Email!);

        var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"), c => c.StartsWith(CookieName + "=", StringComparison.Ordinal));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("path=/;", cookie, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Wrong_password_and_unknown_address_get_the_same_answer()
    {
        var user = await PlatformVisitor.AddUserAsync(app);
        using var visitor = new PlatformVisitor(app);

        var wrong = await TextOfAsync(await visitor.LogInAsync(user.Email!, "not the password"));
        var unknown = await TextOfAsync(await visitor.LogInAsync("nobody@example.com", "not the password"));

        Assert.Contains("That did not work", wrong, StringComparison.Ordinal);
        Assert.Equal(AlertOf(wrong), AlertOf(unknown));
        Assert.DoesNotContain(visitor.Cookies.GetAllCookies(), c => c.Name == CookieName);
    }

    [Fact]
    public async Task Five_wrong_passwords_close_the_account_for_the_right_one_too()
    {
        var user = await PlatformVisitor.AddUserAsync(app);
        using var visitor = new PlatformVisitor(app);
        for (var i = 0; i < LogIns.MaxFailures; i++)
        {
            (await visitor.LogInAsync(user.Email!, "not the password")).Dispose();
        }

        using var closed = await visitor.LogInAsync(user.Email!);
        Assert.Equal(HttpStatusCode.OK, closed.StatusCode);
        Assert.DoesNotContain(visitor.Cookies.GetAllCookies(), c => c.Name == CookieName);

        // Identity takes the machine's clock, so its stored end is moved instead.
        await app.WriteAsync(async db => (await db.Users.SingleAsync(u => u.Id == user.Id)).LockoutEnd = DateTimeOffset.UnixEpoch);
        using var open = await visitor.LogInAsync(user.Email!);
        Assert.Equal(HttpStatusCode.Redirect, open.StatusCode);
    }

    [Fact]
    public async Task Forged_log_out_ends_nothing()
    {
        var user = await PlatformVisitor.AddUserAsync(app);
        using var visitor = new PlatformVisitor(app);
        (await visitor.LogInAsync(user.Email!)).Dispose();

        using var forged = await visitor.PostAsync("/logout");
        Assert.Equal(HttpStatusCode.BadRequest, forged.StatusCode);
        using var page = await visitor.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
    }

    [Fact]
    public async Task First_run_says_how_to_make_an_account()
    {
        await using var fresh = await EkibenApp.StartAsync();
        using var visitor = new PlatformVisitor(fresh);

        var page = await TextOfAsync(await visitor.GetAsync("/login"));

        Assert.Contains("ekiben user create", page, StringComparison.Ordinal);
        Assert.DoesNotContain("type=\"password\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Link_logs_in_once_and_only_by_its_button()
    {
        var user = await PlatformVisitor.AddUserAsync(app);
        var path = await LinkForAsync(user, TimeSpan.FromMinutes(5));
        using var scanner = new PlatformVisitor(app);
        for (var i = 0; i < 3; i++)
        {
            using var looked = await scanner.GetAsync(path);
            Assert.Equal(HttpStatusCode.OK, looked.StatusCode);
        }

        using var visitor = new PlatformVisitor(app);
        using var used = await visitor.SubmitAsync(path);
        Assert.Equal(HttpStatusCode.Redirect, used.StatusCode);
        using var home = await visitor.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, home.StatusCode);

        using var second = new PlatformVisitor(app);
        var again = await TextOfAsync(await second.GetAsync(path));
        Assert.Contains("used or has expired", again, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_eight_uses_of_a_link_at_once_one_logs_in()
    {
        var user = await PlatformVisitor.AddUserAsync(app);
        var path = await LinkForAsync(user, TimeSpan.FromMinutes(5));

        var uses = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => UseAsync(path[("/login/".Length)..])));

        Assert.Single(uses, u => u is not null);
    }

    [Fact]
    public async Task Expired_link_logs_nobody_in()
    {
        var user = await PlatformVisitor.AddUserAsync(app);
        var path = await LinkForAsync(user, TimeSpan.FromSeconds(-1));

        Assert.Null(await UseAsync(path[("/login/".Length)..]));
    }

    [Theory]
    [InlineData("/mailbox?site=1", "/mailbox?site=1")]
    [InlineData(null, "/")]
    [InlineData("//evil.example", "/")]
    [InlineData("/\\evil.example", "/")]
    [InlineData("https://evil.example/", "/")]
    [InlineData("/a\r\nb", "/")]
    public void Return_address_stays_on_this_server(string? asked, string followed) => Assert.Equal(followed, LocalPath.Or(asked, "/"));

    private async Task<string> LinkForAsync(User user, TimeSpan validFor)
    {
        await using var db = app.Database.OpenEverySite();
        return await app.Service<LoginLinks>().CreateAsync(db, user, validFor, TestContext.Current.CancellationToken);
    }

    private Task<User?> UseAsync(string token) => app.Service<LoginLinks>().UseAsync(app.Database, token, TestContext.Current.CancellationToken);

    private static async Task<string> TextOfAsync(HttpResponseMessage answer)
    {
        using (answer)
        {
            return await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        }
    }

    private static string AlertOf(string html) => Regex.Match(html, "<p class=\"alert\".*?</p>", RegexOptions.Singleline).Value;
}
