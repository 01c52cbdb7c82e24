using System.Net;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Subscribers;

public sealed class SearchTests(EkibenApp app)
{
    [Theory]
    [InlineData("", "a,b,c")]
    [InlineData("?email=A%40example.com", "a")]
    [InlineData("?email=a%2540example.com", "a")]
    [InlineData("?plan=pro", "a,c")]
    [InlineData("?fields[plan]=free", "b")]
    [InlineData("?seats=3", "a")]
    [InlineData("?tags=lead", "a,b")]
    [InlineData("?tags=lead,vip", "a,b,c")]
    [InlineData("?tags[]=lead&tags[]=vip", "a,b,c")]
    [InlineData("?tag_names=vip&plan=pro", "c")]
    [InlineData("?tags=nothing", "")]
    [InlineData("?tag_ids=999999999", "")]
    [InlineData("?created_at[gt]=2020-01-01", "a,b,c")]
    [InlineData("?updated_at[lt]=2020-01-01", "")]
    [InlineData("?unsubscribed_at[gt]=2020-01-01", "b")]
    [InlineData("?last_event_at[gt]=2026-01-01T00:00:00Z&last_event_at[lt]=2026-02-01T00:00:00Z", "a")]
    [InlineData("?page=2", "")]
    [InlineData("?plan=pro&site_uuid=&page=1", "a,c")]
    public async Task Every_filter_of_the_query_finds_its_people(string query, string names)
    {
        var site = await SiteAsync();

        Assert.Equal(names, Names(await site.GetAsync("/api/v1/fetch/search" + query)));
    }

    [Theory]
    [InlineData("""{"tags":["lead"],"plan":"free"}""", "b")]
    [InlineData("""{"seats":3}""", "a")]
    [InlineData("""{"fields":{"plan":"pro"},"email":null,"tags":""}""", "a,c")]
    [InlineData("""{"unsubscribed_at":{"gt":"2020-01-01T00:00:00Z"}}""", "b")]
    [InlineData("""{"page":2}""", "")]
    public async Task Filters_in_a_body_work_by_POST_and_by_GET(string body, string names)
    {
        var site = await SiteAsync();
        Assert.Equal(names, Names(await site.PostAsync("/api/v1/fetch/search", body)));
        Assert.Equal(names, Names(await site.SendAsync(HttpMethod.Get, "/api/v1/fetch/search", body)));
    }

    [Theory]
    [InlineData("\\")]
    [InlineData("a\"b")]
    [InlineData("a.b[0]")]
    public async Task A_field_may_be_called_anything(string key)
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new Dictionary<string, object> { ["email"] = "a@example.com", [key] = 5 }, new Dictionary<string, object> { ["email"] = "b@example.com", [key] = 6 });
        Assert.Equal(1, (await site.PostAsync("/api/v1/fetch/search", new Dictionary<string, object> { [key] = 5 })).Json.GetProperty("data").GetArrayLength());
    }

    [Fact]
    public async Task A_page_has_100_people_and_the_next_one_the_rest()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync([.. Enumerable.Range(0, 101).Select(number => new { email = $"p{number}@example.com" })]);
        var first = (await site.GetAsync("/api/v1/fetch/search?page=1")).Json;
        Assert.Equal(100, first.GetProperty("data").GetArrayLength());
        Assert.Equal(1, first.GetProperty("meta").GetProperty("page").GetInt32());
        Assert.Equal("p100@example.com", (await site.GetAsync("/api/v1/fetch/search?page=2")).Json.GetProperty("data")[0].GetProperty("attributes").GetProperty("email").GetString());
    }

    [Theory]
    [InlineData("?created_at=2026-01-01")]
    [InlineData("?created_at[gt]=soon")]
    [InlineData("?created_at[about]=2026-01-01")]
    [InlineData("?plan[gt]=1")]
    public async Task A_filter_that_cannot_be_read_is_400(string query)
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await site.GetAsync("/api/v1/fetch/search" + query)).Status);
    }

    [Fact]
    public async Task A_segment_says_whether_it_matches_a_person_unsubscribed_or_not()
    {
        var site = await SiteAsync();
        var id = (await site.PostAsync("/api/ekiben/v1/segments", new { name = "Lead", rule = new { tag = "lead" } })).Json.GetProperty("id").GetString();
        var uuid = (await site.GetAsync("/api/v1/fetch/subscribers?email=a%40example.com")).Json.GetProperty("attributes").GetProperty("uuid").GetString();

        Assert.True(Match(await site.PostAsync($"/api/v1/fetch/segments/{id}/match", new { email = "b@example.com" })));
        Assert.True(Match(await site.PostAsync($"/api/v1/fetch/segments/{id}/match", new { subscriber = new { uuid } })));
        Assert.False(Match(await site.GetAsync($"/api/v1/fetch/segments/{id}/match?email=c%40example.com")));
        Assert.False(Match(await site.GetAsync($"/api/v1/fetch/segments/{id}/match?email=nobody%40example.com")));
        Assert.Equal(HttpStatusCode.BadRequest, (await site.PostAsync($"/api/v1/fetch/segments/{id}/match")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await site.PostAsync("/api/v1/fetch/segments/segment_x/match", new { email = "b@example.com" })).Status);

        static bool Match(Reply reply) => reply.Json.GetProperty("match").GetBoolean();
    }

    [Fact]
    public async Task Deleting_a_tag_twice_brings_it_back_by_name_or_by_id()
    {
        var site = await app.AddSiteAsync();
        var id = (await site.PostAsync("/api/v1/fetch/tags", new { tag = new { name = "VIP" } })).Json.GetProperty("id").GetString();
        Assert.Equal("Tag (VIP) deleted successfully", Message(await site.SendAsync(HttpMethod.Delete, $"/api/v1/fetch/tags/{id}")));
        Assert.Equal("Tag (VIP) restored successfully", Message(await site.SendAsync(HttpMethod.Delete, "/api/v1/fetch/tags", new { tag = new { name = "vip" } })));
        Assert.Equal("Tag (VIP) deleted successfully", Message(await site.SendAsync(HttpMethod.Delete, "/api/v1/fetch/tags/7777777", new { tag = new { name = "VIP" } })));
        Assert.Equal(HttpStatusCode.NotFound, (await site.DeleteAsync("/api/v1/fetch/tags/x")).Status);
        var other = await app.AddSiteAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await other.DeleteAsync($"/api/v1/fetch/tags/{id}")).Status);

        static string Message(Reply reply) => reply.Json.GetProperty("message").GetString()!;
    }

    private async Task<TestSite> SiteAsync()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(
            new { email = "a@example.com", tags = "lead", plan = "pro", seats = 3 },
            new { email = "b@example.com", tags = "lead", plan = "free" },
            new { email = "c@example.com", tags = "vip", plan = "pro" });
        await site.PostAsync("/api/v1/batch/events", new
        {
            events = new object[]
            {
                new { type = "x", email = "a@example.com", date = "2026-01-15T00:00:00Z" },
                new { type = "$unsubscribe", email = "b@example.com" },
            },
        });
        return site;
    }

    private static string Names(Reply reply)
    {
        Assert.True(reply.Status == HttpStatusCode.OK, reply.Text);
        return string.Join(',', reply.Json.GetProperty("data").EnumerateArray().Select(person => person.GetProperty("attributes").GetProperty("email").GetString()!.Split('@')[0]));
    }
}
