using System.Net;
using System.Text.Json;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Events;

public sealed class EventsTests(EkibenApp app)
{
    private const string Batch = "/api/v1/batch/events";

    [Fact]
    public async Task An_event_makes_its_person_writes_fields_and_is_kept_with_its_details_and_date()
    {
        var site = await app.AddSiteAsync();

        var reply = await site.PostAsync(Batch, """
            {"events":[{"type":"signed_up","email":"Ann@example.com","fields":{"plan":"pro","first_name":"Ann"},"details":{"from":{"page":"/x"}},"date":"2026-01-02T03:04:05Z"}]}
            """);

        Assert.Equal((1, 1, 0), (Count(reply, "results"), Count(reply, "result"), Count(reply, "failed")));
        var fields = (await PersonAsync(site, "ann@example.com")).GetProperty("fields");
        Assert.Equal(("pro", "Ann"), (fields.GetProperty("plan").GetString(), fields.GetProperty("first_name").GetString()));
        await using var db = app.Database.Open(site.Id);
        var kept = await db.Events.SingleAsync(TestContext.Current.CancellationToken);
        Assert.Equal("signed_up", kept.Type);
        Assert.Equal("""{"from":{"page":"/x"}}""", kept.Details);
        Assert.Equal(DateTimeOffset.Parse("2026-01-02T03:04:05Z", System.Globalization.CultureInfo.InvariantCulture), kept.At);
        Assert.Equal("Ann", (await db.Subscribers.SingleAsync(s => s.Id == kept.SubscriberId, TestContext.Current.CancellationToken)).FirstName);
    }

