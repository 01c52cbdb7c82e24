using System.Text.Json;
using Ekiben.Accounts;
using Ekiben.Domains;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Domains;

/// <summary>A verifier that others wrote: dkimpy, Debian's <c>dkimverify</c>, which <c>./test</c> unpacks into <c>tests/.peers</c>.</summary>
public class DkimPyTests
{
    private static readonly string Peers = Path.Combine(EkibenProcess.Root, "tests/.peers");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_verifies_both_signatures_of_every_message_and_neither_of_a_changed_one()
    {
        Assert.SkipUnless(Directory.Exists(Path.Combine(Peers, "usr/lib/python3/dist-packages/dkim")), "tests/.peers has no dkimpy: run ./test once");
        await using var app = await SendingApp.StartAsync();
        var made = await app.App.Service<DomainActions>().AddAsync(app.Site.Site, "example.com", "e1", true, Actor.Cli, Cancel);
        await app.PeopleAsync(8, i => new { email = $"p{i}@example.com", first_name = i % 2 == 0 ? "Zoë 💌" : $".{new string('x', i * 20)}" });
        await app.UntilStatusAsync(await app.SendAsync(), "sent");

        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("records.json"), JsonSerializer.Serialize(DnsRecords.Dkim(made.Key!).ToDictionary(r => r.Name, r => r.Value)), Cancel);
        var files = new List<string>();
        foreach (var message in app.Accepted)
        {
            files.Add(await WriteAsync(folder, $"m{files.Count}.eml", message.Raw.ToArray()));
        }

        var text = app.Accepted[0].Raw.ToArray();
        var changed = new List<string>();
        foreach (var (before, after) in ((string, string)[])[("Hello ", "Hallo "), ("\r\nSubject: ", "\r\nSubject: x"), ("\r\nTo: ", "\r\nTo: b@example.org\r\nTo: "), ("\r\nList-Id: ", "\r\nList-Id: x")])
        {
            var now = System.Text.Encoding.Latin1.GetString(text).Replace(before, after, StringComparison.Ordinal);
            changed.Add(await WriteAsync(folder, $"c{changed.Count}.eml", System.Text.Encoding.Latin1.GetBytes(now)));
        }

        var lines = await VerifyAsync(folder, [.. files, .. changed]);
        Assert.Equal(8, files.Count);
        Assert.Equal([.. files.Select(file => $"{file} ok ok"), .. changed.Select(file => $"{file} bad bad")], lines.Select(line => line.Replace("ValidationError", "bad", StringComparison.Ordinal)));
    }

    private static async Task<string> WriteAsync(TemporaryFolder folder, string name, byte[] message)
    {
        await File.WriteAllBytesAsync(folder.File(name), message, Cancel);
        return folder.File(name);
    }

    private static async Task<IReadOnlyList<string>> VerifyAsync(TemporaryFolder folder, IEnumerable<string> files)
    {
        var environment = new Dictionary<string, string?>
        {
            ["PYTHONPATH"] = Path.Combine(Peers, "usr/lib/python3/dist-packages"),
            ["LD_LIBRARY_PATH"] = Path.Combine(Peers, "usr/lib/x86_64-linux-gnu"),
            ["PYTHONDONTWRITEBYTECODE"] = "1",
        };
        // Debian's own: the unpacked modules are built for it.
        var run = await EkibenProcess.RunProgramAsync(
            "/usr/bin/python3", [Path.Combine(EkibenProcess.Root, "tests/Ekiben.Tests/Domains/verify.py"), folder.File("records.json"), .. files], environment, Cancel);
        return run.Succeeded().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
