using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Broadcasts;

public class ListBroadcastsTests(EkibenApp app)
{
    private const string Path = "/api/v1/fetch/broadcasts";

    [Fact]
    public async Task The_answer_is_both_a_list_of_records_and_a_flat_list()
    {
        var site = await app.AddSiteAsync();
        var id = await site.CreatedAsync(new { name = "n", subject = "s", content = "<b>c</b>", type = "fancy", inclusive_tags = "a,b", send_at = "2027-01-01T00:00:00Z", approved = true });
        var reply = await site.GetAsync($"{Path}?status=scheduled");

        var record = Assert.Single(reply.Json.GetProperty("data").EnumerateArray());
        Assert.Equal(id, record.GetProperty("id").GetString());
        var attributes = record.GetProperty("attributes");
        Assert.Equal(
            ["name", "share_url", "dashboard_url", "template", "created_at", "send_at", "sent_final_batch_at", "stats", "subject", "content", "type", "from",
             "inclusive_tags", "exclusive_tags", "segment_id", "batch_size_per_hour", "status"],
            attributes.EnumerateObject().Select(p => p.Name));
        Assert.Equal("fancy", attributes.GetProperty("type").GetString());
        Assert.Equal("{{ visitor.email }}", attributes.GetProperty("template").GetProperty("to").GetString());
        Assert.Equal(0, attributes.GetProperty("stats").GetProperty("open_rate").GetDouble());
        Assert.Equal(JsonValueKind.Array, attributes.GetProperty("stats").GetProperty("click_breakdown").ValueKind);
        Assert.Matches("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$", attributes.GetProperty("created_at").GetString()!);

        var flat = Assert.Single(reply.Json.GetProperty("broadcasts").EnumerateArray());
        Assert.Equal("raw", flat.GetProperty("type").GetString());
        Assert.Equal("news@example.com", flat.GetProperty("from").GetProperty("email").GetString());
        Assert.All(flat.EnumerateObject(), property => Assert.NotEqual(JsonValueKind.Null, property.Value.ValueKind));
        Assert.Equal((1, 25, 1, 1), Meta(reply));
    }

    [Fact]
    public async Task Without_a_status_only_sent_ones_are_listed()
    {
        var site = await app.AddSiteAsync();
        await site.CreatedAsync(new { name = "draft", subject = "s", content = "c" });
        await AddAsync(site, BroadcastStatus.Sent, "sent");
        Assert.Equal(["sent"], Names(await site.GetAsync(Path)));
        Assert.Equal(["sent"], Names(await site.GetAsync($"{Path}?status=nonsense")));
        Assert.Equal(["draft"], Names(await site.GetAsync($"{Path}?status=draft")));
    }

    [Theory]
    [InlineData("canceled")]
    [InlineData("cancelled")]
    public async Task Canceled_is_found_under_both_spellings(string word)
    {
        var site = await app.AddSiteAsync();
        await AddAsync(site, BroadcastStatus.Canceled, "gone");
        Assert.Equal(["gone"], Names(await site.GetAsync($"{Path}?status={word}")));
    }

    [Fact]
    public async Task Held_reads_as_scheduled_before_the_first_message_and_as_paused_after()
    {
        var site = await app.AddSiteAsync();
        await AddAsync(site, BroadcastStatus.Held, "early");
        await AddAsync(site, BroadcastStatus.Held, "late", frozen: true);
        var (scheduled, paused) = (await site.GetAsync($"{Path}?status=scheduled"), await site.GetAsync($"{Path}?status=paused"));
        Assert.Equal(["early"], Names(scheduled));
        Assert.Equal("scheduled", scheduled.Json.GetProperty("data")[0].GetProperty("attributes").GetProperty("status").GetString());
        Assert.Equal(["late"], Names(paused));
        Assert.Equal("paused", paused.Json.GetProperty("data")[0].GetProperty("attributes").GetProperty("status").GetString());
    }

    [Fact]
    public async Task Pages_are_walked_until_one_is_empty()
    {
        var site = await app.AddSiteAsync();
        await site.CreatedAsync([.. Enumerable.Range(1, 30).Select(i => new { name = $"n{i}", subject = "s", content = "c" })]);
        var (first, second, third) = (await PageAsync(1), await PageAsync(2), await PageAsync(3));
        Assert.Equal(25, Names(first).Count);
        Assert.Equal("n30", Names(first)[0]);
        Assert.Equal(["n5", "n4", "n3", "n2", "n1"], Names(second));
        Assert.Empty(Names(third));
        Assert.Equal((3, 25, 0, 30), Meta(third));
        Assert.Equal((1, 100, 30, 30), Meta(await site.GetAsync($"{Path}?status=draft&per_page=5000")));
        Assert.Equal((1, 1, 1, 30), Meta(await site.GetAsync($"{Path}?status=draft&per_page=0&page=-3")));
        Assert.Equal((1, 25, 25, 30), Meta(await site.GetAsync($"{Path}?status=draft&page=x")));

        Task<Reply> PageAsync(int page) => site.GetAsync($"{Path}?status=draft&page={page}");
    }

    private static (int, int, int, int) Meta(Reply reply)
    {
        var meta = reply.Json.GetProperty("meta");
        return (meta.GetProperty("page").GetInt32(), meta.GetProperty("per_page").GetInt32(), meta.GetProperty("count").GetInt32(), meta.GetProperty("total").GetInt32());
    }

    private static List<string?> Names(Reply reply) =>
        [.. reply.Json.GetProperty("data").EnumerateArray().Select(record => record.GetProperty("attributes").GetProperty("name").GetString())];

    private async Task AddAsync(TestSite site, BroadcastStatus status, string name, bool frozen = false)
    {
        var id = new BroadcastId(long.Parse(await site.CreatedAsync(new { name, subject = "s", content = "c" }), System.Globalization.CultureInfo.InvariantCulture));
        await app.WriteAsync(async db =>
        {
            var broadcast = await db.Broadcasts.SingleAsync(b => b.Id == id);
            broadcast.Status = status;
            broadcast.FrozenAt = frozen ? broadcast.CreatedAt : null;
        });
    }
}
