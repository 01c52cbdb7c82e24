using Ekiben.Delivery;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Broadcasts;

/// <summary>Messages that create megabytes are made more slowly, and everybody is still accounted for (Delivery/ComposePace.cs).</summary>
public class When_its_messages_are_costly
{
    /// <summary>More than the allowance of a rest pays for, fewer than the failures that hold a broadcast.</summary>
    private const int People = 9;

    /// <summary>Makes a string of 64 KB time and again.</summary>
    private const string Garbage = "{% capture s %}{% for i in (1..1600) %}xxxxxxxxxx{% endfor %}{% endcapture %}{% for i in (1..TIMES) %}{% assign t = s | append: s %}{% endfor %}";

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Everybody_whose_message_stays_in_its_budget_gets_it(int connections)
    {
        await using var app = await SendingApp.StartAsync(connections: connections);
        await app.PeopleAsync(People);
        var id = await SendAsync(app, times: 25);
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((People, true), (receipt.Number("accepted"), receipt.IsBalanced()));
        Assert.Equal(People, app.Accepted.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task It_comes_to_its_end_where_none_can_be_made(int connections)
    {
        await using var app = await SendingApp.StartAsync(connections: connections);
        await app.PeopleAsync(People);
        var id = await SendAsync(app, times: 10_000);
        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((People, true), (receipt.Number("render_failed"), receipt.IsBalanced()));
        Assert.Empty(app.Accepted);
    }

    [Fact]
    public async Task A_machine_that_sleeps_in_the_middle_costs_nobody_theirs()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(55));
        await using var app = await EkibenApp.StartAsync(options => options with { Clock = clock });
        var site = await app.AddSiteAsync();
        await site.ImportAsync([new { email = "p1@example.com" }]);
        await site.CreatedAsync(new { name = "Long", subject = "Hi", content = "{% for i in (1..5000) %}{{ i }} {% endfor %}", type = "plain" });
        await using var db = app.Database.OpenEverySite();
        var broadcast = await db.Broadcasts.SingleAsync(TestContext.Current.CancellationToken);
        var person = await db.Subscribers.SingleAsync(TestContext.Current.CancellationToken);
        // An hour goes by with each look at the clock.
        clock.AutoAdvanceAmount = TimeSpan.FromHours(1);
        var preview = await app.Service<MessageComposer>().PreviewAsync(broadcast, person.Id, TestContext.Current.CancellationToken);
        Assert.Contains("4999 5000", preview.Html, StringComparison.Ordinal);
    }

    private static Task<string> SendAsync(SendingApp app, int times) => app.Site.CreatedAsync(new
    {
        name = "Costly",
        subject = "Hi",
        content = Garbage.Replace("TIMES", times.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal) + "<p>Hello</p>",
        type = "plain",
        approved = true,
        send_at = "2022-12-13 12:50",
    });
}
