using System.Net;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Web;

public class IdempotencyTests(EkibenApp app)
{
    private const string Path = "/api/v1/batch/broadcasts";

    private static readonly object Two = new { broadcasts = new[] { new { name = "a", subject = "s", content = "c" }, new { name = "b", subject = "s", content = "c" } } };

    [Fact]
    public async Task The_same_request_gets_the_first_answer_again()
    {
        var site = await app.AddSiteAsync();
        var first = await site.PostAsync(Path, Two, "key-1");
        var again = await site.PostAsync(Path, Two, "key-1");
        Assert.Equal((first.Status, first.Text, first.ContentType), (again.Status, again.Text, again.ContentType));
        Assert.False(first.Headers.Contains("Idempotent-Replayed"));
        Assert.Equal("true", again.Headers.GetValues("Idempotent-Replayed").Single());
        Assert.Equal(2, await CountAsync(site));
    }

    [Fact]
    public async Task Another_request_under_the_key_is_422()
    {
        var site = await app.AddSiteAsync();
        await site.PostAsync(Path, Two, "key-1");
        var other = await site.PostAsync(Path, new { broadcasts = new { name = "c", subject = "s", content = "c" } }, "key-1");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, other.Status);
        Assert.NotEmpty(other.Error);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await site.PostAsync("/api/v1/fetch/tags", Two, "key-1")).Status);
        Assert.Equal(2, await CountAsync(site));
    }

    [Fact]
    public async Task Fifty_equal_requests_at_once_make_one_set()
    {
        var site = await app.AddSiteAsync();
        var replies = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => site.PostAsync(Path, Two, "key-1")));
        Assert.Single(replies.Select(reply => reply.Text).Distinct());
        Assert.Equal(49, replies.Count(reply => reply.Headers.Contains("Idempotent-Replayed")));
        Assert.Equal(2, await CountAsync(site));
    }

    [Fact]
    public async Task Keys_of_two_sites_have_nothing_to_do_with_each_other()
    {
        var (site, other) = (await app.AddSiteAsync(), await app.AddSiteAsync());
        var (mine, theirs) = (await site.PostAsync(Path, Two, "key-1"), await other.PostAsync(Path, Two, "key-1"));
        Assert.NotEqual(mine.Text, theirs.Text);
        Assert.False(theirs.Headers.Contains("Idempotent-Replayed"));
    }

    [Fact]
    public async Task A_refusal_leaves_the_key_free()
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await site.PostAsync(Path, "{", "key-1")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await site.PostAsync(Path, new { broadcasts = Array.Empty<object>() }, "key-1")).Status);
        Assert.Equal(HttpStatusCode.OK, (await site.PostAsync(Path, Two, "key-1")).Status);
    }

    [Fact]
    public async Task A_key_is_kept_a_day_after_the_later_of_now_and_send_at()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
        await using var own = await EkibenApp.StartAsync(options => options with { Clock = clock });
        var site = await own.AddSiteAsync();
        var later = new { broadcasts = new { name = "later", subject = "s", content = "c", send_at = "2026-05-11T12:00:00Z" } };
        await site.PostAsync(Path, Two, "now");
        await site.PostAsync(Path, later, "later");

        clock.Advance(TimeSpan.FromHours(23));
        Assert.True((await site.PostAsync(Path, Two, "now")).Headers.Contains("Idempotent-Replayed"));
        clock.Advance(TimeSpan.FromHours(2));
        Assert.False((await site.PostAsync(Path, Two, "now")).Headers.Contains("Idempotent-Replayed"));
        clock.Advance(TimeSpan.FromDays(9));
        Assert.True((await site.PostAsync(Path, later, "later")).Headers.Contains("Idempotent-Replayed"));
        clock.Advance(TimeSpan.FromDays(2));
        Assert.False((await site.PostAsync(Path, later, "later")).Headers.Contains("Idempotent-Replayed"));
    }

    [Fact]
    public async Task It_survives_a_restart()
    {
        await using var own = await EkibenApp.StartAsync();
        var site = await own.AddSiteAsync();
        var first = await site.PostAsync(Path, Two, "key-1");
        await own.RestartAsync();
        site.Reconnect();
        var again = await site.PostAsync(Path, Two, "key-1");
        Assert.Equal(first.Text, again.Text);
    }

    [Theory]
    [InlineData("/api/v1/batch/subscribers", """{"subscribers":[{"email":"a@example.com"}]}""")]
    [InlineData("/api/v1/fetch/subscribers", """{"subscriber":{"email":"a@example.com"}}""")]
    [InlineData("/api/v1/fetch/tags", """{"tag":{"name":"t"}}""")]
    [InlineData("/api/v1/fetch/fields", """{"field":{"key":"f"}}""")]
    [InlineData("/api/ekiben/v1/layouts", """{"name":"l","html":"<p></p>"}""")]
    [InlineData("/api/ekiben/v1/segments", """{"name":"s","rule":{"tag":"t"}}""")]
    public async Task It_holds_on_every_post_of_both_apis(string path, string body)
    {
        var site = await app.AddSiteAsync();
        var first = await site.PostAsync(path, body, "key-1");
        var again = await site.PostAsync(path, body, "key-1");
        Assert.True((int)first.Status < 300, first.Text);
        Assert.Equal((first.Status, first.Text, true), (again.Status, again.Text, again.Headers.Contains("Idempotent-Replayed")));
    }

    [Fact]
    public async Task It_holds_on_actions()
    {
        var site = await app.AddSiteAsync();
        var id = await site.CreatedAsync(new { name = "n", subject = "s", content = "c" });
        var first = await site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/approval", null, "key-1");
        var again = await site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/approval", null, "key-1");
        Assert.Equal(HttpStatusCode.OK, first.Status);
        Assert.Equal((first.Status, first.Text), (again.Status, again.Text));
    }

    [Theory]
    [InlineData(256)]
    public async Task A_key_that_is_too_long_is_400(int length)
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await site.PostAsync(Path, Two, new string('k', length))).Status);
    }

    private async Task<int> CountAsync(TestSite site)
    {
        await using var db = app.Database.Open(site.Id);
        return await db.Broadcasts.CountAsync(TestContext.Current.CancellationToken);
    }
}
