using Ekiben.Providers;

namespace Ekiben.Tests.Providers;

public class ProviderNamesTests
{
    [Theory]
    [InlineData("aspmx.l.google.com", "gmail")]
    [InlineData("gmail-smtp-in.l.google.com", "gmail")]
    [InlineData("acme-example.mail.protection.outlook.com", "outlook")]
    [InlineData("hotmail-com.olc.protection.outlook.com", "outlook")]
    [InlineData("mta7.am0.yahoodns.net", "yahoo")]
    [InlineData("mx01.mail.icloud.com", "icloud")]
    [InlineData("mx00.emig.gmx.net", "gmx")]
    [InlineData("mx-ha02.web.de", "web.de")]
    [InlineData("mx1.host.example", "host.example")]
    [InlineData("mail.host.co.uk", "host.co.uk")]
    [InlineData("mx.a.b.host.com.br", "host.com.br")]
    [InlineData("host.example", "host.example")]
    [InlineData("co.uk", "co.uk")]
    [InlineData("notgoogle.com", "notgoogle.com")]
    [InlineData("localhost", "localhost")]
    public void An_exchanger_belongs_to_a_provider(string host, string provider) => Assert.Equal(provider, ProviderNames.OfExchanger(host));

    [Theory]
    [InlineData("gmail.com", "gmail")]
    [InlineData("acme.com", null)]
    public void Domains_that_everybody_knows_need_no_name_server(string domain, string? provider) => Assert.Equal(provider, ProviderNames.Known(domain));

    [Theory]
    [InlineData(" Gmail.COM. ", "gmail")]
    [InlineData("outlook", "outlook")]
    [InlineData("Host.Example", "host.example")]
    public void A_name_is_read_as_people_write_it(string written, string name)
    {
        Assert.True(ProviderNames.TryRead(written, out var read, out _));
        Assert.Equal(name, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("a@b.example")]
    [InlineData("zwei wörter")]
    public void What_is_no_name_is_said_in_a_sentence(string? written)
    {
        Assert.False(ProviderNames.TryRead(written, out _, out var problem));
        Assert.EndsWith(".", problem, StringComparison.Ordinal);
    }
}
