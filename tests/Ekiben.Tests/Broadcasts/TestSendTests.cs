using Ekiben.Tests.Fixture;
using MimeKit;

namespace Ekiben.Tests.Broadcasts;

/// <summary>A test goes to typed addresses as one person's message, and leaves no trace in any figure.</summary>
public sealed class TestSendTests
{
    [Fact]
    public async Task It_is_the_persons_message_marked_and_addressed_to_the_tester()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(3);
        var id = await app.Site.CreatedAsync(new { name = "N", subject = "Hi {{ visitor.first_name }}", content = "<p>For {{ visitor.email }}: <a href=\"{{ visitor.unsubscribe_url }}\">out</a></p>", type = "html" });

        var reply = await app.Site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/test", new { addresses = new[] { "boss@example.org", "desk@example.org" }, @as = "p2@example.com" });

        Assert.Equal(200, (int)reply.Status);
        Assert.All(reply.Json.GetProperty("data").EnumerateArray(), result => Assert.True(result.GetProperty("accepted").GetBoolean(), result.ToString()));
        Assert.Equal(["boss@example.org", "desk@example.org"], app.Accepted.Select(m => Assert.Single(m.RcptTo)).Order());
        var messages = app.Accepted.Select(m => MimeMessage.Load(new MemoryStream(m.Raw.ToArray()))).ToList();
        Assert.All(messages, message => Assert.Equal("[Test] Hi P2", message.Subject));
        Assert.Equal(["boss@example.org", "desk@example.org"], messages.Select(m => m.To.Mailboxes.Single().Address).Order());
        Assert.Contains("For p2@example.com", messages[0].HtmlBody, StringComparison.Ordinal);
        Assert.Equal(2, messages.Select(m => m.MessageId).Distinct().Count());

        // A click on its link takes nobody off the list.
        var link = messages[0].Headers["List-Unsubscribe"]!.Trim('<', '>');
        using var http = new HttpClient();
        using var clicked = await http.PostAsync(new Uri(link), new FormUrlEncodedContent([new("List-Unsubscribe", "One-Click")]), TestContext.Current.CancellationToken);
        Assert.Equal(0, app.Count("SELECT COUNT(*) FROM subscribers WHERE unsubscribed_at IS NOT NULL"));
        Assert.Equal(0, app.Count("SELECT COUNT(*) FROM recipients"));
        Assert.Equal(0, app.Count("SELECT COUNT(*) FROM attempts"));
        Assert.Equal("draft", (await app.ReceiptAsync(id)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Each_address_has_its_own_result()
    {
        await using var app = await SendingApp.StartAsync(["rcpt:550 5.1.1 no such user:to=bad@*"]);
        await app.PeopleAsync(1);
        var id = await app.DraftAsync();

        var results = (await app.Site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/test", new { addresses = "good@example.org, not an address, bad@example.org" })).Json.GetProperty("data").EnumerateArray().ToList();

        Assert.Equal([true, false, false, false, false], results.Select(r => r.GetProperty("accepted").GetBoolean()));
        Assert.Contains("550 5.1.1", results[^1].GetProperty("sentence").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_than_ten_addresses_are_refused()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(1);
        var id = await app.DraftAsync();

        var reply = await app.Site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/test", new { addresses = Enumerable.Range(1, 11).Select(i => $"a{i}@example.org").ToArray() });

        Assert.Equal(409, (int)reply.Status);
        Assert.Empty(app.Sink.Messages);
    }
}
