using Ekiben.Domains;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Domains;

/// <summary>What the review says of a sender's DNS: what the last check of the nearest domain found, and never a guess.</summary>
public sealed class SenderRecordsTests(EkibenApp app)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nearest_domain_that_was_checked_counts_with_the_worst_of_each_record()
    {
        var site = (await app.AddSiteAsync()).Id;
        var domains = app.Service<DomainActions>();
        await domains.KeepCheckAsync(site, "acme.example", [new("_dmarc.acme.example", "DMARC", RecordState.Missing, "There is none.")], Cancel);
        await domains.KeepCheckAsync(
            site, "letters.acme.example",
            [
                new("a._domainkey.letters.acme.example", "DKIM", RecordState.Ok, "It holds this server's key."),
                new("b._domainkey.letters.acme.example", "DKIM", RecordState.Wrong, "It holds another key."),
                new("letters.acme.example", "SPF", RecordState.Unknown, "Nobody answered."),
                new("letters.acme.example", "return path", RecordState.Missing, "There is no MX."),
            ],
            Cancel);

        var found = await SenderRecords.ReadAsync(app.Database, site, "news@letters.acme.example", Cancel);

        Assert.Equal("letters.acme.example", found.Domain);
        Assert.NotNull(found.CheckedAt);
        Assert.Equal([new("SPF", RecordState.Unknown, "Nobody answered."), new SenderRecord("DKIM", RecordState.Wrong, "It holds another key.")], found.Records);
        Assert.Equal(["DMARC"], (await SenderRecords.ReadAsync(app.Database, site, "news@other.acme.example", Cancel)).Records.Select(record => record.What));
    }

    [Fact]
    public async Task Check_takes_the_place_of_the_one_before_and_goes_with_the_domains_keys()
    {
        var site = await app.AddSiteAsync();
        var domains = app.Service<DomainActions>();
        var domain = $"d{Guid.NewGuid():N}.example";
        Assert.Null((await domains.AddAsync(site.Site, domain, null, ed25519: false, Ekiben.Accounts.Actor.Cli, Cancel)).Problem);
        await domains.KeepCheckAsync(site.Id, domain, [new(domain, "SPF", RecordState.Missing, "There is none.")], Cancel);
        await domains.KeepCheckAsync(site.Id, domain, [new(domain, "SPF", RecordState.Ok, "There is one.")], Cancel);

        Assert.Equal(RecordState.Ok, Assert.Single((await SenderRecords.ReadAsync(app.Database, site.Id, "a@" + domain, Cancel)).Records).State);
        Assert.Null(await domains.RemoveAsync(site.Site, domain, null, Ekiben.Accounts.Actor.Cli, Cancel));
        Assert.Null((await SenderRecords.ReadAsync(app.Database, site.Id, "a@" + domain, Cancel)).CheckedAt);
    }

    [Fact]
    public async Task Domain_of_another_site_and_one_that_nobody_checked_are_never_checked()
    {
        var other = (await app.AddSiteAsync()).Id;
        await app.Service<DomainActions>().KeepCheckAsync(other, "acme.example", [new("acme.example", "SPF", RecordState.Ok, "There is one.")], Cancel);

        var found = await SenderRecords.ReadAsync(app.Database, (await app.AddSiteAsync()).Id, "news@acme.example", Cancel);

        Assert.Equal(("acme.example", (DateTimeOffset?)null), (found.Domain, found.CheckedAt));
        Assert.Empty(found.Records);
    }
}
