using System.Net;
using Ekiben.Dns;
using Ekiben.Tests.Fixture;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Dns;

public sealed class DnsResolverTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly FakeNameServer _server = new();
    private readonly DnsResolver _resolver;

    public DnsResolverTests() => _resolver = Resolver(_server.Option);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Records_of_each_type_are_read()
    {
        var text = "v=DKIM1; p=" + new string('A', 600);
        _server.AddMx("example.com", 20, "second.example.com").AddMx("example.com", 10, "first.example.com")
            .AddTxt("example.com", text).AddA("example.com", "192.0.2.1").AddAaaa("example.com", "2001:db8::1")
            .AddCname("www.example.com", "example.com").AddPtr("1.2.0.192.in-addr.arpa", "mail.example.com");

        Assert.Equal([new(10, "first.example.com"), new(20, "second.example.com")], (await _resolver.MxAsync("Example.COM.", Cancel)).Records);
        Assert.Equal([text], (await _resolver.TxtAsync("example.com", Cancel)).Records);
        Assert.Equal([IPAddress.Parse("192.0.2.1")], (await _resolver.AAsync("example.com", Cancel)).Records);
        Assert.Equal([IPAddress.Parse("2001:db8::1")], (await _resolver.AaaaAsync("example.com", Cancel)).Records);
        Assert.Equal(["example.com"], (await _resolver.CnameAsync("www.example.com", Cancel)).Records);
        Assert.Equal(["mail.example.com"], (await _resolver.PtrAsync(IPAddress.Parse("192.0.2.1"), Cancel)).Records);
    }

    [Fact]
    public async Task What_is_not_there_and_what_nobody_answers_are_told_apart()
    {
        _server.AddA("only-a.example", "192.0.2.1").Fail("broken.example").AddMx("null.example", 0, ".");
        Assert.Equal(DnsOutcome.NoRecords, (await _resolver.MxAsync("only-a.example", Cancel)).Outcome);
        Assert.Equal(DnsOutcome.NoName, (await _resolver.MxAsync("nowhere.example", Cancel)).Outcome);
        Assert.Equal(DnsOutcome.Unanswered, (await _resolver.MxAsync("broken.example", Cancel)).Outcome);
        Assert.True(Assert.Single((await _resolver.MxAsync("null.example", Cancel)).Records).IsNull);
    }

    [Fact]
    public async Task A_server_that_is_away_leaves_the_question_unanswered()
    {
        await using var gone = new FakeNameServer();
        using var resolver = Resolver(gone.Option);
        await gone.DisposeAsync();
        Assert.Equal(DnsOutcome.Unanswered, (await resolver.MxAsync("example.com", Cancel)).Outcome);
    }

    [Fact]
    public async Task Nobody_is_asked_when_that_is_the_option_or_when_it_is_no_name()
    {
        using var silent = Resolver(DnsOption.None);
        Assert.Equal(DnsOutcome.Unanswered, (await silent.MxAsync("example.com", Cancel)).Outcome);
        foreach (var name in (string[])["", "a..b", new string('a', 64) + ".com", "with space.com", "ü.example", string.Join('.', Enumerable.Repeat("abcdefghi", 26))])
        {
            Assert.Equal(DnsOutcome.NoName, (await _resolver.MxAsync(name, Cancel)).Outcome);
        }

        Assert.Empty(_server.Questions);
    }

    [Fact]
    public async Task Answers_are_kept_as_long_as_they_say_within_limits()
    {
        _server.Lifetime = 600;
        _server.AddA("example.com", "192.0.2.1");
        await _resolver.AAsync("example.com", Cancel);
        await _resolver.AAsync("example.com", Cancel);
        Assert.Equal(["A example.com"], _server.Questions);

        _clock.Advance(TimeSpan.FromSeconds(601));
        _server.Lifetime = 1_000_000;
        await _resolver.AAsync("example.com", Cancel);
        _clock.Advance(TimeSpan.FromMinutes(61));
        await _resolver.AAsync("example.com", Cancel);
        Assert.Equal(3, _server.Questions.Count);
    }

    [Theory]
    [InlineData("system", "system", 0)]
    [InlineData("none", "none", 0)]
    [InlineData("192.0.2.53", "192.0.2.53:53", 1)]
    [InlineData("127.0.0.1:5353, [::1]:53", "127.0.0.1:5353,[::1]:53", 2)]
    public void The_option_names_servers(string text, string word, int servers)
    {
        Assert.True(DnsOption.TryParse(text, out var option));
        Assert.Equal((word, servers), (option.Word, option.Servers.Count));
    }

    [Theory]
    [InlineData("")]
    [InlineData("dns.example")]
    [InlineData("1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5")]
    public void What_is_no_server_is_refused(string text) => Assert.False(DnsOption.TryParse(text, out _));

    public async ValueTask DisposeAsync()
    {
        _resolver.Dispose();
        await _server.DisposeAsync();
    }

    private DnsResolver Resolver(DnsOption option) => new(new EkibenOptions { DataFolder = "unused", Clock = _clock, Dns = option }, _clock);
}
