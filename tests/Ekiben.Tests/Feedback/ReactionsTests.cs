using System.Text.RegularExpressions;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using MimeKit;

namespace Ekiben.Tests.Feedback;

/// <summary>Clicks and opens of a site that counts them, over real mail and real HTTP.</summary>
public sealed partial class ReactionsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Links_lead_to_their_targets_by_way_of_this_server_and_are_counted()
    {
        await using var app = await SendingApp.StartAsync();
        var (html, _) = await SendAsync(app, track: true);
        var links = TrackedLink().Matches(html).Select(match => match.Value).ToList();
        Assert.Equal(2, links.Count);
        using var browser = Browser();

        // The literal link by its number, the one that Liquid made by its signature.
        Assert.Equal(["https://example.com/menu?a=1&b=2", "https://example.com/for/p1"], [await TargetAsync(browser, links[0]), await TargetAsync(browser, links[1])]);
        Assert.Equal("https://example.com/menu?a=1&b=2", await TargetAsync(browser, links[0]));
        using (var pixel = await browser.GetAsync(Pixel().Match(html).Value, Cancel))
        {
            Assert.Equal("image/gif", pixel.Content.Headers.ContentType!.MediaType);
        }

        var stats = (await app.Site.GetAsync("/api/v1/fetch/broadcasts")).Json.GetProperty("data")[0].GetProperty("attributes").GetProperty("stats");
        Assert.Equal((1, 3, 100.0), (stats.GetProperty("total_opens").GetInt64(), stats.GetProperty("total_clicks").GetInt64(), stats.GetProperty("open_rate").GetDouble()));
        Assert.Equal(("https://example.com/menu?a=1&b=2", 2), (
            stats.GetProperty("click_breakdown")[0].GetProperty("url").GetString(), stats.GetProperty("click_breakdown")[0].GetProperty("count").GetInt64()));
    }

    [Fact]
    public async Task A_changed_link_leads_nowhere()
    {
        await using var app = await SendingApp.StartAsync();
        var (html, _) = await SendAsync(app, track: true);
        var links = TrackedLink().Matches(html).Select(match => match.Value).ToList();
        using var browser = Browser();
        var evil = System.Buffers.Text.Base64Url.EncodeToString("https://evil.example/"u8);
        var parts = links[1].Split('/');
        string[] forged =
        [
            links[0].Replace("/c/", "/c/A", StringComparison.Ordinal),
            links[0][..^1] + "7",
            string.Join('/', [.. parts[..^2], evil, parts[^1]]),
            links[1][..^1] + (links[1][^1] == 'A' ? 'B' : 'A'),
        ];
        foreach (var link in forged)
        {
            using var answer = await browser.GetAsync(link, Cancel);
            Assert.Equal(404, (int)answer.StatusCode);
            Assert.Null(answer.Headers.Location);
        }
    }

    [Fact]
    public async Task The_tracking_token_does_not_unsubscribe_and_the_persons_does_not_track()
    {
        await using var app = await SendingApp.StartAsync();
        var (html, message) = await SendAsync(app, track: true);
        using var browser = Browser();
        var tracking = Pixel().Match(html).Value.Split('/')[^1];
        var person = message.Headers["List-Unsubscribe"]!.Trim(' ', '<', '>').Split('/')[^1];
        Assert.NotEqual(tracking, person);
        Assert.Equal(404, (int)(await browser.PostAsync(new Uri(app.App.Address, "/u/" + tracking), null, Cancel)).StatusCode);
        Assert.Equal(404, (int)(await browser.GetAsync(new Uri(app.App.Address, "/o/" + person), Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_site_that_does_not_count_leaves_links_as_they_were_written()
    {
        await using var app = await SendingApp.StartAsync();
        var (html, _) = await SendAsync(app, track: false);
        Assert.DoesNotMatch(TrackedLink(), html);
        Assert.DoesNotMatch(Pixel(), html);
        Assert.Contains("https://example.com/menu?a=1&amp;b=2", html, StringComparison.Ordinal);
    }

    private static async Task<(string Html, MimeMessage Message)> SendAsync(SendingApp app, bool track)
    {
        await app.App.WriteAsync(db => db.Sites.ExecuteUpdateAsync(set => set.SetProperty(site => site.TracksLinks, track), Cancel));
        await app.Site.ImportAsync(new { email = "p1@example.com", page = "https://example.com/for/p1" });
        var id = await app.Site.CreatedAsync(new
        {
            name = "n",
            subject = "Hi",
            content = "<p><a href=\"https://example.com/menu?a=1&amp;b=2\">Menu</a> <a href=\"{{ visitor.page }}\">Yours</a></p>",
            type = "html",
            send_at = "2022-12-13 12:50",
            approved = true,
        });
        await app.UntilStatusAsync(id, "sent");
        var message = await MimeMessage.LoadAsync(new MemoryStream(app.Accepted.Single().Raw.ToArray()), Cancel);
        return (message.HtmlBody!, message);
    }

    private static HttpClient Browser() => new(new HttpClientHandler { AllowAutoRedirect = false });

    private static async Task<string?> TargetAsync(HttpClient browser, string link)
    {
        using var answer = await browser.GetAsync(link, Cancel);
        Assert.Equal(302, (int)answer.StatusCode);
        return answer.Headers.Location!.OriginalString;
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:[0-9]+/c/[A-Za-z0-9_/-]+")]
    private static partial Regex TrackedLink();

    [GeneratedRegex(@"http://127\.0\.0\.1:[0-9]+/o/[A-Za-z0-9_-]+")]
    private static partial Regex Pixel();
}
