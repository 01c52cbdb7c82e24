using System.Collections.Concurrent;
using Ekiben.Accounts;
using Ekiben.Tests.Fixture;
using Ekiben.Tests.Web;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Fixture;

/// <summary>Somebody at a browser, logged in or not. Keeps a list of what their browser complained about and of what it asked other hosts for.</summary>
internal sealed class Person : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly ConcurrentQueue<string> _complaints = [];
    private readonly ConcurrentQueue<string> _outside = [];

    private Person(EkibenApp app, IBrowserContext context, IPage page, string? email) =>
        (App, _context, Page, Email) = (app, context, page, email);

    public EkibenApp App { get; }

    public IPage Page { get; }

    /// <summary>Null for somebody without an account.</summary>
    public string? Email { get; }

    /// <summary>Errors in the console, among them each breach of the content security policy, and exceptions of scripts.</summary>
    public IReadOnlyCollection<string> Complaints => _complaints;

    /// <summary>Addresses that are not of the server under test.</summary>
    public IReadOnlyCollection<string> Outside => _outside;

    /// <summary>Somebody who has not logged in.</summary>
    public static async Task<Person> ArriveAsync(EkibenApp app, Chromium chromium, Look? look = null) => await StartAsync(app, chromium, look, null);

    /// <summary>A new account with the role, logged in.</summary>
    public static async Task<Person> LogInAsync(EkibenApp app, Chromium chromium, string role = Roles.Owner, Look? look = null)
    {
        var user = await PlatformVisitor.AddUserAsync(app, role);
        using var visitor = new PlatformVisitor(app);
        (await visitor.LogInAsync(user.Email!)).Dispose();
        var person = await StartAsync(app, chromium, look, user.Email);
        await person._context.AddCookiesAsync(
        [
            .. visitor.Cookies.GetCookies(app.Address).Select(cookie => new Cookie { Name = cookie.Name, Value = cookie.Value, Url = app.Address.ToString(), HttpOnly = true }),
        ]);
        return person;
    }

    /// <summary>Opens the page at a path of the server and waits until it shows its heading and nothing says that it is still reading.</summary>
    public async Task<IPage> OpenAsync(string path)
    {
        await Page.GotoAsync(new Uri(App.Address, path).ToString());
        await SettledAsync();
        return Page;
    }

    /// <summary>The same after a click that leads to another page.</summary>
    public async Task SettledAsync()
    {
        await Expect(Page.Locator("h1").First).ToBeVisibleAsync();
        await Expect(Page.Locator(".loading, [data-pending]")).ToHaveCountAsync(0);
    }

    public ILocator Button(string name) => Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    public ILocator Link(string name) => Page.GetByRole(AriaRole.Link, new() { Name = name, Exact = true });

    public ILocator Input(string label) => Page.GetByLabel(label, new() { Exact = true });

    public Task SeesAsync(string text) => Expect(Page.GetByText(text).First).ToBeVisibleAsync();

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    private static async Task<Person> StartAsync(EkibenApp app, Chromium chromium, Look? look, string? email)
    {
        var context = await chromium.NewContextAsync(look ?? Look.Wide);
        var person = new Person(app, context, await context.NewPageAsync(), email);
        context.Console += (_, message) =>
        {
            if (message.Type == "error")
            {
                person._complaints.Enqueue(message.Text);
            }
        };
        context.WebError += (_, error) => person._complaints.Enqueue(error.Error);
        context.Request += (_, request) => person.Note(request.Url);
        person.Page.WebSocket += (_, socket) => person.Note(socket.Url);
        return person;
    }

    private void Note(string url)
    {
        if (Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" or "ws" or "wss"
            && uri.Authority != App.Address.Authority)
        {
            _outside.Enqueue(url);
        }
    }
}
