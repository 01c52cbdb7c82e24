using System.Net;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Web;

public sealed class StrictTests(EkibenApp app)
{
    [Fact]
    public async Task A_strict_site_wants_its_uuid_and_a_user_agent_as_Bento_does()
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/api/v1/fetch/tags")).Status);
        await app.WriteAsync(async db => (await db.Sites.SingleAsync(s => s.Id == site.Id)).IsStrict = true);

        Assert.Equal(HttpStatusCode.Forbidden, (await site.GetAsync("/api/v1/fetch/tags?site_uuid=" + site.Uuid)).Status);
        site.Client.DefaultRequestHeaders.Add("User-Agent", "bento-node-" + site.Uuid);
        Assert.Equal(HttpStatusCode.Unauthorized, (await site.GetAsync("/api/v1/fetch/tags")).Status);
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/api/v1/fetch/tags?site_uuid=" + site.Uuid)).Status);
        Assert.Equal(HttpStatusCode.OK, (await site.PostAsync("/api/v1/fetch/tags", new { tag = new { name = "x" }, site_uuid = site.Uuid })).Status);
        // Ours never asks for either.
        Assert.Equal(HttpStatusCode.OK, (await site.GetAsync("/api/ekiben/v1/broadcasts")).Status);
    }

    [Fact]
    public async Task A_browsers_script_is_refused_without_a_log_in_box()
    {
        var site = await app.AddSiteAsync();
        using var stranger = site.NewClient(null, null);
        stranger.DefaultRequestHeaders.Add("Sec-Fetch-Site", "cross-site");
        var reply = await Reply.OfAsync(await stranger.GetAsync("/api/v1/fetch/tags", TestContext.Current.CancellationToken));
        Assert.Equal((HttpStatusCode.Unauthorized, 0), (reply.Status, reply.Headers.WwwAuthenticate.Count));
    }
}
