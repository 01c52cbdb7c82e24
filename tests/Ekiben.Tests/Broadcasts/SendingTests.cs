using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Broadcasts;

/// <summary>The main job over real HTTP and real SMTP.</summary>
public class SendingTests
{
    [Fact]
    public async Task An_approved_broadcast_reaches_everybody_once_and_its_receipt_closes()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(300);
        var id = await app.SendAsync();
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal(300, receipt.Number("matched"));
        Assert.Equal(300, receipt.Number("accepted"));
        Assert.True(receipt.IsBalanced());
        Assert.Equal(
            Enumerable.Range(1, 300).Select(i => $"p{i}@example.com").Order(StringComparer.Ordinal),
            app.Accepted.Select(message => message.RcptTo.Single()).Order(StringComparer.Ordinal));
        Assert.Equal(300, app.Accepted.Select(message => message.MessageId).Distinct().Count());
    }

    [Fact]
    public async Task Every_message_carries_its_person_and_the_one_click_headers()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(1, _ => new { email = "ünïcode@bücher.example", first_name = "Zoë 💌" });
        await app.UntilStatusAsync(await app.SendAsync(), "sent");
        // A local part beyond ASCII needs SMTPUTF8, which the sink offers.
        using var message = await MimeKit.MimeMessage.LoadAsync(new MemoryStream(app.Accepted.Single().Raw.ToArray()), TestContext.Current.CancellationToken);
        Assert.Equal("Hi Zoë 💌", message.Subject);
        Assert.Contains("Hello Zoë 💌", message.HtmlBody, StringComparison.Ordinal);
        Assert.Contains("Hello Zoë 💌", message.TextBody, StringComparison.Ordinal);
        Assert.Equal("List-Unsubscribe=One-Click", message.Headers["List-Unsubscribe-Post"]);
        Assert.Matches("^<http://127\\.0\\.0\\.1:[0-9]+/u/[A-Za-z0-9_-]{43}>$", message.Headers["List-Unsubscribe"]!.Trim());
    }

    [Fact]
    public async Task Each_person_left_out_is_counted_under_the_first_reason_that_applies()
    {
        await using var app = await SendingApp.StartAsync();
        await app.Site.ImportAsync(
            new { email = "a@example.com", tags = "lead" },
            new { email = "b@example.com", tags = "lead,customers" },
            new { email = "c@example.com", tags = "lead" },
            new { email = "d@example.com", tags = "lead" },
            new { email = "e@example.com", tags = "lead" },
            new { email = "f@example.com", tags = "other" },
            new { email = "g@example.com", tags = "lead,customers" });
        app.Sql("UPDATE subscribers SET unsubscribed_at = 1 WHERE address_id IN (SELECT id FROM addresses WHERE normalised IN ('c@example.com', 'g@example.com'))");
        app.Sql("INSERT INTO suppressions (site_id, address_id, reason, created_at) SELECT site_id, id, 'complaint', 1 FROM addresses WHERE normalised = 'd@example.com'");
        app.Sql("UPDATE subscribers SET address_id = (SELECT id FROM addresses WHERE normalised = 'a@example.com') WHERE address_id = (SELECT id FROM addresses WHERE normalised = 'e@example.com')");
        var receipt = await app.UntilStatusAsync(await app.SendAsync(inclusive: "lead", exclusive: "customers"), "sent");
        Assert.Equal((6, 2, 1, 1, 1, 1), (
            receipt.Number("matched"),
            receipt.Number("excluded"),
            receipt.Number("unsubscribed"),
            receipt.Number("suppressed_before"),
            receipt.Number("duplicate_addresses"),
            receipt.Number("recipients")));
        Assert.Equal("a@example.com", app.Accepted.Single().RcptTo.Single());
        Assert.True(receipt.IsBalanced());
    }

    [Fact]
    public async Task A_draft_is_never_sent()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(5);
        var draft = await app.DraftAsync();
        await app.UntilStatusAsync(await app.SendAsync(), "sent");
        var receipt = await app.ReceiptAsync(draft);
        Assert.Equal("draft", receipt.GetProperty("status").GetString());
        Assert.Equal(0, receipt.Number("matched"));
        Assert.True(receipt.IsBalanced());
        Assert.Equal(5, app.Accepted.Count);
    }

    [Fact]
    public async Task An_audience_of_nobody_closes_with_that_reason()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(5);
        var id = await app.SendAsync(inclusive: "nobody-has-this");
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal(0, receipt.Number("matched"));
        Assert.Equal("Nobody matched.", await app.ReasonAsync(id));
    }

    [Fact]
    public async Task A_message_that_cannot_be_made_fails_alone()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(50, i => new { email = $"p{i}@example.com", bio = i == 7 ? new string('x', 300) : "P" });
        var id = await app.SendAsync("{{ visitor.bio }}");
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((49, 1), (receipt.Number("accepted"), receipt.Number("render_failed")));
        var failed = Assert.Single(await app.RecipientsAsync(id, "state=render_failed"));
        Assert.Equal("p7@example.com", failed.GetProperty("email").GetString());
        Assert.Contains("255", failed.GetProperty("reply").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broadcast_whose_messages_cannot_be_made_is_held_and_says_why()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(50, i => new { email = $"p{i}@example.com", bio = new string('x', 300) });
        var id = await app.SendAsync("{{ visitor.bio }}");
        var receipt = await app.UntilStatusAsync(id, "held");
        Assert.Contains("could not be made", await app.ReasonAsync(id), StringComparison.Ordinal);
        Assert.Empty(app.Accepted);
        Assert.True(receipt.IsBalanced());
    }

    [Fact]
    public async Task Whoever_unsubscribes_meanwhile_gets_nothing_more()
    {
        await using var app = await SendingApp.StartAsync(["mail:stall:after=1"], connections: 1);
        await app.PeopleAsync(4);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") == 1 && receipt.Number("sending") == 2);
        app.Sql("UPDATE subscribers SET unsubscribed_at = 1 WHERE address_id IN (SELECT id FROM addresses WHERE normalised = 'p4@example.com')");
        app.Sink.ReplaceFaults();
        await app.App.RestartAsync();
        app.Site.Reconnect();
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((3, 1), (receipt.Number("accepted"), receipt.Number("suppressed")));
        Assert.DoesNotContain(app.Accepted, message => message.RcptTo.Contains("p4@example.com"));
    }

    [Fact]
    public async Task A_test_site_sends_into_the_mailbox_whatever_the_relay_is()
    {
        await using var app = await SendingApp.StartAsync();
        var site = await app.App.AddSiteAsync(isTest: true);
        await site.ImportAsync(new { email = "a@example.com", first_name = "A" });
        var id = await site.CreatedAsync(new { name = "n", subject = "Hi {{ visitor.first_name }}", content = "x", send_at = "2022-12-13 12:50", approved = true });
        Task<Reply> Receipt() => site.GetAsync($"/api/ekiben/v1/broadcasts/{id}/receipt");
        await app.UntilAsync(await app.SendAsync(), receipt => receipt.GetProperty("status").GetString() == "sent");
        while ((await Receipt()).Json.GetProperty("status").GetString() != "sent")
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        Assert.Empty(app.Accepted);
        var list = (await site.GetAsync("/api/ekiben/v1/mailbox")).Json;
        var entry = Assert.Single(list.GetProperty("data").EnumerateArray().ToList());
        Assert.Equal(("a@example.com", "Hi A"), (entry.GetProperty("rcpt_to").GetString(), entry.GetProperty("subject").GetString()));
        var message = (await site.GetAsync($"/api/ekiben/v1/mailbox/{entry.GetProperty("id").GetInt64()}")).Json;
        Assert.StartsWith("From: ", message.GetProperty("raw").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unsubscribing_takes_a_post_and_a_get_changes_nothing()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(1);
        await app.UntilStatusAsync(await app.SendAsync(), "sent");
        using var message = await MimeKit.MimeMessage.LoadAsync(new MemoryStream(app.Accepted.Single().Raw.ToArray()), TestContext.Current.CancellationToken);
        var link = new Uri(message.Headers["List-Unsubscribe"]!.Trim(' ', '<', '>'));
        using var recipient = new HttpClient();
        var cancel = TestContext.Current.CancellationToken;

        Assert.Contains("<form method=\"post\">", await recipient.GetStringAsync(link, cancel), StringComparison.Ordinal);
        Assert.Null(await UnsubscribedAtAsync(app));

        foreach (var again in new[] { false, true })
        {
            using var oneClick = await recipient.PostAsync(link, new FormUrlEncodedContent([new("List-Unsubscribe", "One-Click")]), cancel);
            Assert.Equal(200, (int)oneClick.StatusCode);
            Assert.False(oneClick.Headers.Contains("Set-Cookie"));
            Assert.NotNull(await UnsubscribedAtAsync(app));
            Assert.Equal("text/plain", oneClick.Content.Headers.ContentType!.MediaType);
            Assert.True(again || oneClick.IsSuccessStatusCode);
        }

        using var multipart = new MultipartFormDataContent { { new StringContent("One-Click"), "List-Unsubscribe" } };
        Assert.Equal(200, (int)(await recipient.PostAsync(link, multipart, cancel)).StatusCode);
        var forged = link.AbsoluteUri[..^1] + (link.AbsoluteUri[^1] == 'A' ? 'B' : 'A');
        Assert.Equal(404, (int)(await recipient.PostAsync(forged, null, cancel)).StatusCode);
        var receipt = await app.UntilStatusAsync(await app.SendAsync(), "sent");
        Assert.Equal((1, 0), (receipt.Number("unsubscribed"), receipt.Number("recipients")));
    }

    private static async Task<DateTimeOffset?> UnsubscribedAtAsync(SendingApp app)
    {
        await using Db db = app.App.Database.OpenEverySite();
        return (await db.Subscribers.SingleAsync(TestContext.Current.CancellationToken)).UnsubscribedAt;
    }
}
