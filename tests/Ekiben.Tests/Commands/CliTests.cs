using System.Text.Json;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Commands;

public sealed class CliTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    private Task<CommandRun> RunAsync(params string[] arguments) => EkibenProcess.RunAsync(Cancel, [.. arguments, "--data", _folder.Path]);

    [Fact]
    public async Task A_site_is_made_in_a_fresh_folder_and_its_json_has_exactly_three_keys()
    {
        var output = (await RunAsync("site", "create", "News", "--test", "--time-zone", "Europe/Berlin", "--json")).Succeeded();

        using var json = JsonDocument.Parse(output);
        Assert.Equal(["site_uuid", "publishable_key", "secret_key"], json.RootElement.EnumerateObject().Select(p => p.Name));
        Assert.All(json.RootElement.EnumerateObject(), p => Assert.Matches("^[0-9a-f]{32}$", p.Value.GetString()!));

        var list = (await RunAsync("site", "list", "--json")).Succeeded();
        using var sites = JsonDocument.Parse(list);
        var site = Assert.Single(sites.RootElement.EnumerateArray());
        Assert.Equal("Europe/Berlin", site.GetProperty("time_zone").GetString());
        Assert.True(site.GetProperty("test").GetBoolean());
        Assert.DoesNotContain(json.RootElement.GetProperty("secret_key").GetString()!, list, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_site_does_is_set_when_it_is_made_and_afterwards()
    {
        (await RunAsync("site", "create", "News", "--strict", "--recognize-repetitions", "false")).Succeeded();
        Assert.Equal((true, false, false), Settings((await RunAsync("site", "show", "News", "--json")).Succeeded()));
        (await RunAsync("site", "set", "News", "--strict", "false", "--recognize-repetitions", "true", "--track-links", "true")).Succeeded();
        Assert.Equal((false, true, true), Settings((await RunAsync("site", "show", "News", "--json")).Succeeded()));
        Assert.Contains("News  (tracks links)", (await RunAsync("site", "list")).Succeeded(), StringComparison.Ordinal);
        Assert.Contains("recognize_repetitions   true", (await RunAsync("site", "show", "News")).Succeeded(), StringComparison.Ordinal);
        Assert.Contains("say what to change", (await RunAsync("site", "set", "News")).FailedWith(2), StringComparison.Ordinal);

        static (bool Strict, bool Recognize, bool Track) Settings(string json)
        {
            using var site = JsonDocument.Parse(json);
            return (site.RootElement.GetProperty("strict").GetBoolean(), site.RootElement.GetProperty("recognize_repetitions").GetBoolean(), site.RootElement.GetProperty("track_links").GetBoolean());
        }
    }

    [Fact]
    public async Task Four_sites_made_at_once_in_a_fresh_folder_are_four_sites()
    {
        var runs = await Task.WhenAll(Enumerable.Range(0, 4).Select(n => RunAsync("site", "create", $"Site {n}", "--json")));

        Assert.All(runs, run => run.Succeeded());
        Assert.Equal(4, (await RunAsync("site", "list")).Succeeded().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task An_account_without_a_password_gets_a_link_and_a_weak_password_is_refused()
    {
        Assert.Matches("^http://localhost:8080/login/[A-Za-z0-9_-]{40,}\n$", (await RunAsync("user", "create", "ann@example.com")).Succeeded());
        Assert.Contains("already taken", (await RunAsync("user", "create", "ann@example.com")).FailedWith(1), StringComparison.Ordinal);

        var weak = await EkibenProcess.RunAsync(new Dictionary<string, string?>(), "short\n", Cancel, "user", "create", "bob@example.com", "--password-stdin", "--data", _folder.Path);
        Assert.Contains("at least 10 characters", weak.FailedWith(1), StringComparison.Ordinal);
        var good = await EkibenProcess.RunAsync(new Dictionary<string, string?>(), "long enough now\n", Cancel, "user", "create", "bob@example.com", "--password-stdin", "--role", "approver", "--data", _folder.Path);
        Assert.Equal("", good.Succeeded());
    }

    [Theory]
    [InlineData("Required command was not provided")]
    [InlineData("'frobnicate' is not known here", "frobnicate")]
    [InlineData("Required argument 'NAME' missing", "site", "create")]
    [InlineData("is no IANA time zone", "site", "create", "News", "--time-zone", "Mars/Olympus")]
    [InlineData("must look like http://localhost:8080", "serve", "--urls", "ftp://x")]
    [InlineData("at least Host= and Database=", "serve", "--database", "Host=db")]
    [InlineData("must be a connection string", "serve", "--database", "postgres://db/ekiben")]
    [InlineData("--relay must look like smtp://", "serve", "--relay", "mail.example.com")]
    [InlineData("tls=none is only for a relay on loopback", "serve", "--relay", "smtp://mail.example.com:25?tls=none")]
    [InlineData("--dns: \"dns.example\" must be system, none,", "serve", "--dns", "dns.example")]
    [InlineData("--public-url", "serve", "--public-url", "mail.example.com")]
    [InlineData("must be 1 to 200 characters", "site", "create", " ")]
    [InlineData("Cannot parse argument 'x'", "receipt", "x")]
    public async Task Wrong_usage_is_one_line_and_exit_code_2(string sentence, params string[] arguments) =>
        Assert.Contains(sentence, (await RunAsync(arguments)).FailedWith(2), StringComparison.Ordinal);

    [Theory]
    [InlineData("there is no broadcast 42", "receipt", "42")]
    [InlineData("there is no broadcast 42", "broadcast", "approve", "42")]
    [InlineData("there is no site \"Nowhere\"", "site", "author", "add", "Nowhere", "--email", "a@example.com", "--name", "A")]
    public async Task What_cannot_be_done_is_one_line_and_exit_code_1(string sentence, params string[] arguments) =>
        Assert.Contains(sentence, (await RunAsync(arguments)).FailedWith(1), StringComparison.Ordinal);

    [Fact]
    public async Task The_command_line_counts_before_the_environment_and_that_before_the_file()
    {
        var cancel = Cancel;
        await File.WriteAllTextAsync(_folder.File("ekiben.json"), """{ "urls": "ftp://file", "relay": "smtp://localhost:2525" }""", cancel);
        var environment = new Dictionary<string, string?> { ["EKIBEN_DATA"] = _folder.Path };
        Assert.Contains("ftp://file", (await EkibenProcess.RunAsync(environment, null, cancel, "serve")).FailedWith(2), StringComparison.Ordinal);

        environment["EKIBEN_URLS"] = "ftp://environment";
        Assert.Contains("ftp://environment", (await EkibenProcess.RunAsync(environment, null, cancel, "serve")).FailedWith(2), StringComparison.Ordinal);
        Assert.Contains("ftp://line", (await EkibenProcess.RunAsync(environment, null, cancel, "serve", "--urls", "ftp://line")).FailedWith(2), StringComparison.Ordinal);

        await File.WriteAllTextAsync(_folder.File("ekiben.json"), """{ "url": "http://localhost:1" }""", cancel);
        Assert.Contains("there is no option \"url\"", (await EkibenProcess.RunAsync(environment, null, cancel, "serve")).FailedWith(2), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_used_is_one_line()
    {
        await File.WriteAllTextAsync(_folder.File("occupied"), "", Cancel);
        var run = await EkibenProcess.RunAsync(Cancel, "site", "list", "--data", _folder.File("occupied"));
        Assert.Contains("cannot use the data folder", run.FailedWith(1), StringComparison.Ordinal);
    }
}
