using System.Text.Json;
using Ekiben.Accounts;
using Ekiben.Domains;
using Ekiben.Mailbox;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Domains;

/// <summary>From a key to mail that verifies, over real HTTP and real SMTP. The author of the test site is news@example.com.</summary>
public class SignedSendingTests
{
    private static readonly string[] Covered =
    [
        "from", "to", "cc", "subject", "date", "message-id", "reply-to", "list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id",
        "mime-version", "content-type", "content-transfer-encoding",
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_broadcast_verifies_with_the_records_that_domain_add_printed()
    {
        await using var app = await SendingApp.StartAsync();
        var printed = (await EkibenProcess.RunAsync(
            Cancel, "domain", "add", "Example.COM.", "--site", app.Site.Uuid, "--ed25519", "--selector", "e1", "--json", "--data", app.App.Options.DataFolder)).Succeeded();
        using var json = JsonDocument.Parse(printed);
        var published = new Published(json.RootElement.GetProperty("keys")[0].GetProperty("records").EnumerateArray()
            .ToDictionary(record => record.GetProperty("name").GetString()!, record => record.GetProperty("value").GetString()!));
        await app.PeopleAsync(30);
        await app.UntilStatusAsync(await app.SendAsync(), "sent");

        Assert.Equal(30, app.Accepted.Count);
        foreach (var message in app.Accepted)
        {
            var signatures = published.Verify(message.Raw);
            Assert.Equal(2, signatures.Count);
            Assert.Contains("a=ed25519-sha256;c=relaxed/relaxed;d=example.com;s=e1-ed25519;", signatures[0], StringComparison.Ordinal);
            Assert.Contains("a=rsa-sha256;c=relaxed/relaxed;d=example.com;s=e1;", signatures[1], StringComparison.Ordinal);
            foreach (var signature in signatures)
            {
                Assert.Equal(Covered, signature.Split(";h=")[1].Split(';')[0].Split(':').Distinct());
                // Neither a time, which would differ on a second try, nor a length, which would let others add text.
                Assert.DoesNotMatch(";(t|x|l)=", signature);
            }

            using var read = await MimeKit.MimeMessage.LoadAsync(new MemoryStream(message.Raw.ToArray()), Cancel);
            Assert.Matches("^[0-9]+:broadcast:ekiben:[0-9a-f]{12}$", read.Headers["Feedback-ID"]);
        }
    }

    [Fact]
    public async Task A_second_copy_is_the_same_to_the_octet()
    {
        await using var app = await SendingApp.StartAsync(["dot:accept-then-close:first=3"]);
        var key = await AddKeyAsync(app, "example.com", ed25519: true);
        await app.PeopleAsync(10);
        var receipt = await app.UntilStatusAsync(await app.SendAsync(), "sent");
        var twice = app.Accepted.GroupBy(message => message.MessageId).Where(copies => copies.Count() == 2).ToList();
        Assert.InRange(twice.Count, 1, receipt.Number("resent"));
        Assert.All(twice, copies => Assert.Equal(copies.First().Raw.ToArray(), copies.Last().Raw.ToArray()));
        Assert.All(app.Accepted, message => Assert.Equal(2, Published.By(key).Verify(message.Raw).Count));
    }

    [Theory]
    [InlineData("example.com", true)]
    [InlineData("news.example.com", true)]
    [InlineData("example.org", false)]
    [InlineData("notexample.com", false)]
    public async Task A_domains_key_signs_for_itself_and_those_below_it(string sender, bool signs)
    {
        await using var app = await SendingApp.StartAsync();
        var key = await AddKeyAsync(app, "example.com");
        await app.App.WriteAsync(db => db.Authors.ForEachAsync(author => author.Email = $"news@{sender}", Cancel));
        await app.PeopleAsync(1);
        await app.UntilStatusAsync(await app.SendAsync(), "sent");
        Assert.Equal(signs ? 1 : 0, Published.By(key).Verify(app.Accepted.Single().Raw).Count);
    }

    [Fact]
    public async Task A_site_whose_relay_signs_signs_nothing_and_another_sites_key_is_not_its_own()
    {
        await using var app = await SendingApp.StartAsync();
        var other = await app.App.AddSiteAsync("Other");
        await AddKeyAsync(app, "example.com", other);
        await app.PeopleAsync(1);
        await app.UntilStatusAsync(await app.SendAsync(), "sent");
        var key = await AddKeyAsync(app, "example.com");
        Assert.IsType<SigningState.Signed>(await StateAsync(app));
        (await EkibenProcess.RunAsync(Cancel, "site", "set", app.Site.Uuid, "--relay-signs", "on", "--data", app.App.Options.DataFolder)).Succeeded();
        Assert.IsType<SigningState.RelaySigns>(await StateAsync(app));
        await app.UntilStatusAsync(await app.SendAsync(), "sent");
        Assert.Equal(2, app.Accepted.Count);
        Assert.All(app.Accepted, message => Assert.Empty(Published.By(key).Verify(message.Raw)));
    }

    [Fact]
    public async Task A_key_that_cannot_be_read_holds_the_broadcast_and_nothing_leaves()
    {
        await using var app = await SendingApp.StartAsync();
        await AddKeyAsync(app, "example.com");
        await app.PeopleAsync(3);
        foreach (var file in Directory.GetFiles(app.App.Options.KeysFolder, "key-*.xml"))
        {
            File.Delete(file);
        }

        await app.App.RestartAsync();
        app.Site.Reconnect();
        var id = await app.SendAsync();
        await app.UntilStatusAsync(id, "held");
        var key = (await app.App.Service<DomainActions>().ListAsync(app.Site.Id, null, Cancel)).Single();
        Assert.StartsWith($"The DKIM key {key.Selector} of example.com cannot be read", await app.ReasonAsync(id), StringComparison.Ordinal);
        Assert.Empty(app.Sink.Messages);

        // As the sentence says: removed and made anew, it goes out.
        Assert.Null(await app.App.Service<DomainActions>().RemoveAsync(app.Site.Site, "example.com", key.Selector, Actor.Cli, Cancel));
        var renewed = await AddKeyAsync(app, "example.com");
        await app.ActAsync(id, "resume");
        await app.UntilStatusAsync(id, "sent");
        Assert.All(app.Accepted, message => Assert.Single(Published.By(renewed).Verify(message.Raw)));
    }

    [Fact]
    public async Task A_key_moved_to_another_row_cannot_be_read()
    {
        await using var app = await SendingApp.StartAsync();
        await AddKeyAsync(app, "example.com");
        await app.App.WriteAsync(db => db.DomainKeys.ForEachAsync(key => key.Selector = "other", Cancel));
        var state = Assert.IsType<SigningState.KeyUnreadable>(await StateAsync(app));
        Assert.Contains("--selector other", state.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_mailbox_of_a_test_site_gets_the_signed_bytes()
    {
        await using var app = await SendingApp.StartAsync();
        var site = await app.App.AddSiteAsync("Test");
        var key = await AddKeyAsync(app, "example.com", site);
        await site.ImportAsync(new { email = "a@example.com" });
        var id = await site.CreatedAsync(new { name = "N", subject = "S", content = "<p>C</p>", type = "plain", send_at = "2022-12-13 12:50", approved = true });
        JsonElement receipt = default;
        for (var looks = 0; looks < 100_000 && (looks == 0 || receipt.GetProperty("status").GetString() != "sent"); looks++)
        {
            receipt = (await site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/receipt")).Json;
        }

        var entry = Assert.Single(await app.App.Service<MailboxStore>().ListAsync(site.Id, null, 10, Cancel));
        var raw = await app.App.Service<MailboxStore>().ReadAsync(site.Id, entry.Id, Cancel);
        Assert.Single(Published.By(key).Verify(raw!));
        Assert.Equal(["example.com (selector " + key.Selector + ")"], (await MailboxMessage.ParseAsync(1, raw!, Cancel)).SignedBy);
    }

    private static async Task<DomainKey> AddKeyAsync(SendingApp app, string domain, TestSite? site = null, bool ed25519 = false)
    {
        var made = await app.App.Service<DomainActions>().AddAsync((site ?? app.Site).Site, domain, null, ed25519, Actor.Cli, Cancel);
        Assert.Null(made.Problem);
        return made.Key!;
    }

    private static async Task<SigningState> StateAsync(SendingApp app)
    {
        await using var db = app.App.Database.OpenEverySite();
        return await app.App.Service<DomainSigning>().ForAsync(await db.Sites.SingleAsync(s => s.Id == app.Site.Id, Cancel), "news@example.com", null, Cancel);
    }
}
