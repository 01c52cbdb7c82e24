using System.Net;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Ekiben.Web;

namespace Ekiben.Tests.Web;

public class PublicLinksTests(EkibenApp app)
{
    [Fact]
    public void A_token_is_read_only_as_it_was_written()
    {
        var links = app.Service<PublicLinks>();
        for (var person = 1; person <= 200; person++)
        {
            var token = links.Unsubscribe(new BroadcastId(7), new SubscriberId(person)).AbsolutePath["/u/".Length..];
            Assert.True(links.TryRead(token, out var broadcast, out var subscriber));
            Assert.Equal((7, person), (broadcast.Value, subscriber.Value));
            foreach (var place in (int[])[0, 20, 42])
            {
                var changed = token[place] == 'A' ? 'B' : 'A';
                Assert.False(links.TryRead(token[..place] + changed + token[(place + 1)..], out _, out _));
            }
        }
    }

    [Theory]
    [InlineData("0123456789012345678901234567890123456789!!!")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB")]
    [InlineData("x")]
    public async Task What_is_no_token_is_404(string token)
    {
        var site = await app.AddSiteAsync();
        using var stranger = site.NewClient(null, null);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.GetAsync("/u/" + token, TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.PostAsync("/u/" + token, null, TestContext.Current.CancellationToken)).StatusCode);
    }
}
