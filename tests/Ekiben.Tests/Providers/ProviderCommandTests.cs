using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Providers;

/// <summary><c>ekiben provider</c> as a person types it.</summary>
public sealed class ProviderCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private Task<CommandRun> RunAsync(params string[] arguments) =>
        EkibenProcess.RunAsync(TestContext.Current.CancellationToken, [.. arguments, "--data", _folder.Path]);

    [Fact]
    public async Task Limits_are_set_changed_listed_and_removed()
    {
        (await RunAsync("site", "create", "News")).Succeeded();
        (await RunAsync("provider", "set", "Gmail.com", "--per-hour", "5000")).Succeeded();
        (await RunAsync("provider", "set", "gmail", "--connections", "2", "--site", "News")).Succeeded();
        (await RunAsync("provider", "set", "gmail", "--connections", "3", "--per-hour", "60", "--site", "News")).Succeeded();
        Assert.Equal("gmail  5000 an hour  every site\ngmail  3 at once, 60 an hour  News\n", (await RunAsync("provider", "list")).Succeeded());
        var json = (await RunAsync("provider", "list", "--site", "News", "--json")).Succeeded();
        Assert.Contains("\"provider\":\"gmail\",\"connections\":3,\"per_hour\":60", json.Replace(" ", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal), StringComparison.Ordinal);
        (await RunAsync("provider", "remove", "gmail", "--site", "News")).Succeeded();
        Assert.Contains("there is no limit for gmail of News", (await RunAsync("provider", "remove", "gmail", "--site", "News")).FailedWith(1), StringComparison.Ordinal);
        (await RunAsync("site", "set", "News", "--provider-policy", "on")).Succeeded();
        Assert.Contains("provider_policy         on\n", (await RunAsync("site", "show", "News")).Succeeded(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("A limit says how many messages at once", "provider", "set", "gmail")]
    [InlineData("Messages at once are 1 to 1000", "provider", "set", "gmail", "--connections", "0")]
    [InlineData("Messages an hour are 1 to 10000000", "provider", "set", "gmail", "--per-hour", "0")]
    [InlineData("A provider is a name such as gmail", "provider", "set", "a@b.example", "--connections", "1")]
    [InlineData("Argument 'maybe' not recognized", "site", "set", "News", "--provider-policy", "maybe")]
    public async Task Wrong_usage_is_one_line_and_exit_code_2(string sentence, params string[] arguments) =>
        Assert.Contains(sentence, (await RunAsync(arguments)).FailedWith(2), StringComparison.Ordinal);
}
