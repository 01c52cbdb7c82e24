using System.Collections.Concurrent;
using Ekiben.Dns;
using Ekiben.Providers;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Providers;

public sealed class ProviderDirectoryTests : IDisposable
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly ConcurrentQueue<string> _asked = new();
    private readonly ConcurrentDictionary<string, DnsReply<MailExchanger>> _answers = new();
    private readonly ProviderDirectory _directory;

    public ProviderDirectoryTests() => _directory = new ProviderDirectory(
        (domain, _) =>
        {
            _asked.Enqueue(domain);
            return Task.FromResult(_answers.GetValueOrDefault(domain, new DnsReply<MailExchanger>(DnsOutcome.Unanswered, [])));
        }, _clock);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_domain_stands_for_itself_until_its_exchanger_is_known()
    {
        _answers["acme.example"] = Found("aspmx.l.google.com", "other.example");
        Assert.Equal("acme.example", _directory.Of("acme.example"));
        Until("acme.example", "gmail");
        _answers["acme.example"] = Found("mx.host.example");
        _clock.Advance(ProviderDirectory.Kept - TimeSpan.FromSeconds(1));
        Assert.Equal("gmail", _directory.Of("acme.example"));
        Assert.Single(_asked);
        _clock.Advance(TimeSpan.FromSeconds(1));
        // The old answer counts until the new one is there.
        Assert.Equal("gmail", _directory.Of("acme.example"));
        Until("acme.example", "host.example");
    }

    [Theory]
    [InlineData(DnsOutcome.NoRecords)]
    [InlineData(DnsOutcome.NoName)]
    internal void A_domain_without_exchangers_is_its_own_provider(DnsOutcome outcome)
    {
        _answers["acme.example"] = new(outcome, []);
        Assert.Equal("acme.example", _directory.Of("acme.example"));
        UntilAsked(1);
        _clock.Advance(ProviderDirectory.SilenceKept);
        Assert.Equal("acme.example", _directory.Of("acme.example"));
        Assert.Single(_asked);
    }

    [Fact]
    public void Well_known_domains_are_never_asked_about()
    {
        Assert.Equal("gmail", _directory.Of("gmail.com"));
        _clock.Advance(TimeSpan.FromDays(365));
        Assert.Equal("gmail", _directory.Of("gmail.com"));
        Assert.Empty(_asked);
    }

    [Fact]
    public void A_silent_name_server_is_not_asked_again_for_half_a_minute()
    {
        for (var i = 0; i < ProviderDirectory.ToleratedSilences; i++)
        {
            Assert.Equal($"d{i}.example", _directory.Of($"d{i}.example"));
            UntilAsked(i + 1);
        }

        Until(() => _directory.SilentUntil > _clock.GetUtcNow());
        _answers["acme.example"] = Found("mx.host.example");
        Assert.Equal("acme.example", _directory.Of("acme.example"));
        _clock.Advance(ProviderDirectory.SilenceKept - TimeSpan.FromSeconds(1));
        Assert.Equal("acme.example", _directory.Of("acme.example"));
        Assert.Equal(ProviderDirectory.ToleratedSilences, _asked.Count);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Until("acme.example", "host.example");
    }

    [Fact]
    public void Many_domains_are_all_asked_about_and_each_once()
    {
        var domains = Enumerable.Range(0, 500).Select(i => $"d{i}.example").ToList();
        domains.ForEach(domain => _answers[domain] = Found($"mx.{domain[..2]}.example"));
        domains.ForEach(domain => _directory.Of(domain));
        domains.ForEach(domain => Until(domain, domain[..2] + ".example"));
        Assert.Equal(domains.Count, _asked.Count);
    }

    private static DnsReply<MailExchanger> Found(params string[] hosts) => new(DnsOutcome.Found, [.. hosts.Select((host, index) => new MailExchanger(index, host))]);

    private void UntilAsked(int times) => Until(() => _asked.Count == times && !_directory.IsAsking);

    private void Until(string domain, string provider) => Until(() => _directory.Of(domain) == provider);

    /// <summary>The questions are asked by another thread.</summary>
    private static void Until(Func<bool> holds) => Assert.True(SpinWait.SpinUntil(holds, TimeSpan.FromSeconds(60)), "it did not come to that");
}
