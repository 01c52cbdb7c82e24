using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Broadcasts;

/// <summary>A site's rules for approvals also hold for those who came between the approval and the start.</summary>
public class When_its_audience_outgrows_its_approval
{
    [Theory]
    [InlineData(null, 2, "Keys approve up to 2 people on this site and this reaches 5 by now: a person releases it.")]
    [InlineData(2, null, "Above 2 people this site wants two approvals, and it has one: somebody else releases it.")]
    public async Task It_is_held_though_it_was_small_when_a_key_approved_it(int? two, int? keys, string reason)
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var app = await SendingApp.StartAsync(clock: clock);
        await app.App.WriteAsync(async db =>
        {
            var site = await db.Sites.SingleAsync(s => s.Id == app.Site.Id);
            (site.SecondApprovalAbove, site.KeyApprovalLimit) = (two, keys);
        });
        await app.PeopleAsync(1);
        var id = await app.Site.CreatedAsync(new
        {
            name = "Later", subject = "Hi", content = "<p>Hello</p>", type = "plain", approved = true, send_at = clock.GetUtcNow().AddHours(1).ToString("O"),
        });
        Assert.Equal("scheduled", (await app.ReceiptAsync(id)).GetProperty("status").GetString());
        await app.PeopleAsync(5);

        clock.Advance(TimeSpan.FromHours(1));

        await app.UntilStatusAsync(id, "held", clock);
        Assert.Equal(reason, await app.ReasonAsync(id));
        Assert.Empty(app.Accepted);
    }
}
