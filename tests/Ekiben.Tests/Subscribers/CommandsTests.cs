using System.Net;
using System.Text.Json;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Subscribers;

public sealed class CommandsTests(EkibenApp app)
{
    [Fact]
    public async Task Tags_and_fields_are_added_and_removed_and_what_is_missing_is_made()
    {
        var site = await app.AddSiteAsync();

        var reply = await RunAsync(site, Command("add_tag", "lead"), Command("add_tag_via_event", "vip"), Command("add_tag", "gone"), Command("remove_tag", "gone"),
            Command("add_field", new { key = "plan", value = new[] { 1, 2 } }), Command("add_field", """{"key":"city","value":"Bern"}"""),
            Command("add_field", new { key = "first_name", value = "Ann" }), Command("add_field", new { key = "old", value = 1 }), Command("remove_field", "old"));

        Assert.Equal((9, 9, 0), (Count(reply, "results"), Count(reply, "result"), Count(reply, "failed")));
        foreach (var person in new[] { reply.GetProperty("data").GetProperty("attributes"), reply.GetProperty("attributes") })
        {
            Assert.Equal("""{"plan":[1,2],"city":"Bern","first_name":"Ann"}""", person.GetProperty("fields").GetRawText());
            Assert.Equal(2, person.GetProperty("cached_tag_ids").GetArrayLength());
        }

        var tags = (await site.GetAsync("/api/v1/fetch/tags")).Json.GetProperty("data").EnumerateArray().Select(tag => tag.GetProperty("attributes").GetProperty("name").GetString());
        Assert.Equal(["lead", "vip", "gone"], tags);
        await using var db = app.Database.Open(site.Id);
        Assert.Equal("""{"tag":"vip"}""", (await db.Events.SingleAsync(TestContext.Current.CancellationToken)).Details);

        var cleared = await RunAsync(site, Command("remove_field", "first_name"));
        Assert.False(cleared.GetProperty("attributes").GetProperty("fields").TryGetProperty("first_name", out _));
    }

    [Fact]
    public async Task Unsubscribing_and_subscribing_ignore_what_strict_clients_put_into_query()
    {
        var site = await app.AddSiteAsync();
        var gone = await RunAsync(site, Command("unsubscribe", null));
        Assert.Equal(JsonValueKind.String, gone.GetProperty("attributes").GetProperty("unsubscribed_at").ValueKind);
        var back = await RunAsync(site, Command("subscribe", "ignored"));
        Assert.Equal(JsonValueKind.Null, back.GetProperty("attributes").GetProperty("unsubscribed_at").ValueKind);
    }

    [Fact]
    public async Task A_changed_address_keeps_the_person_and_an_unknown_one_is_made_with_the_new_address()
    {
        var site = await app.AddSiteAsync();
        var before = await RunAsync(site, Command("add_tag", "lead"));

        var after = await RunAsync(site, Command("change_email", "new@example.com"));

        Assert.Equal(before.GetProperty("id").GetString(), after.GetProperty("id").GetString());
        Assert.Equal("new@example.com", after.GetProperty("attributes").GetProperty("email").GetString());
        Assert.Equal(1, after.GetProperty("attributes").GetProperty("cached_tag_ids").GetArrayLength());
        Assert.Equal(JsonValueKind.Null, (await site.GetAsync("/api/v1/fetch/subscribers?email=a%40example.com")).Json.GetProperty("data").ValueKind);

        var made = await RunAsync(site, new { command = "change_email", email = "nobody@example.com", query = "somebody@example.com" });
        Assert.Equal("somebody@example.com", made.GetProperty("attributes").GetProperty("email").GetString());
        Assert.Equal(JsonValueKind.Null, (await site.GetAsync("/api/v1/fetch/subscribers?email=nobody%40example.com")).Json.GetProperty("data").ValueKind);
    }

    [Fact]
    public async Task A_suppressed_address_stays_suppressed_when_its_person_subscribes()
    {
        var site = await app.AddSiteAsync();
        await RunAsync(site, Command("subscribe", null));
        await app.WriteAsync(async db => db.Suppressions.Add(new Ekiben.Suppressions.Suppression
        {
            SiteId = site.Id,
            AddressId = (await db.Subscribers.SingleAsync(s => s.SiteId == site.Id)).AddressId,
            Reason = Ekiben.Suppressions.SuppressionReason.Complaint,
            CreatedAt = app.Options.Clock.GetUtcNow(),
        }));

        await RunAsync(site, Command("unsubscribe", null), Command("subscribe", null));

        await using var db = app.Database.Open(site.Id);
        Assert.Equal(1, await db.Suppressions.CountAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("add_tag", "\"\"")]
    [InlineData("add_tag", "null")]
    [InlineData("add_field", "\"plan\"")]
    [InlineData("add_field", """{"key":"plan"}""")]
    [InlineData("remove_field", "null")]
    [InlineData("change_email", "\"no address\"")]
    [InlineData("delete_all", "null")]
    public async Task A_command_that_cannot_be_read_fails_alone(string word, string query)
    {
        var site = await app.AddSiteAsync();
        var reply = (await site.PostAsync("/api/v1/fetch/commands", $$"""
            {"command":[{"command":"{{word}}","email":"a@example.com","query":{{query}}},{"command":"subscribe","email":"b@example.com"}]}
            """)).Json;
        Assert.Equal((1, 1, 0), (Count(reply, "results"), Count(reply, "failed"), reply.GetProperty("failures")[0].GetProperty("index").GetInt32()));
        Assert.Equal("b@example.com", reply.GetProperty("attributes").GetProperty("email").GetString());
    }

    [Fact]
    public async Task A_single_object_is_one_command_and_more_than_100_are_400()
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(1, Count((await site.PostAsync("/api/v1/fetch/commands", new { command = Command("subscribe", null) })).Json, "results"));
        var many = Enumerable.Repeat(Command("subscribe", null), 101);
        Assert.Equal(HttpStatusCode.BadRequest, (await site.PostAsync("/api/v1/fetch/commands", new { command = many })).Status);
    }

    private static object Command(string command, object? query) => new { command, email = "a@example.com", query };

    private static async Task<JsonElement> RunAsync(TestSite site, params object[] commands) => (await site.PostAsync("/api/v1/fetch/commands", new { command = commands })).Json;

    private static int Count(JsonElement reply, string name) => reply.GetProperty(name).GetInt32();
}
