using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Commands;

public sealed class DemoTests : IDisposable
{
    private readonly TemporaryFolder _temp = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task The_demo_sends_what_is_approved_and_leaves_no_trace()
    {
        var environment = new Dictionary<string, string?> { ["TMPDIR"] = _temp.Path, ["EKIBEN_URLS"] = "http://localhost:0" };

        var output = (await EkibenProcess.RunAsync(environment, null, Cancel, "demo", "--exit", "--recipients", "120")).Succeeded();

        Assert.Contains("Sending #5: 112 of 112", output, StringComparison.Ordinal);
        Assert.Matches(@"\| accepted +\| +0 \| +0 \| +0 \| +0 \| +32 \| +112 \|", output);
        Assert.Matches(@"\| balanced +\| yes \| yes \| yes \| yes \| yes \| +yes \|", output);
        Assert.Matches(@"Log in +http://localhost:\d+/login/", output);
        Assert.Empty(Directory.GetFileSystemEntries(_temp.Path, "ekiben-demo-*"));
    }

    [Fact]
    public async Task A_demo_that_fails_keeps_its_folder_and_names_it()
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        var environment = new Dictionary<string, string?> { ["TMPDIR"] = _temp.Path };

        var run = await EkibenProcess.RunAsync(environment, null, Cancel, "demo", "--exit", "--urls", $"http://{taken.LocalEndpoint}");

        Assert.Equal(1, run.ExitCode);
        var kept = Assert.Single(Directory.GetDirectories(_temp.Path, "ekiben-demo-*"));
        Assert.Contains(kept, run.Errors, StringComparison.Ordinal);
        Assert.Contains("the port is taken", run.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1000001")]
    [InlineData("many")]
    public async Task A_number_of_people_out_of_range_is_wrong_usage(string recipients) =>
        Assert.Contains("--recipients must be a number from 1 to 1000000", (await EkibenProcess.RunAsync(Cancel, "demo", "--recipients", recipients)).FailedWith(2), StringComparison.Ordinal);
}
