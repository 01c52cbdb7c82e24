using System.Net;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Subscribers;

public sealed class ErasureTests(EkibenApp app)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_erased_person_leaves_a_hash_and_a_suppression_and_nothing_else()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "Ann@example.com", tags = "lead", city = "Bern" }, new { email = "bo@example.com", tags = "lead" });
        await site.PostAsync("/api/v1/batch/events", new { events = new { type = "x", email = "ann@example.com" } });

        var reply = await site.PostAsync("/api/v1/data_deletion_requests", new { data_deletion_request = new { email = "ANN@example.com" } });

        Assert.Equal((HttpStatusCode.Accepted, """{"status":"queued_for_anonymization"}"""), (reply.Status, reply.Text));
        await using var db = app.Database.Open(site.Id);
        Assert.Equal(1, await db.Subscribers.CountAsync(Cancel));
        Assert.Equal(0, await db.Events.CountAsync(Cancel));
        var address = await db.Addresses.SingleAsync(found => found.Normalised == "", Cancel);
        Assert.Equal(("", 16), (address.Written, address.Hash.Length));
        Assert.Equal(address.Id, (await db.Suppressions.SingleAsync(Cancel)).AddressId);
        Assert.Equal(1, await db.AuditLog.CountAsync(entry => entry.SiteId == site.Id && entry.Action == "person.erased", Cancel));
        Assert.Equal(1, (await site.GetAsync("/api/v1/fetch/search?tags=lead")).Json.GetProperty("data").GetArrayLength());
        Assert.Equal("visitor_not_found", (await site.PostAsync("/api/v1/data_deletion_requests", new { data_deletion_request = new { email = "ann@example.com" } })).Error);
    }

    [Fact]
    public async Task A_form_is_understood_and_another_sites_person_is_not_found()
    {
        var (site, other) = (await app.AddSiteAsync(), await app.AddSiteAsync());
        await site.ImportAsync(new { email = "ann@example.com" });
        Assert.Equal(HttpStatusCode.NotFound, await PostFormAsync(other));
        Assert.Equal(HttpStatusCode.Accepted, await PostFormAsync(site));

        static async Task<HttpStatusCode> PostFormAsync(TestSite site)
        {
            using var form = new FormUrlEncodedContent([new("data_deletion_request[email]", "ann@example.com")]);
            return (await Reply.OfAsync(await site.Client.PostAsync("/api/v1/data_deletion_requests", form, Cancel))).Status;
        }
    }

    [Theory]
    [InlineData("""{"data_deletion_request":{"email":"nobody"}}""")]
    [InlineData("""{"data_deletion_request":{}}""")]
    [InlineData("{}")]
    public async Task A_request_without_an_address_is_422(string body)
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await site.PostAsync("/api/v1/data_deletion_requests", body)).Status);
    }

    [Fact]
    public async Task Imported_again_the_person_is_new_and_still_gets_no_mail()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "ann@example.com", city = "Bern" });
        await site.PostAsync("/api/v1/data_deletion_requests", new { data_deletion_request = new { email = "ann@example.com" } });
        await site.ImportAsync(new { email = "ann@example.com" });
        var person = (await site.GetAsync("/api/v1/fetch/subscribers?email=ann@example.com")).Json.GetProperty("attributes");
        Assert.Equal("{}", person.GetProperty("fields").GetRawText());
        await using var db = app.Database.Open(site.Id);
        Assert.Equal(1, await db.Suppressions.CountAsync(Cancel));
    }

    [Fact]
    public async Task Rows_of_erased_people_that_wait_become_suppressed_and_hold_nothing()
    {
        await using var sending = await SendingApp.StartAsync();
        await sending.PeopleAsync(20);
        // Ten an hour: one goes out, the others wait.
        var id = await sending.SendAsync(rate: 10);
        await sending.UntilAsync(id, receipt => receipt.Number("accepted") == 1);
        await sending.ActAsync(id, "pause");
        foreach (var number in Enumerable.Range(1, 20))
        {
            await sending.Site.PostAsync("/api/v1/data_deletion_requests", new { data_deletion_request = new { email = $"p{number}@example.com" } });
        }

        // At once, while nothing can have its turn.
        var waiting = await sending.ReceiptAsync(id);
        Assert.Equal((0, 19), (waiting.Number("pending"), waiting.Number("suppressed")));
        Assert.True(waiting.IsBalanced(), waiting.ToString());
        Assert.Empty(await sending.App.Service<SendQueue>().RecountAsync(DateTimeOffset.MinValue.AddDays(1), Cancel));

        await sending.ActAsync(id, "resume");
        var receipt = await sending.UntilStatusAsync(id, "sent");

        Assert.Equal((1, 19, 0), (receipt.Number("accepted"), receipt.Number("suppressed"), receipt.Number("render_failed")));
        Assert.True(receipt.IsBalanced(), receipt.ToString());
    }
}
