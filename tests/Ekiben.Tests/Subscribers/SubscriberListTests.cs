using System.Text.Json;
using Ekiben.Segments;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Ekiben.Tests.Fixture;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Subscribers;

/// <summary>The platform's list of people, and changing one by hand.</summary>
public sealed class SubscriberListTests(EkibenApp app)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Pages_go_by_the_last_row_and_leave_nobody_out_when_people_come_and_go()
    {
        var site = await SiteWithPeopleAsync(25);
        var list = app.Service<SubscriberList>();
        var seen = new List<string>();
        long? after = null;
        do
        {
            var (rows, next) = await list.ReadAsync(site.Id, new SubscriberFilter(null, null, null, null), after, 10, Cancel);
            seen.AddRange(rows.Select(row => row.Email));
            after = next;
            await site.ImportAsync(new { email = $"new{seen.Count}@example.com" });
        }
        while (after is not null);

        Assert.Equal(Enumerable.Range(1, 25).Reverse().Select(i => $"p{i}@example.com"), seen);
    }

    [Fact]
    public async Task Filters_find_by_address_name_tag_segment_and_state()
    {
        var site = await SiteWithPeopleAsync(12);
        await site.PostAsync("/api/v1/fetch/commands", new { command = new { command = "unsubscribe", email = "p3@example.com" } });
        await using var db = app.Database.Open(site.Id);
        var tag = await db.Tags.Where(t => t.Name == "even").Select(t => t.Id).SingleAsync(Cancel);

        Assert.Equal(["p12@example.com", "p11@example.com", "p10@example.com", "p1@example.com"], await FindAsync(site, new SubscriberFilter("p1", null, null, null)));
        Assert.Equal(["p7@example.com"], await FindAsync(site, new SubscriberFilter("name7", null, null, null)));
        Assert.Equal(["p12@example.com", "p10@example.com", "p8@example.com", "p6@example.com", "p4@example.com", "p2@example.com"], await FindAsync(site, new SubscriberFilter(null, tag, null, null)));
        Assert.Equal(["p12@example.com", "p10@example.com"], await FindAsync(site, new SubscriberFilter("p1", tag, null, null)));
        Assert.Equal(["p3@example.com"], await FindAsync(site, new SubscriberFilter(null, null, null, "unsubscribed")));
        Assert.Equal(["p1@example.com", "p5@example.com", "p7@example.com", "p9@example.com", "p11@example.com"], await FindAsync(site, new SubscriberFilter(null, null, new SegmentRule.Not(new SegmentRule.HasTag("even")), null)));
    }

    [Fact]
    public async Task Change_by_hand_is_exactly_what_was_typed_and_a_value_that_stays_keeps_its_type()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "ann@example.com", first_name = "Ann", last_name = "Lee", tags = "lead,old", fields = new { age = 41, plan = "pro", gone = "x" } });
        await using var db = app.Database.Open(site.Id);
        var id = await db.Subscribers.Select(s => s.Id).SingleAsync(Cancel);

        var form = new SubscriberForm("Anna@Example.com", "Anna", " ", [new("age", "41"), new("plan", "free"), new("city", "Wien")], ["lead", "new"]);
        Assert.Null(await ChangeAsync(site, id, form));

        var now = await db.Subscribers.AsNoTracking().Include(s => s.Address).SingleAsync(Cancel);
        Assert.Equal(("anna@example.com", "Anna", null), (now.Address.Normalised, now.FirstName, now.LastName));
        Assert.Equal(["lead", "new"], await db.TagNamesOfAsync(id, Cancel));
        using var fields = JsonDocument.Parse(now.Fields);
        Assert.Equal(41, fields.RootElement.GetProperty("age").GetInt32());
        Assert.Equal("free", fields.RootElement.GetProperty("plan").GetString());
        Assert.Equal("Wien", fields.RootElement.GetProperty("city").GetString());
        Assert.False(fields.RootElement.TryGetProperty("gone", out _));
    }

    [Fact]
    public async Task Address_of_somebody_else_is_refused_and_nothing_changes()
    {
        var site = await SiteWithPeopleAsync(2);
        await using var db = app.Database.Open(site.Id);
        var id = await db.Subscribers.Where(s => s.Address.Normalised == "p1@example.com").Select(s => s.Id).SingleAsync(Cancel);

        var problem = await ChangeAsync(site, id, new SubscriberForm("p2@example.com", "Other", null, [], []));

        Assert.Equal("Somebody else has this address.", problem);
        Assert.Equal("Name1", await db.Subscribers.Where(s => s.Id == id).Select(s => s.FirstName).SingleAsync(Cancel));
    }

    [Theory]
    [InlineData("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1")]
    [InlineData("+1", "'+1")]
    [InlineData("-1", "'-1")]
    [InlineData("@SUM(A1)", "'@SUM(A1)")]
    [InlineData("\t=1", "'\t=1")]
    [InlineData("\r=1", "\"'\r=1\"")]
    [InlineData("a,b", "\"a,b\"")]
    [InlineData("say \"hi\"", "\"say \"\"hi\"\"\"")]
    [InlineData("plain=1", "plain=1")]
    [InlineData(null, "")]
    public void Cell_is_never_a_formula(string? text, string expected) => Assert.Equal(expected, Csv.Cell(text));

    private async Task<string?> ChangeAsync(TestSite site, SubscriberId id, SubscriberForm form)
    {
        await using var db = app.Database.Open(site.Id);
        await using var write = await app.Database.BeginWriteAsync(db, Cancel);
        var problem = await app.Service<SubscriberEdit>().ChangeAsync(db, site.Id, id, form, Cancel);
        if (problem is null)
        {
            await db.SaveChangesAsync(Cancel);
            await write.CommitAsync(Cancel);
        }

        return problem;
    }

    private async Task<IReadOnlyList<string>> FindAsync(TestSite site, SubscriberFilter filter) =>
        [.. (await app.Service<SubscriberList>().ReadAsync(site.Id, filter, null, 50, Cancel)).Rows.Select(row => row.Email)];

    private async Task<TestSite> SiteWithPeopleAsync(int count)
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync([.. Enumerable.Range(1, count).Select(i => new { email = $"p{i}@example.com", first_name = $"Name{i}", tags = i % 2 == 0 ? "even" : "odd" })]);
        return site;
    }
}
