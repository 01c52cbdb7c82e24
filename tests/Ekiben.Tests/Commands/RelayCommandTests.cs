using System.Text.Json;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Commands;

public sealed class RelayCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Relays_are_added_used_changed_and_removed()
    {
        (await RunAsync("site", "create", "News")).Succeeded();
        (await RunAsync("relay", "add", "Fast", "--url", "smtp://me:s3cret@smtp.fast.example?connections=9&messages=500")).Succeeded();
        (await RunAsync("relay", "add", "Spare", "--url", "smtp://127.0.0.1:2525")).Succeeded();
        (await RunAsync("relay", "use", "Fast", "--site", "News", "--weight", "3")).Succeeded();
        (await RunAsync("relay", "use", "Spare", "--site", "News", "--priority", "1")).Succeeded();
        (await RunAsync("relay", "use", "Spare", "--site", "News", "--weight", "2")).Succeeded();
        (await RunAsync("relay", "set", "Spare", "--connections", "4")).Succeeded();

        var shown = (await RunAsync("relay", "show", "Fast")).Succeeded();
        Assert.Contains("messages      500 over one connection", shown, StringComparison.Ordinal);
        Assert.Contains("site          News: weight 3, priority 0", shown, StringComparison.Ordinal);
        using var list = JsonDocument.Parse((await RunAsync("relay", "list", "--site", "News", "--json")).Succeeded());
        var spare = list.RootElement[1];
        Assert.Equal(("Spare", 4, "none"), (spare.GetProperty("name").GetString(), spare.GetProperty("connections").GetInt32(), spare.GetProperty("tls").GetString()));
        var use = Assert.Single(spare.GetProperty("sites").EnumerateArray());
        Assert.Equal((2, 1), (use.GetProperty("weight").GetInt32(), use.GetProperty("priority").GetInt32()));
        Assert.DoesNotContain("s3cret", shown + list.RootElement.GetRawText(), StringComparison.Ordinal);

        Assert.Contains("the site \"News\" sends by it", (await RunAsync("relay", "remove", "Fast")).FailedWith(1), StringComparison.Ordinal);
        (await RunAsync("relay", "leave", "Fast", "--site", "News")).Succeeded();
        (await RunAsync("relay", "remove", "Fast")).Succeeded();
        Assert.Contains("there is no relay \"Fast\"", (await RunAsync("relay", "show", "Fast")).FailedWith(1), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_is_said_in_one_sentence()
    {
        (await RunAsync("site", "create", "Try-outs", "--test")).Succeeded();
        (await RunAsync("relay", "add", "Spare", "--url", "smtp://127.0.0.1:2525")).Succeeded();
        Assert.Contains("already", (await RunAsync("relay", "add", "Spare", "--url", "smtp://127.0.0.1:2525")).FailedWith(1), StringComparison.Ordinal);
        Assert.Contains("--url", (await RunAsync("relay", "add", "Other", "--url", "smtp://h.example?messages=x")).FailedWith(2), StringComparison.Ordinal);
        Assert.Contains("is a test site", (await RunAsync("relay", "use", "Spare", "--site", "Try-outs")).FailedWith(1), StringComparison.Ordinal);
        Assert.Contains("say what to change", (await RunAsync("relay", "set", "Spare")).FailedWith(2), StringComparison.Ordinal);
        Assert.Contains("1 to 64", (await RunAsync("relay", "set", "Spare", "--connections", "65")).FailedWith(2), StringComparison.Ordinal);
    }

    private Task<CommandRun> RunAsync(params string[] arguments) => EkibenProcess.RunAsync(Cancel, [.. arguments, "--data", _folder.Path]);
}
