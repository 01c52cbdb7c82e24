using Ekiben.Accounts;
using Ekiben.Browser.Tests.Fixture;
using Ekiben.Tests.Fixture;
using static Microsoft.Playwright.Assertions;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>Watched, paused, held and released on its page.</summary>
public sealed class When_a_broadcast_is_on_its_way(Chromium chromium)
{
    [Fact]
    public async Task It_is_watched_paused_and_resumed_to_its_end()
    {
        await using var app = await SendingApp.StartAsync(["dot:delay=100"], connections: 1);
        await app.PeopleAsync(120);
        var id = await app.SendAsync();
        await app.UntilAsync(id, receipt => receipt.Number("accepted") > 0);
        await using var person = await Person.LogInAsync(app.App, chromium, Roles.Author);
        await person.OpenAsync($"/broadcasts/{id}");
        await Expect(person.Page.Locator(".rate-chart rect").First).ToBeAttachedAsync();
        await Expect(person.Page.Locator(".rate-chart figcaption")).ToContainTextAsync("an hour");

        await person.Button("Cancel").ClickAsync();
        await Expect(person.Page.GetByRole(Microsoft.Playwright.AriaRole.Dialog)).ToContainTextAsync("not got it yet never will.");
        await Expect(person.Page.GetByRole(Microsoft.Playwright.AriaRole.Dialog)).ToContainTextAsync("way to the relay");
        await person.Button("Not now").ClickAsync();
        await person.Button("Pause").ClickAsync();
        await person.Button("Pause it").ClickAsync();
        await person.SeesAsync("Paused: no further message goes out until it is resumed.");
        var paused = await app.UntilAsync(id, receipt => receipt.Number("sending") == 0);
        Assert.True(paused.Number("pending") > 0);
        await person.Page.ReloadAsync();
        await person.SettledAsync();
        Assert.Equal(paused.Number("pending"), (await app.ReceiptAsync(id)).Number("pending"));

        app.Sink.ReplaceFaults();
        await person.Button("Resume").ClickAsync();
        await person.Button("Resume it").ClickAsync();
        await person.SeesAsync("The relay accepted every message.");
        await person.SeesAsync("✓ The sums agree");
        Assert.Empty(person.Complaints);
    }

    [Fact]
    public async Task A_hold_says_why_and_only_an_approver_releases_it()
    {
        await using var app = await SendingApp.StartAsync(["mail:550 5.7.1 Not you"]);
        await app.PeopleAsync(3);
        var id = await app.SendAsync();
        await app.UntilStatusAsync(id, "held");
        await using var author = await Person.LogInAsync(app.App, chromium, Roles.Author);
        await author.OpenAsync($"/broadcasts/{id}");
        await author.SeesAsync("Held, and waiting for a person.");
        await author.SeesAsync("550 5.7.1 Not you");
        await Expect(author.Button("Release")).ToBeDisabledAsync();

        app.Sink.ReplaceFaults();
        await using var approver = await Person.LogInAsync(app.App, chromium, Roles.Approver);
        await approver.OpenAsync($"/broadcasts/{id}");
        await approver.Button("Release").ClickAsync();
        await approver.Button("Release it").ClickAsync();
        await approver.SeesAsync("The relay accepted every message.");
        Assert.Equal(3, app.Accepted.Count);
    }

    [Fact]
    public async Task Who_asks_why_is_told_the_planted_cause_by_name()
    {
        await using var app = await SendingApp.StartAsync(
            ["rcpt:550 5.1.1 No such user:to=refused@*", "rcpt:450 4.2.2 Mailbox full:to=deferred@*", "dot:accept-then-close:to=uncertain@*"], connections: 1);
        await app.Site.ImportAsync(
            [.. new[] { "accepted", "refused", "deferred", "uncertain", "unsubscribed", "suppressed" }.Select(name => (object)new { email = $"{name}@example.com", tags = "lead", title = "News" }),
             new { email = "excluded@example.com", tags = "lead,vip", title = "News" }, new { email = "untagged@example.com", tags = "other", title = "News" },
             new { email = "broken@example.com", tags = "lead" }]);
        app.Sql("UPDATE subscribers SET unsubscribed_at = 1 WHERE address_id = (SELECT id FROM addresses WHERE normalised = 'unsubscribed@example.com')");
        app.Sql("INSERT INTO suppressions (site_id, address_id, reason, created_at) SELECT site_id, id, 'complaint', 1 FROM addresses WHERE normalised = 'suppressed@example.com'");
        var id = await app.Site.CreatedAsync(new
        {
            name = "Causes", subject = "{{ visitor.title }}", content = "<p>Hello</p>", type = "plain", inclusive_tags = "lead", exclusive_tags = "vip", uncertain_policy = "hold",
            approved = true, send_at = "2022-12-13 12:50",
        });
        await app.UntilAsync(id, r => r.Number("pending") + r.Number("sending") == 0 && r.Number("deferred") == 1);
        await app.Site.ImportAsync(new { email = "later@example.com", tags = "lead" });
        await using var person = await Person.LogInAsync(app.App, chromium, Roles.Viewer);
        await person.OpenAsync($"/broadcasts/{id}");
        await person.Page.GetByLabel("Why did somebody get it, or not?").FillAsync("accepted@example.com");
        await person.Button("Ask").ClickAsync();
        await person.SeesAsync("The relay accepted the message");

        foreach (var (name, part) in ((string, string)[])
        [
            ("refused", "550 5.1.1 No such user"), ("deferred", "450 4.2.2 Mailbox full"), ("uncertain", "may have arrived"), ("unsubscribed", "unsubscribed on 1 January 1970"),
            ("suppressed", "the person called a message spam"), ("excluded", "is excluded by the tag “vip”"), ("untagged", "they carry no tag of “lead”"),
            ("broken", "The subject is empty"), ("later", "after the audience had been frozen"), ("nobody", "Nobody on this site has or ever had"),
        ])
        {
            await person.OpenAsync($"/broadcasts/{id}/why?email={name}@example.com");
            await Expect(person.Page.Locator("p.answer")).ToContainTextAsync(part);
        }

        await person.OpenAsync($"/broadcasts/{id}/why?email=what");
        await Expect(person.Page.Locator("p.answer")).ToContainTextAsync("“what” is no address");
    }

