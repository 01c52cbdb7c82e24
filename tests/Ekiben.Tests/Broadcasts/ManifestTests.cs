using Ekiben.Broadcasts;
using Ekiben.Sites;

namespace Ekiben.Tests.Broadcasts;

public class ManifestTests
{
    [Fact]
    public void It_reads_back_as_it_was_written()
    {
        var text = Manifest.Of(Sample(), Owner(), "{\"tag\":\"lead\"}").ToText();
        Assert.Equal(text, Manifest.FromText(text).ToText());
    }

    [Theory]
    [InlineData("subject")]
    [InlineData("content")]
    [InlineData("from_email")]
    [InlineData("inclusive_tags")]
    [InlineData("send_at")]
    [InlineData("uncertain_policy")]
    [InlineData("site_name")]
    [InlineData("time_zone")]
    [InlineData("tracks_links")]
    public void Whatever_decides_who_gets_what_changes_it(string part)
    {
        var before = Manifest.Of(Sample(), Owner(), null).ToText();
        var (broadcast, site) = (Sample(), Owner());
        switch (part)
        {
            case "subject": broadcast.Subject += "!"; break;
            case "content": broadcast.Content += " "; break;
            case "from_email": broadcast.FromEmail = "b@example.com"; break;
            case "inclusive_tags": broadcast.InclusiveTags += ",mql"; break;
            case "send_at": broadcast.SendAt = broadcast.SendAt!.Value.AddMilliseconds(1); break;
            case "uncertain_policy": broadcast.UncertainPolicy = UncertainPolicy.Hold; break;
            case "site_name": site.Name = "Other"; break;
            case "tracks_links": site.TracksLinks = true; break;
            case "time_zone": site.TimeZone = "Europe/Berlin"; break;
        }

        Assert.Equal([part], Manifest.Differences(before, Manifest.Of(broadcast, site, null).ToText()));
    }

    [Fact]
    public void The_rate_and_the_status_are_not_in_it()
    {
        var before = Manifest.Of(Sample(), Owner(), null).ToText();
        var broadcast = Sample();
        broadcast.BatchSizePerHour = 10;
        broadcast.Status = BroadcastStatus.Held;
        Assert.Equal(before, Manifest.Of(broadcast, Owner(), null).ToText());
    }

    [Fact]
    public void A_seal_answers_for_its_own_text_and_purpose_alone()
    {
        var key = new InstanceKey(new byte[InstanceKey.Length]);
        var other = new InstanceKey([.. Enumerable.Repeat((byte)1, InstanceKey.Length)]);
        var seal = key.Sign(ManifestSeal.Purpose, "a"u8);
        Assert.True(key.Verifies(ManifestSeal.Purpose, "a"u8, seal));
        Assert.False(key.Verifies(ManifestSeal.Purpose, "b"u8, seal));
        Assert.False(key.Verifies("person", "a"u8, seal));
        Assert.False(other.Verifies(ManifestSeal.Purpose, "a"u8, seal));
        Assert.False(key.Verifies(ManifestSeal.Purpose, "a"u8, []));
        seal[3] ^= 1;
        Assert.False(key.Verifies(ManifestSeal.Purpose, "a"u8, seal));
    }

    private static Site Owner() => new() { Uuid = "0123456789abcdef0123456789abcdef", Name = "Site" };

    private static Broadcast Sample() => new()
    {
        Name = "n",
        Subject = "s",
        Content = "c",
        Type = "plain",
        FromEmail = "a@example.com",
        FromName = "A",
        CreatedBy = "cli",
        InclusiveTags = "lead",
        SendAt = new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero),
    };
}
