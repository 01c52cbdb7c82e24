using System.Net;
using System.Text.Json;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Dns;

/// <summary>Judgements of addresses and hosts that need name servers.</summary>
public sealed class JudgementsTests : IAsyncLifetime
{
    private readonly FakeNameServer _names = new();
    private EkibenApp _app = null!;
    private TestSite _site = null!;

    public async ValueTask InitializeAsync()
    {
        _app = await EkibenApp.StartAsync(options => options with { Dns = _names.Option });
        _site = await _app.AddSiteAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await _names.DisposeAsync();
    }

    [Theory]
    [InlineData("ann@mx.example.com", true)]
    [InlineData("ann@bücher.example.com", true)]
    [InlineData("ann@address-only.example.com", true)]
    [InlineData("ann@six-only.example.com", true)]
    [InlineData("ann@texts-only.example.com", false)]
    [InlineData("ann@null.example.com", false)]
    [InlineData("ann@nowhere.example.com", false)]
    [InlineData("ann@broken.example.com", true)]
    public async Task An_address_is_valid_unless_name_servers_say_that_its_domain_takes_no_mail(string email, bool valid)
    {
        _names.AddMx("mx.example.com", 10, "mail.example.com").AddMx("xn--bcher-kva.example.com", 10, "mail.example.com").AddA("address-only.example.com", "192.0.2.1")
            .AddAaaa("six-only.example.com", "2001:db8::1").AddTxt("texts-only.example.com", "hello").AddMx("null.example.com", 0, ".").Fail("broken.example.com");

        Assert.Equal(valid, (await _site.PostAsync("/api/v1/experimental/validation", new { email })).Json.GetProperty("valid").GetBoolean());
        Assert.Equal(valid, (await _site.PostAsync("/api/v1/experimental/jesses_ruleset", new { email })).Json.GetProperty("valid").GetBoolean());
        Assert.Equal(!valid, (await _site.GetAsync("/api/v1/fetch/spam/risky?email=" + Uri.EscapeDataString(email))).Json.GetProperty("data").GetProperty("risky").GetBoolean());
    }

    [Fact]
    public async Task A_reserved_domain_is_not_asked_for()
    {
        Assert.False((await _site.PostAsync("/api/v1/experimental/validation", new { email = "ann@host.invalid" })).Json.GetProperty("valid").GetBoolean());
        Assert.Empty(_names.Questions);
    }

    [Fact]
    public async Task Block_lists_are_asked_for_domains_and_for_addresses()
    {
        _names.AddA("bad.example.com.dbl.spamhaus.org", "127.0.1.2").AddA("bad.example.com.fresh15.spameatingmonkey.net", "127.0.0.2")
            .AddA("bad.example.com.dbl.nordspam.com", "127.255.255.254").Fail("bad.example.com.dnsbl.spfbl.net")
            .AddA("2.1.0.192.zen.spamhaus.org", "127.0.0.4");

        var domain = (await _site.GetAsync("/api/v1/experimental/blacklist?domain=Bad.example.com")).Json;
        Assert.Equal(["just_registered", "spamhaus"], Listed(domain));
        Assert.Equal(["nordspam", "spfbl", "sorbs", "abusix"], domain.GetProperty("unknown").EnumerateArray().Select(word => word.GetString()));
        Assert.Equal("Bad.example.com", domain.GetProperty("query").GetString());

        var address = (await _site.PostAsync("/api/v1/experimental/blacklist", new { ip = "192.0.1.2" })).Json;
        Assert.Equal(["spamhaus"], Listed(address));
        Assert.Equal(["just_registered", "sorbs", "abusix"], address.GetProperty("unknown").EnumerateArray().Select(word => word.GetString()));

        await _site.GetAsync("/api/v1/experimental/blacklist?ip=2001:db8::1");
        Assert.Contains("A 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.zen.spamhaus.org", _names.Questions);
    }

    [Theory]
    [InlineData("no name")]
    [InlineData("localhost")]
    [InlineData("https://example.com/")]
    public async Task What_is_no_host_is_400(string domain)
    {
        Assert.Equal(HttpStatusCode.BadRequest, (await _site.GetAsync("/api/v1/experimental/blacklist?domain=" + Uri.EscapeDataString(domain))).Status);
        Assert.Empty(_names.Questions);
    }

    private static IEnumerable<string> Listed(JsonElement answer) =>
        answer.GetProperty("results").EnumerateObject().Where(list => list.Value.GetBoolean()).Select(list => list.Name);
}