    [Fact]
    public async Task An_approver_sends_an_uncertain_message_once_more_and_treats_another_as_sent()
    {
        await using var app = await SendingApp.StartAsync(["dot:accept-then-close:to=lost*"], connections: 1);
        await app.Site.ImportAsync(new { email = "lost1@example.com" }, new { email = "lost2@example.com" }, new { email = "ann@example.com" });
        var id = await app.Site.CreatedAsync(new { name = "Once", subject = "Hi", content = "<p>Hello</p>", type = "plain", uncertain_policy = "hold", approved = true, send_at = "2022-12-13 12:50" });
        await app.UntilStatusAsync(id, "sent");
        await using var author = await Person.LogInAsync(app.App, chromium, Roles.Author);
        await author.OpenAsync($"/broadcasts/{id}/why?email=lost1@example.com");
        await Expect(author.Button("Send again: lost1@example.com")).ToHaveCountAsync(0);

        app.Sink.ReplaceFaults();
        await using var approver = await Person.LogInAsync(app.App, chromium, Roles.Approver);
        await approver.OpenAsync($"/broadcasts/{id}/recipients?state=uncertain");
        await approver.Button("Treat as sent: lost2@example.com").ClickAsync();
        await approver.Button("Treat as sent").ClickAsync();
        await Expect(approver.Page.GetByRole(Microsoft.Playwright.AriaRole.Dialog)).ToHaveCountAsync(0);
        await approver.OpenAsync($"/broadcasts/{id}");
        await approver.SeesAsync("Of the uncertain, 1 treated as sent.");
        await approver.Button("Send again to all who are uncertain").ClickAsync();
        await approver.SeesAsync("1 person gets the message once more.");
        await approver.Button("Send it once more (1 person)").ClickAsync();
        await app.UntilAsync(id, receipt => receipt.GetProperty("status").GetString() == "sent" && receipt.Number("accepted") == 2);
        await approver.OpenAsync($"/broadcasts/{id}/why?email=lost1@example.com");
        await Expect(approver.Page.Locator("[data-decisions]")).ToContainTextAsync($"Second try by {approver.Email}");
        Assert.Equal([1, 1, 2], app.Sink.Messages.GroupBy(message => message.RcptTo[0]).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => group.Count()).Order());
        Assert.Empty(approver.Complaints);
    }

    [Fact]
    public async Task What_a_test_site_sends_is_read_in_its_mailbox()
    {
        await using var app = await EkibenApp.StartAsync(options => options with { RunEngine = true, MinFreeBytes = 0 });
        var site = await app.AddSiteAsync("Try-outs");
        await site.ImportAsync(new { email = "ann@example.com", first_name = "Ann" });
        await using var person = await Person.LogInAsync(app, chromium);
        await person.OpenAsync($"/mailbox?site={site.Uuid}");
        await person.SeesAsync("No mail yet");

        await site.CreatedAsync(new { name = "n", subject = "A first look, {{ visitor.first_name }}", content = "<p>Good day {{ visitor.first_name }}</p>", type = "plain", approved = true, send_at = "2022-12-13 12:50" });

        // It comes by itself, without the page being loaded again.
        await person.Link("A first look, Ann").ClickAsync();
        await person.SettledAsync();
        await person.SeesAsync("ann@example.com");
        await Expect(person.Page.Locator("iframe").First.ContentFrame.GetByText("Good day Ann")).ToBeVisibleAsync();
        Assert.Empty(person.Complaints);
    }
}
