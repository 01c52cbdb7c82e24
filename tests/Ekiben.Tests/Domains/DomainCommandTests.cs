using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Domains;

/// <summary><c>ekiben domain</c> as a person types it.</summary>
public sealed class DomainCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private Task<CommandRun> RunAsync(params string[] arguments) =>
        EkibenProcess.RunAsync(TestContext.Current.CancellationToken, [.. arguments, "--data", _folder.Path]);

    [Fact]
    public async Task A_key_is_added_checked_and_removed()
    {
        (await RunAsync("site", "create", "News")).Succeeded();
        var lines = (await RunAsync("domain", "add", "acme.example", "--site", "News", "--selector", "E1")).Succeeded().Split('\n');
        Assert.Equal("; DKIM, selector e1: signs", lines[0]);
        Assert.Matches("^e1\\._domainkey\\.acme\\.example\\. IN TXT \\( \"v=DKIM1; k=rsa; p=[^\"]+\" \"[^\"]+\" \\)$", lines[1]);
        Assert.Contains("_dmarc.acme.example. IN TXT \"v=DMARC1; p=none; rua=mailto:postmaster@acme.example\"", lines);
        Assert.Equal(lines, (await RunAsync("domain", "show", "acme.example", "--site", "News")).Succeeded().Split('\n'));
        Assert.Contains("has a key for acme.example already", (await RunAsync("domain", "add", "acme.example", "--site", "News")).FailedWith(1), StringComparison.Ordinal);

        using var server = new NameServer();
        var missing = await RunAsync("domain", "check", "acme.example", "--site", "News", "--resolver", server.EndPoint.ToString());
        Assert.Equal(1, missing.ExitCode);
        Assert.Contains("not every key of acme.example is published", missing.Errors, StringComparison.Ordinal);
        Assert.Equal(4, missing.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        server.AddText("e1._domainkey.acme.example", string.Concat(lines[1].Split('"').Where((_, index) => index % 2 == 1)));
        Assert.StartsWith(
            "ok       DKIM  e1._domainkey.acme.example: It holds this server's key.\nmissing  SPF  acme.example: ",
            (await RunAsync("domain", "check", "acme.example", "--site", "News", "--resolver", server.EndPoint.ToString())).Succeeded(), StringComparison.Ordinal);
        Assert.Matches("^acme\\.example  e1  signs  News  checked [0-9-]{10} [0-9:]{5}: ok\n$", (await RunAsync("domain", "list")).Succeeded());

        Assert.Equal("", (await RunAsync("domain", "remove", "acme.example", "--site", "News")).Succeeded());
        Assert.Contains("News has no key for acme.example", (await RunAsync("domain", "show", "acme.example", "--site", "News")).FailedWith(1), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("is no domain name such as acme.example", "domain", "add", "acme", "--site", "News")]
    [InlineData("--selector takes 1 to 50 letters", "domain", "add", "acme.example", "--site", "News", "--selector", "a.b")]
    [InlineData("--selector takes 1 to 50 letters", "domain", "rotate", "acme.example", "--site", "News", "--selector", "a-ed25519")]
    [InlineData("must look like 9.9.9.9", "domain", "check", "acme.example", "--site", "News", "--resolver", "dns.example")]
    [InlineData("Option '--site' is required", "domain", "add", "acme.example")]
    public async Task Wrong_usage_is_one_line_and_exit_code_2(string sentence, params string[] arguments) =>
        Assert.Contains(sentence, (await RunAsync(arguments)).FailedWith(2), StringComparison.Ordinal);
}
