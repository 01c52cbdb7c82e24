using System.Security.Cryptography;
using System.Text;
using Ekiben.Accounts;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

[assembly: AssemblyFixture(typeof(Ekiben.Tests.Fixture.EkibenApp))]

namespace Ekiben.Tests.Fixture;

/// <summary>
/// The whole server in this process, on a free port of the loopback and a temporary data folder that goes away at the end.
/// As the assembly's fixture it is shared by every test that asks for it in its constructor: there the engine rests, the clock is the
/// machine's, and each test makes a site of its own. A test that needs another clock, the engine or a restart starts its own.
/// </summary>
public sealed class EkibenApp : IAsyncLifetime
{
    private Func<EkibenOptions, EkibenOptions> _change = options => options;

    internal WebApplication App { get; private set; } = null!;

    internal EkibenOptions Options { get; private set; } = null!;

    internal Uri Address { get; private set; } = null!;

    internal CapturedLog Log { get; } = new();

    internal Database Database => Service<Database>();

    /// <summary>A server of one's own; dispose it.</summary>
    internal static async Task<EkibenApp> StartAsync(Func<EkibenOptions, EkibenOptions>? change = null)
    {
        var app = new EkibenApp { _change = change ?? (options => options) };
        await app.InitializeAsync();
        return app;
    }

    public async ValueTask InitializeAsync()
    {
#pragma warning disable RS0030 // The one place where tests take the machine's clock.
        var clock = TimeProvider.System;
#pragma warning restore RS0030
        var folder = Directory.CreateTempSubdirectory("ekiben-test-").FullName;
        Options = _change(new EkibenOptions
        {
            DataFolder = folder,
            Urls = "http://127.0.0.1:0",
            Clock = clock,
            RunEngine = false,
            // Tests ask until something has happened, and on a fake clock no window ends.
            Limits = LimitsOption.None,
            Dns = Ekiben.Dns.DnsOption.None,
        });
        if (Options.DataFolder != folder)
        {
            Directory.Delete(folder);
        }

        await StartServerAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopServerAsync();
        Directory.Delete(Options.DataFolder, recursive: true);
    }

    /// <summary>Stops the server in good order and starts it again on the same folder; the port changes.</summary>
    internal async Task RestartAsync()
    {
        await StopServerAsync();
        await StartServerAsync();
    }

    /// <summary>For what happens to the folder while no server runs.</summary>
    internal Task StopAsync() => StopServerAsync();

    internal Task StartAgainAsync() => StartServerAsync();

    internal T Service<T>() where T : notnull => App.Services.GetRequiredService<T>();

    /// <summary>A site with one author and one key, written straight into the database.</summary>
    internal async Task<TestSite> AddSiteAsync(
        string name = "Site", bool isTest = true, string timeZone = "UTC", bool mayApprove = true, string? author = "news@example.com")
    {
        await using var db = Database.OpenEverySite();
        await using var write = await Database.BeginWriteAsync(db, default);
        var now = Options.Clock.GetUtcNow();
        var site = new Site { Uuid = Hex(), Name = name, IsTest = isTest, TimeZone = timeZone, CreatedAt = now };
        db.Sites.Add(site);
        await db.SaveChangesAsync();
        var (publishable, secret) = (Hex(), Hex());
        db.ApiKeys.Add(new ApiKey
        {
            SiteId = site.Id,
            Name = "test",
            PublishableKey = publishable,
            SecretHash = SHA256.HashData(Encoding.UTF8.GetBytes(secret)),
            MayApprove = mayApprove,
            CreatedAt = now,
        });
        if (author is not null)
        {
            db.Authors.Add(new Author { SiteId = site.Id, Email = author, Name = "News", CreatedAt = now });
        }

        await db.SaveChangesAsync();
        await write.CommitAsync(default);
        return new TestSite(this, site, publishable, secret);
    }

    /// <summary>Changes rows as no client could.</summary>
    internal async Task WriteAsync(Func<Db, Task> write)
    {
        await using var db = Database.OpenEverySite();
        await using var scope = await Database.BeginWriteAsync(db, default);
        await write(db);
        await db.SaveChangesAsync();
        await scope.CommitAsync(default);
    }

    private async Task StartServerAsync()
    {
        App = EkibenBuilder.Build(Options);
        App.Services.GetRequiredService<ILoggerFactory>().AddProvider(Log);
        await Database.MigrateAsync(default);
        await App.StartAsync();
        Address = new Uri(App.Urls.First());
    }

    private async Task StopServerAsync()
    {
        await App.StopAsync();
        await App.DisposeAsync();
    }

    private static string Hex() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
}

/// <summary>Warnings and errors that the server logged; tests that expect none look here.</summary>
internal sealed class CapturedLog : ILoggerProvider, ILogger
{
    private readonly System.Collections.Concurrent.ConcurrentQueue<string> _lines = new();

    public IReadOnlyCollection<string> Lines => _lines;

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            _lines.Enqueue($"{logLevel}: {formatter(state, exception)} {exception}");
        }
    }

    public void Dispose()
    {
    }
}
