using System.Globalization;
using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Browser.Tests.Fixture;
using Ekiben.Tests.Fixture;
using Microsoft.Playwright;

namespace Ekiben.Browser.Tests.Journeys;

/// <summary>
/// 200 contents (Hostile/contents.jsonl) that try to run a script, to ask another host for something or to get at the platform, looked at
/// by somebody who is logged in: nothing runs, nothing leaves, the cookie is out of reach.
/// </summary>
public sealed class When_a_message_is_hostile(EkibenApp app, Chromium chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Preview_runs_nothing_asks_nobody_and_reaches_no_cookie()
    {
        await using var listener = new Listener();
        var contents = await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "Hostile", "contents.jsonl"), Cancel);
        Assert.Equal(200, contents.Length);
        var (person, ids) = await AddAsync(contents.Select(line => JsonSerializer.Deserialize<string>(line)!), listener.Port);
        await using var visitor = await Person.LogInAsync(app, chromium);
        await visitor.OpenAsync($"/broadcasts/{ids[0]}?person={person}");
        var real = visitor.Page.Locator(".frame iframe");
        Assert.Equal(("", "no-referrer"), (await real.GetAttributeAsync("sandbox"), await real.GetAttributeAsync("referrerpolicy")));
        var title = await visitor.Page.TitleAsync();
        var url = visitor.Page.Url;

        // The same frames as the page's own, many at once: loaded, and given time by the frame's own load event.
        var shown = 0;
        foreach (var some in ids.Chunk(20))
        {
            var statuses = await visitor.Page.EvaluateAsync<int>("""
                async sources => {
                  let loaded = 0;
                  await Promise.all(sources.map(source => new Promise(done => {
                    const frame = document.createElement("iframe");
                    frame.setAttribute("sandbox", "");
                    frame.setAttribute("referrerpolicy", "no-referrer");
                    frame.onload = () => { loaded++; done(); };
                    frame.src = source;
                    document.body.append(frame);
                  })));
                  return loaded;
                }
                """, some.Select(id => $"/broadcasts/{id}/preview?person={person}").ToArray());
            shown += statuses;
        }

        // And each on its own, as if somebody had opened the frame's address: then the policy stands alone.
        await using var alone = await Person.LogInAsync(app, chromium);
        foreach (var id in ids)
        {
            await alone.Page.GotoAsync(new Uri(app.Address, $"/broadcasts/{id}/preview?person={person}").ToString(), new() { WaitUntil = WaitUntilState.Load });
            Assert.Equal(new Uri(app.Address, $"/broadcasts/{id}/preview?person={person}").ToString(), alone.Page.Url);
            Assert.DoesNotContain("PWNED", await alone.Page.TitleAsync(), StringComparison.Ordinal);
        }

        Assert.Equal(200, shown);
        Assert.Equal((title, url), (await visitor.Page.TitleAsync(), visitor.Page.Url));
        foreach (var context in (IBrowserContext[])[visitor.Page.Context, alone.Page.Context])
        {
            Assert.Single(context.Pages);
            Assert.DoesNotContain(await context.CookiesAsync(), cookie => cookie.Name == "pwned");
        }

        Assert.Empty(listener.Knocks);
    }

    /// <summary>The same frame where somebody asked for images: the one request that is let out is heard, so what the test above does not hear did not leave.</summary>
    [Fact]
    public async Task The_listener_hears_an_image_that_somebody_asked_for_and_nothing_else()
    {
        await using var listener = new Listener();
        var (person, ids) = await AddAsync(["<img src=\"http://127.0.0.1:{port}/image\"><script src=\"http://127.0.0.1:{port}/script\"></script><iframe src=\"http://127.0.0.1:{port}/frame\"></iframe>"], listener.Port);
        await using var visitor = await Person.LogInAsync(app, chromium);

        await visitor.Page.GotoAsync(new Uri(app.Address, $"/broadcasts/{ids[0]}/preview?person={person}&images=true").ToString(), new() { WaitUntil = WaitUntilState.Load });

        Assert.Contains("/image", Assert.Single(listener.Knocks), StringComparison.Ordinal);
    }

    /// <summary>Straight into the database: what no client could post must be safe too.</summary>
    private async Task<(string Person, IReadOnlyList<string> Broadcasts)> AddAsync(IEnumerable<string> contents, int port)
    {
        var site = await app.AddSiteAsync("Hostile");
        await site.ImportAsync(new { email = "victim@example.com", first_name = "<script>document.title='PWNED'</script>" });
        var now = app.Options.Clock.GetUtcNow();
        var rows = contents.Select((content, i) => new Broadcast
        {
            SiteId = site.Id,
            Name = $"Hostile {i}",
            Subject = "Hi",
            Content = content.Replace("{port}", port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal).Replace("{id}", i.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
                + "<p>{{ visitor.first_name }}</p>",
            Type = "html",
            FromEmail = "news@example.com",
            FromName = "News",
            CreatedBy = "key:test",
            CreatedAt = now,
            UpdatedAt = now,
        }).ToList();
        await app.WriteAsync(db =>
        {
            db.Broadcasts.AddRange(rows);
            return Task.CompletedTask;
        });
        await using var db = app.Database.OpenEverySite();
        var person = db.Subscribers.Single(s => s.SiteId == site.Id).Id.ToString();
        return (person, [.. rows.Select(row => row.Id.ToString())]);
    }
}
