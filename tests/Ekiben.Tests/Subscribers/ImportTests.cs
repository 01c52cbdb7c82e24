using System.Net;
using System.Text.Json;
using Ekiben.Suppressions;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Subscribers;

public class ImportTests(EkibenApp app)
{
    private const string Batch = "/api/v1/batch/subscribers";
    private const string Fetch = "/api/v1/fetch/subscribers";

    [Fact]
    public async Task The_answer_counts_under_every_key_that_clients_read()
    {
        var site = await app.AddSiteAsync();
        var reply = await site.PostAsync(Batch, """{"subscribers":[{"email":"a@example.com"},{"email":"no address"},{},7,{"email":"b@example.com"}]}""");
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal((2, 2, 3), (N("results"), N("result"), N("failed")));
        Assert.Equal([1, 2, 3], reply.Json.GetProperty("failures").EnumerateArray().Select(f => f.GetProperty("index").GetInt32()));

        int N(string name) => reply.Json.GetProperty(name).GetInt32();
    }

    [Fact]
    public async Task Fields_come_flat_and_nested_and_keep_their_types()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(
            new { email = "a@example.com", first_name = "Ann", last_name = "Lee", plan = "pro", seats = 3, active = true, firstName = "own field" },
            new { email = "b@example.com", fields = new { first_name = "Bob", plan = "free" } });
        var (a, b) = (await AttributesAsync(site, "a@example.com"), await AttributesAsync(site, "b@example.com"));
        Assert.Equal(
            """{"plan":"pro","seats":3,"active":true,"firstName":"own field","first_name":"Ann","last_name":"Lee"}""",
            a.GetProperty("fields").GetRawText());
        Assert.Equal("""{"plan":"free","first_name":"Bob"}""", b.GetProperty("fields").GetRawText());
        var fields = (await site.GetAsync("/api/v1/fetch/fields")).Json.GetProperty("data").EnumerateArray()
            .Select(f => f.GetProperty("attributes")).Select(f => (f.GetProperty("key").GetString(), f.GetProperty("name").GetString()));
        Assert.Equal([("plan", "Plan"), ("seats", "Seats"), ("active", "Active"), ("firstName", "First Name")], fields);
    }

    [Fact]
    public async Task A_second_import_adds_and_changes_and_takes_nothing_else_away()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "A@Example.com", first_name = "Ann", plan = "free", city = "Rome", tags = "one,two" });
        var before = await AttributesAsync(site, "a@example.com");
        await site.ImportAsync(new { email = "a@EXAMPLE.com", plan = "pro", city = (string?)null, tags = new[] { "Three" }, remove_tags = "ONE, unknown" });
        var after = await AttributesAsync(site, "a@example.com");
        Assert.Equal(before.GetProperty("uuid").GetString(), after.GetProperty("uuid").GetString());
        Assert.Equal("""{"plan":"pro","first_name":"Ann"}""", after.GetProperty("fields").GetRawText());
        Assert.Equal(["two", "Three"], await TagsAsync(site, after));
        Assert.Equal("A@Example.com", after.GetProperty("email").GetString());
    }

    [Fact]
    public async Task It_lifts_neither_unsubscriptions_nor_suppressions()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "a@example.com" });
        await app.WriteAsync(async db =>
        {
            var person = await db.Subscribers.SingleAsync(s => s.SiteId == site.Id);
            person.UnsubscribedAt = app.Options.Clock.GetUtcNow();
            db.Suppressions.Add(new Suppression { SiteId = site.Id, AddressId = person.AddressId, Reason = SuppressionReason.Complaint, CreatedAt = app.Options.Clock.GetUtcNow() });
        });
        await site.ImportAsync(new { email = "a@example.com", unsubscribed_at = (string?)null, plan = "pro" });
        Assert.Equal(JsonValueKind.String, (await AttributesAsync(site, "a@example.com")).GetProperty("unsubscribed_at").ValueKind);
        await using var db = app.Database.Open(site.Id);
        Assert.Equal(1, await db.Suppressions.CountAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_thousand_are_taken_and_one_more_stores_nothing()
    {
        var site = await app.AddSiteAsync();
        var people = Enumerable.Range(0, 1001).Select(i => new { email = $"p{i}@example.com", tags = "all", number = i }).ToList();
        var reply = await site.PostAsync(Batch, new { subscribers = people });
        Assert.Equal(HttpStatusCode.BadRequest, reply.Status);
        Assert.Contains("at most 1000", reply.Error, StringComparison.Ordinal);
        Assert.Equal(0, await CountAsync(site));
        await site.ImportAsync([.. people.Take(1000)]);
        Assert.Equal(1000, await CountAsync(site));
    }

    [Fact]
    public async Task One_person_twice_in_a_batch_is_one_person()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "a@example.com", plan = "free", tags = "one" }, new { email = "A@example.com", plan = "pro", remove_tags = "one" });
        Assert.Equal(1, await CountAsync(site));
        var person = await AttributesAsync(site, "a@example.com");
        Assert.Equal("""{"plan":"pro"}""", person.GetProperty("fields").GetRawText());
        Assert.Empty(person.GetProperty("cached_tag_ids").EnumerateArray());
    }

    [Theory]
    [InlineData("""{"email":"a@example.com","tags":{"a":1}}""", "tags")]
    [InlineData("""{"email":"a@example.com","fields":"x"}""", "fields")]
    [InlineData("""{"email":"a@example.com","first_name":"a\nb"}""", "one line")]
    [InlineData("""{"email":"a@example.com\r\nBcc: x@y.z"}""", "address")]
    [InlineData("""{"email":null}""", "address")]
    public async Task A_bad_person_fails_alone_with_a_sentence(string item, string word)
    {
        var site = await app.AddSiteAsync();
        var reply = await site.PostAsync(Batch, $$"""{"subscribers":[{{item}},{"email":"good@example.com"}]}""");
        Assert.Equal((1, 1), (reply.Json.GetProperty("results").GetInt32(), reply.Json.GetProperty("failed").GetInt32()));
        Assert.Contains(word, reply.Json.GetProperty("failures")[0].GetProperty("error").GetString(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("""{"email":"a@example.com","fields":[]}""")]
    [InlineData("""{"email":"a@example.com","fields":null,"tags":null,"remove_tags":""}""")]
    public async Task Empty_parts_in_every_clients_spelling_are_taken(string item)
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(1, (await site.PostAsync(Batch, $$"""{"subscribers":[{{item}}]}""")).Json.GetProperty("results").GetInt32());
    }

    [Theory]
    [InlineData("email=a%2Bb%40example.com")]
    [InlineData("email=a%252Bb%2540example.com")]
    [InlineData("email=A%2BB%40EXAMPLE.com")]
    public async Task A_person_is_found_by_address_also_when_it_was_encoded_twice(string query)
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "a+b@example.com" });
        var reply = await site.GetAsync($"{Fetch}?{query}");
        Assert.Equal("a+b@example.com", reply.Json.GetProperty("data").GetProperty("attributes").GetProperty("email").GetString());
        Assert.Equal("visitors", reply.Json.GetProperty("type").GetString());
        Assert.Equal(reply.Json.GetProperty("data").GetProperty("id").GetString(), reply.Json.GetProperty("id").GetString());
        Assert.Equal(32, reply.Json.GetProperty("attributes").GetProperty("uuid").GetString()!.Length);
    }

    [Fact]
    public async Task A_person_is_found_by_uuid_and_nobody_is_null()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "a@example.com" });
        var uuid = (await AttributesAsync(site, "a@example.com")).GetProperty("uuid").GetString()!;
        Assert.Equal("a@example.com", (await site.GetAsync($"{Fetch}?uuid={Guid.ParseExact(uuid, "N"):D}")).Json.GetProperty("data").GetProperty("attributes").GetProperty("email").GetString());
        foreach (var query in (string[])["?email=who%40example.com", "?email=nonsense", "?uuid=00", ""])
        {
            var reply = await site.GetAsync(Fetch + query);
            Assert.Equal((HttpStatusCode.OK, """{"data":null}"""), (reply.Status, reply.Text));
        }
    }

    [Fact]
    public async Task Find_or_create_makes_once_and_takes_what_it_is_given()
    {
        var site = await app.AddSiteAsync();
        var first = await site.PostAsync(Fetch, new { subscriber = new { email = "a@example.com", first_name = "Ann", tags = "one" } });
        var again = await site.PostAsync(Fetch, new { subscriber = new { email = "a@example.com" } });
        Assert.Equal(HttpStatusCode.OK, first.Status);
        Assert.Equal(first.Json.GetProperty("data").GetProperty("id").GetString(), again.Json.GetProperty("data").GetProperty("id").GetString());
        Assert.Equal(1, again.Json.GetProperty("attributes").GetProperty("cached_tag_ids").GetArrayLength());
        Assert.Equal(HttpStatusCode.BadRequest, (await site.PostAsync(Fetch, new { subscriber = new { email = "x" } })).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await site.PostAsync(Fetch, new { email = "a@example.com" })).Status);
    }

    private static async Task<JsonElement> AttributesAsync(TestSite site, string email) =>
        (await site.GetAsync($"{Fetch}?email={Uri.EscapeDataString(email)}")).Json.GetProperty("data").GetProperty("attributes");

    private static async Task<List<string?>> TagsAsync(TestSite site, JsonElement attributes)
    {
        var names = (await site.GetAsync("/api/v1/fetch/tags")).Json.GetProperty("data").EnumerateArray()
            .ToDictionary(tag => tag.GetProperty("id").GetString()!, tag => tag.GetProperty("attributes").GetProperty("name").GetString());
        return [.. attributes.GetProperty("cached_tag_ids").EnumerateArray().Select(id => names[id.GetString()!])];
    }

    private async Task<int> CountAsync(TestSite site)
    {
        await using var db = app.Database.Open(site.Id);
        return await db.Subscribers.CountAsync(TestContext.Current.CancellationToken);
    }
}
