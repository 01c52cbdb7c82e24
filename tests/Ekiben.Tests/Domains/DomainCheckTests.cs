using System.Text.RegularExpressions;
using Ekiben.Accounts;
using Ekiben.Domains;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Domains;

/// <summary>Keys, their records, and what a name server says about them.</summary>
public sealed class DomainCheckTests(EkibenApp app) : IDisposable
{
    private readonly NameServer _server = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private DomainActions Actions => app.Service<DomainActions>();

    private DomainCheck Check => new(_server.EndPoint);

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task A_published_key_is_found_in_its_strings_put_together()
    {
        var key = await AddAsync("a.example", ed25519: true);
        Publish(key);
        Assert.Equal(
            [($"{key.Selector}._domainkey.a.example", RecordState.Ok), ($"{key.Selector}-ed25519._domainkey.a.example", RecordState.Ok)],
            (await Check.KeyAsync(key, Cancel)).Select(verdict => (verdict.Name, verdict.State)));
    }

    [Theory]
    [InlineData("", "Missing", "no such text record")]
    [InlineData("v=DKIM1; k=rsa; p=", "Wrong", "revoked")]
    [InlineData("v=DKIM1; k=rsa; p=AAAA", "Wrong", "another key")]
    [InlineData("v=DKIM1; k=ed25519; p=KEY", "Wrong", "k= must be rsa")]
    [InlineData("v=DKIM2; p=KEY", "Wrong", "v= must be DKIM1")]
    [InlineData("hello", "Wrong", "no p=")]
    [InlineData("p=KEY", "Ok", "this server's key")]
    public async Task A_key_is_judged_by_its_tags(string published, string state, string why)
    {
        var key = await AddAsync($"{Guid.NewGuid():N}.example");
        if (published.Length > 0)
        {
            _server.AddText($"{key.Selector}._domainkey.{key.Domain}", published.Replace("KEY", key.RsaPublicKey, StringComparison.Ordinal));
        }

        var verdict = Assert.Single(await Check.KeyAsync(key, Cancel));
        Assert.Equal(state, verdict.State.ToString());
        Assert.Contains(why, verdict.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_texts_at_one_selector_are_wrong()
    {
        var key = await AddAsync("twice.example");
        Publish(key);
        _server.AddText($"{key.Selector}._domainkey.twice.example", "v=DKIM1; p=AAAA");
        Assert.Equal(RecordState.Wrong, Assert.Single(await Check.KeyAsync(key, Cancel)).State);
    }

    [Fact]
    public async Task A_domain_needs_one_SPF_a_DMARC_policy_and_a_host_for_what_comes_back()
    {
        Assert.Equal([RecordState.Missing, RecordState.Missing, RecordState.Missing], await DomainAsync("news.b.example"));
        _server.AddText("news.b.example", "google-site-verification=x");
        _server.AddText("news.b.example", "v=spf1 include:relay.example a mx ~all");
        _server.AddText("_dmarc.b.example", "v=DMARC1; p=quarantine");
        _server.AddMx("news.b.example", "mx.b.example");
        Assert.Equal([RecordState.Ok, RecordState.Ok, RecordState.Ok], await DomainAsync("news.b.example"));
        _server.AddText("news.b.example", "v=spf1 -all");
        _server.AddText("_dmarc.news.b.example", "v=DMARC1; p=maybe");
        Assert.Equal([RecordState.Wrong, RecordState.Wrong, RecordState.Ok], await DomainAsync("news.b.example"));
    }

    [Fact]
    public async Task An_SPF_with_more_than_ten_lookups_is_wrong()
    {
        _server.AddText("c.example", $"v=spf1 {string.Join(' ', Enumerable.Range(1, 11).Select(i => $"include:r{i}.example"))} ip4:192.0.2.1 -all");
        Assert.Equal(RecordState.Wrong, (await DomainAsync("c.example"))[0]);
    }

    [Fact]
    public async Task A_newer_key_signs_once_its_record_was_seen_and_not_before()
    {
        var (site, first) = await SiteWithKeyAsync("d.example");
        var newer = (await Actions.RotateAsync(site.Site, "d.example", null, true, false, Actor.Cli, Cancel)).Key!;
        Assert.NotEqual(first.Selector, newer.Selector);
        Assert.Equal(first.Selector, await SignsAsync(site));

        Assert.False(await Actions.RecordCheckAsync(newer, await Check.KeyAsync(newer, Cancel), Actor.Cli, Cancel));
        Assert.Equal(first.Selector, await SignsAsync(site));

        Publish(newer);
        Assert.True(await Actions.RecordCheckAsync(newer, await Check.KeyAsync(newer, Cancel), Actor.Cli, Cancel));
        Assert.Equal(newer.Selector, await SignsAsync(site));
        // What started before keeps the key that it began with.
        Assert.Equal(first.Selector, await SignsAsync(site, first.ActiveAt));

        Assert.Null(await Actions.RemoveAsync(site.Site, "d.example", newer.Selector, Actor.Cli, Cancel));
        Assert.Equal(first.Selector, await SignsAsync(site));
        Assert.Null(await Actions.RemoveAsync(site.Site, "d.example", null, Actor.Cli, Cancel));
        Assert.IsType<SigningState.NoKey>(await StateAsync(site, null));
    }

    [Fact]
    public async Task A_selector_belongs_to_one_key()
    {
        var (site, _) = await SiteWithKeyAsync("e.example", "s1");
        Assert.Contains("the selector s1 of e.example is taken", (await Actions.RotateAsync(site.Site, "e.example", "s1", false, false, Actor.Cli, Cancel)).Problem, StringComparison.Ordinal);
        var other = await app.AddSiteAsync("Other");
        Assert.Contains("is taken", (await Actions.AddAsync(other.Site, "e.example", "s1", false, Actor.Cli, Cancel)).Problem, StringComparison.Ordinal);
        var (made, day) = ((await Actions.AddAsync(other.Site, "e.example", null, false, Actor.Cli, Cancel)).Key!, (await Actions.RotateAsync(site.Site, "e.example", null, false, false, Actor.Cli, Cancel)).Key!);
        Assert.Equal(made.Selector + "-2", day.Selector);
    }

    [Fact]
    public async Task Nothing_of_a_private_key_is_readable_in_the_database()
    {
        var key = await AddAsync("f.example", ed25519: true);
        // PKCS #8 of RSA begins so in base64; a seed would have 44 characters.
        Assert.DoesNotContain("MIIE", key.RsaPrivateKey, StringComparison.Ordinal);
        Assert.True(key.Ed25519PrivateKey!.Length > 100);
        using var signer = app.Service<DomainKeys>().Open(key);
        Assert.NotNull(signer);
    }

    [Fact]
    public async Task A_line_of_a_zone_file_has_strings_of_255_octets_at_most()
    {
        var record = DnsRecords.Dkim(await AddAsync("g.example"))[0];
        var strings = Regex.Matches(DnsRecords.ZoneLine(record), "\"([^\"]*)\"").Select(match => match.Groups[1].Value).ToList();
        Assert.Equal(2, strings.Count);
        Assert.All(strings, text => Assert.InRange(text.Length, 1, 255));
        Assert.Equal(record.Value, string.Concat(strings));
    }

    [Theory]
    [InlineData("Bücher.Example.", "xn--bcher-kva.example")]
    [InlineData("ACME.example", "acme.example")]
    [InlineData("localhost", null)]
    [InlineData("a b.example", null)]
    [InlineData("-a.example", null)]
    [InlineData("", null)]
    public void A_domain_is_kept_as_A_labels(string text, string? domain) => Assert.Equal(domain, DomainKey.NormaliseDomain(text));

    private void Publish(DomainKey key)
    {
        foreach (var record in DnsRecords.Dkim(key))
        {
            _server.AddText(record.Name, record.Value);
        }
    }

    private async Task<IReadOnlyList<RecordState>> DomainAsync(string domain) => [.. (await Check.DomainAsync(domain, Cancel)).Select(verdict => verdict.State)];

    private async Task<DomainKey> AddAsync(string domain, bool ed25519 = false) =>
        (await Actions.AddAsync((await app.AddSiteAsync()).Site, domain, null, ed25519, Actor.Cli, Cancel)).Key!;

    private async Task<(TestSite Site, DomainKey Key)> SiteWithKeyAsync(string domain, string? selector = null)
    {
        var site = await app.AddSiteAsync(author: $"news@{domain}");
        return (site, (await Actions.AddAsync(site.Site, domain, selector, false, Actor.Cli, Cancel)).Key!);
    }

    private Task<SigningState> StateAsync(TestSite site, DateTimeOffset? startedAt) =>
        app.Service<DomainSigning>().ForAsync(site.Site, "news@d.example", startedAt, Cancel);

    private async Task<string> SignsAsync(TestSite site, DateTimeOffset? startedAt = null) =>
        Assert.IsType<SigningState.Signed>(await StateAsync(site, startedAt)).Selector;
}
