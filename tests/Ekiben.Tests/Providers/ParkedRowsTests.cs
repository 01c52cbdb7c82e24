using System.Globalization;
using Ekiben.Broadcasts;
using Ekiben.Providers;
using Ekiben.Storage;
using Ekiben.Tests.Simulation;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Providers;

/// <summary>Rows between the feed and the lanes while their provider takes no more.</summary>
public sealed class ParkedRowsTests : IDisposable
{
    private static readonly TakenShard Shard = new(new ShardId(1), new BroadcastId(1), new SiteId(1), 0, new AddressId(1), new AddressId(100_000), 1);
    private static readonly DeliveryOutcome Taken = new DeliveryOutcome.Accepted(new SmtpReply(250, "2.0.0", "ok"));

    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(60));
    private readonly SiteProviders _site;
    private readonly MemoryLedger _ledger;
    private readonly BroadcastFeed _feed;
    private readonly UpcomingRows _rows;
    private readonly RunState _state = new();

    public ParkedRowsTests()
    {
        _site = new SiteProviders(domain => domain.ToString(), _clock.GetUtcNow(), _clock);
        _site.Apply(new ProviderRules(false, new Dictionary<string, ProviderRules.Limit> { ["slow.example"] = new(1, null) }));
        _ledger = new MemoryLedger(new SimulatedTime(), new Random(1), [], 1, Assert.Fail);
        _feed = new BroadcastFeed(_ledger, [Shard], new RunRate(), _state, _clock);
        _rows = new UpcomingRows(_feed, _clock, new ProviderLanes(_site, _clock));
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _rows.Close();
        _ledger.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    [Fact]
    public async Task A_row_whose_provider_takes_no_more_lets_the_next_one_go_and_is_the_first_when_it_may()
    {
        await _rows.AddAsync([Row(1, "slow"), Row(2, "slow"), Row(3, "slow"), Row(4, "fast")], Cancel);
        var first = Entered(1);
        // Two is set aside; four goes past it.
        Assert.Equal(4, _rows.Take()?.Candidate.Address.Value);
        Assert.Null(_rows.Take());
        await _rows.AddAsync([Row(5, "fast")], Cancel);
        _rows.Leave(first, Taken);
        var second = Entered(2);
        Assert.NotNull(second.ParkedAt);
        Assert.Equal(5, _rows.Take()?.Candidate.Address.Value);
        _rows.Complete();
        Assert.False(_rows.IsOver);
        _rows.Leave(second, Taken);
        Entered(3);
        Assert.True(_rows.IsOver);
    }

    [Fact]
    public async Task A_lane_that_sleeps_wakes_when_the_gate_opens_and_no_more_lanes_than_can_go()
    {
        await _rows.AddAsync([Row(1, "slow"), Row(2, "slow")], Cancel);
        var first = Entered(1);
        Assert.Null(_rows.Take());
        var seen = _rows.Version;
        var (one, other) = (_rows.WaitAsync(seen, _state, Cancel).AsTask(), _rows.WaitAsync(seen, _state, Cancel).AsTask());
        _rows.Leave(first, Taken);
        await one;
        Assert.False(other.IsCompleted);
        // What changed before it sleeps lets nobody sleep.
        await _rows.WaitAsync(seen, _state, Cancel);
        _rows.WakeOthers();
        await other;
    }

    [Fact]
    public async Task While_the_whole_run_waits_for_a_provider_it_says_why_and_until_when()
    {
        var less = new DeliveryOutcome.Deferred(SmtpPhase.Rcpt, new SmtpReply(421, "4.7.28", "less"));
        await _rows.AddAsync([.. Enumerable.Range(1, 4).Select(number => Row(number, "slow"))], Cancel);
        for (var number = 1; number <= ProviderGate.ToleratedDeferrals; number++)
        {
            _rows.Leave(Entered(number), less);
        }

        // The feed counts what it handed out; here nothing but the row that waits is out.
        var (seen, taken) = (_rows.Version, _rows.Take());
        Assert.Null(taken);
        seen = _rows.Version;
        var opens = _clock.GetUtcNow() + ProviderGate.FirstRest;
        var waits = _rows.WaitAsync(seen, _state, Cancel).AsTask();
        Assert.False(waits.IsCompleted);
        _clock.Advance(ProviderGate.FirstRest);
        await waits;
        Assert.Equal(_clock.GetUtcNow(), opens);
        Assert.Equal(4, _rows.Take()?.Candidate.Address.Value);
    }

    [Fact]
    public async Task A_row_that_waited_long_is_read_again()
    {
        await _rows.AddAsync([Row(1, "slow"), Row(2, "slow"), Row(3, "slow")], Cancel);
        var first = Entered(1);
        Assert.Null(_rows.Take());
        _clock.Advance(ParkedRows.FreshFor);
        _rows.Leave(first, Taken);
        var second = Entered(2);
        _clock.Advance(TimeSpan.FromSeconds(1));
        var before = _feed.InFlight;
        _rows.Leave(second, Taken);
        // The last one is given back to the feed, and nothing is here.
        Assert.Null(_rows.Take());
        Assert.Equal(before - 1, _feed.InFlight);
        _rows.Complete();
        Assert.True(_rows.IsOver);
    }

    [Fact]
    public async Task A_row_that_was_read_twice_is_set_aside_once()
    {
        await _rows.AddAsync([Row(1, "slow"), Row(2, "slow"), Row(2, "slow"), Row(2, "slow")], Cancel);
        var first = Entered(1);
        var before = _feed.InFlight;
        Assert.Null(_rows.Take());
        Assert.Equal(before - 2, _feed.InFlight);
        _rows.Leave(first, Taken);
        Assert.Equal(2, _rows.Take()?.Candidate.Address.Value);
        Assert.Null(_rows.Take());
    }

    [Theory]
    [InlineData(ParkedRows.Most - 1, true)]
    [InlineData(ParkedRows.Most, false)]
    public async Task A_run_looks_so_far_past_a_slow_provider_and_no_further(int waiting, bool goes)
    {
        await _rows.AddAsync([Row(1, "slow"), .. Enumerable.Range(2, waiting).Select(number => Row(number, "slow")), Row(50_000, "fast")], Cancel);
        var first = Entered(1);
        Assert.Equal(goes ? 50_000 : null, _rows.Take()?.Candidate.Address.Value);
        // The page is not behind: the reader has the place behind it, and no more.
        await _rows.AddAsync([Row(50_001, "fast")], Cancel);
        var third = _rows.AddAsync([Row(50_002, "fast")], Cancel).AsTask();
        Assert.False(third.IsCompleted);
        _rows.Leave(first, Taken);
        Entered(2);
        Assert.Equal(goes ? 50_001 : 50_000, _rows.Take()?.Candidate.Address.Value);
        Assert.Equal(goes ? 50_002 : 50_001, await NextAsync());
        await third;

        async Task<long?> NextAsync()
        {
            if (goes)
            {
                await third;
            }

            return _rows.Take()?.Candidate.Address.Value;
        }
    }

    [Fact]
    public async Task Turning_the_policy_off_lets_go_what_waits()
    {
        await _rows.AddAsync([Row(1, "slow"), Row(2, "slow")], Cancel);
        Entered(1);
        Assert.Null(_rows.Take());
        var waits = _rows.WaitAsync(_rows.Version, _state, Cancel).AsTask();
        _site.Apply(ProviderRules.None);
        await waits;
        Assert.Equal(2, _rows.Take()?.Candidate.Address.Value);
    }

    private static Candidate Row(long number, string provider) => new()
    {
        Shard = Shard,
        Address = new AddressId(number),
        Subscriber = new SubscriberId(number),
        Attempts = 0,
        FirstAt = null,
        Email = string.Create(CultureInfo.InvariantCulture, $"p{number}@{provider}.example"),
        Uuid = "00000000000000000000000000000001",
        FirstName = null,
        LastName = null,
        Fields = Candidate.NoFields,
        Tags = [],
    };

    /// <summary>Takes the row that comes next, which is that one, and passes its provider's gate.</summary>
    private ComposedMessage Entered(long number)
    {
        var row = Assert.NotNull(_rows.Take());
        Assert.Equal(number, row.Candidate.Address.Value);
        var message = new MessagePool().Rent(row, _clock.GetUtcNow());
        Assert.True(_rows.Enter(message));
        return message;
    }
}