    [Theory]
    [InlineData("""{"events":{"type":"a","email":"a@example.com","fields":[]}}""")]
    [InlineData("""{"events":{"0":{"type":"a","email":"a@example.com","fields":null,"details":null}}}""")]
    [InlineData("""{"events":[{"type":"a","email":"a@example.com","details":[],"date":""}],"site_uuid":null,"transactional":true}""")]
    public async Task Every_way_in_which_clients_write_one_event_is_understood(string body)
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(1, Count(await site.PostAsync(Batch, body), "results"));
    }

    [Fact]
    public async Task Subscribing_unsubscribing_and_tagging_act_on_the_person_in_their_order()
    {
        var site = await app.AddSiteAsync();
        await site.PostAsync(Batch, new
        {
            events = new object[]
            {
                new { type = "$unsubscribe", email = "a@example.com", date = "2026-01-02T03:04:05Z" },
                new { type = "$tag", email = "a@example.com", details = new { tag = "lead" } },
                new { type = "$tag", email = "a@example.com", details = new { tag = "gone" } },
                new { type = "$remove_tag", email = "a@example.com", details = new { tag = "gone" } },
                new { type = "$update_fields", email = "a@example.com", fields = new { city = "Bern" } },
                new { type = "$unsubscribe", email = "b@example.com" },
                new { type = "$subscribe", email = "b@example.com" },
            },
        });

        var (a, b) = (await PersonAsync(site, "a@example.com"), await PersonAsync(site, "b@example.com"));
        Assert.Equal("2026-01-02T03:04:05.000Z", a.GetProperty("unsubscribed_at").GetString());
        Assert.Equal("Bern", a.GetProperty("fields").GetProperty("city").GetString());
        Assert.Equal(1, a.GetProperty("cached_tag_ids").GetArrayLength());
        Assert.Equal(JsonValueKind.Null, b.GetProperty("unsubscribed_at").ValueKind);
    }

    [Fact]
    public async Task A_purchase_told_twice_counts_once_in_one_request_and_over_two()
    {
        var site = await app.AddSiteAsync();
        object Purchase(string key, object amount) => new
        {
            type = "$purchase",
            email = "a@example.com",
            details = new { unique = new { key }, value = new { currency = "eur", amount }, cart = new { items = Array.Empty<object>() } },
        };

        Assert.Equal(2, Count(await site.PostAsync(Batch, new { events = new[] { Purchase("1", 4000), Purchase("1", 4000) } }), "results"));
        Assert.Equal(1, Count(await site.PostAsync(Batch, new { events = Purchase("1", 4000) }), "results"));
        Assert.Equal(1, Count(await site.PostAsync(Batch, new { events = Purchase("2", "150") }), "results"));

        await using var db = app.Database.Open(site.Id);
        var kept = await db.Events.OrderBy(e => e.Id).Select(e => new { e.UniqueKey, e.Amount, e.Currency }).ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal([("1", 4000L, "EUR"), ("2", 150L, "EUR")], kept.Select(e => (e.UniqueKey!, e.Amount!.Value, e.Currency!)));
    }

    [Theory]
    [InlineData("[{\"a\\u0000\":1}]")]
    [InlineData("1e200000")]
    [InlineData("-1e-20000")]
    public async Task A_field_that_a_database_cannot_compare_is_refused(string value)
    {
        var site = await app.AddSiteAsync();
        var events = $$$"""{"events":[{"type":"a","email":"a@example.com","fields":{"x":{{{value}}} } },{"type":"a","email":"b@example.com","fields":{"x":"\\u0000","y":1e300}}]}""";
        Assert.Equal(1, Count(await site.PostAsync(Batch, events), "results"));
        Assert.Equal(1, Count(await site.PostAsync("/api/v1/batch/subscribers", $$$"""{"subscribers":{"email":"a@example.com","x":{{{value}}} } }"""), "failed"));
        Assert.Equal(1, Count(await site.PostAsync("/api/v1/fetch/commands", $$$"""{"command":{"command":"add_field","email":"a@example.com","query":{"key":"x","value":{{{value}}} } } }"""), "failed"));
    }

    [Theory]
    [InlineData("4000.0", 4000L)]
    [InlineData("4e3", 4000L)]
    [InlineData("-1.50E2", -150L)]
    [InlineData("40.5", null)]
    [InlineData("\"4000.0\"", null)]
    [InlineData("9223372036854775808.0", null)]
    [InlineData("1e999", null)]
    public async Task Whole_cents_may_be_written_as_a_float(string amount, long? cents)
    {
        var site = await app.AddSiteAsync();
        var reply = await site.PostAsync(Batch, $$$"""{"events":{"type":"$purchase","email":"a@example.com","details":{"value":{"currency":"EUR","amount":{{{amount}}} } } } }""");
        Assert.Equal(cents is null ? 0 : 1, Count(reply, "results"));
        await using var db = app.Database.Open(site.Id);
        Assert.Equal(cents, await db.Events.Select(e => e.Amount).SingleOrDefaultAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task An_event_that_cannot_be_read_is_named_and_stops_no_other()
    {
        var site = await app.AddSiteAsync();
        var reply = await site.PostAsync(Batch, """
            {"events":[{"email":"a@example.com"},{"type":"x","email":"nobody"},{"type":"$tag","email":"a@example.com"},{"type":"x","email":"a@example.com","date":"soon"},
            {"type":"$purchase","email":"a@example.com","details":{"value":{"amount":1.5,"currency":"USD"}}},7,{"type":"x","email":"a@example.com"}]}
            """);
        Assert.Equal((1, 6), (Count(reply, "results"), Count(reply, "failed")));
        Assert.Equal([0, 1, 2, 3, 4, 5], reply.Json.GetProperty("failures").EnumerateArray().Select(failure => failure.GetProperty("index").GetInt32()));
    }

    [Fact]
    public async Task Another_sites_purchase_with_the_same_key_is_another_purchase()
    {
        var (one, other) = (await app.AddSiteAsync(), await app.AddSiteAsync());
        const string body = """{"events":[{"type":"$purchase","email":"a@example.com","details":{"unique":{"key":"k"}}}]}""";
        await one.PostAsync(Batch, body);
        await other.PostAsync(Batch, body);
        await using var db = app.Database.Open(other.Id);
        Assert.Equal(1, await db.Events.CountAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"events":[]}""")]
    [InlineData("""{"events":"x"}""")]
    public async Task A_request_without_events_is_400(string body)
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await site.PostAsync(Batch, body)).Status);
    }

    private static int Count(Reply reply, string name) => reply.Json.GetProperty(name).GetInt32();

    private static async Task<JsonElement> PersonAsync(TestSite site, string email) =>
        (await site.GetAsync($"/api/v1/fetch/subscribers?email={Uri.EscapeDataString(email)}")).Json.GetProperty("data").GetProperty("attributes");
}
