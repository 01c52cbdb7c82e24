using System.Text.Json;
using Ekiben.Tests.Fixture;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Faults;

/// <summary>
/// Packets are dropped: a connection that nobody closes and on which nothing passes any more. How long each step waits is the SMTP client's
/// own (RFC 5321 §4.5.3.2), on a clock that the test moves.
/// </summary>
public sealed class When_the_wire_goes_silent : IAsyncDisposable
{
    private const int Messages = 6;

    /// <summary>The end of a message.</summary>
    private const string Dot = "\r\n.\r\n";

    /// <summary>Much larger than what the system's buffers take, so that "in the middle" is far from the end.</summary>
    private static readonly string Large = string.Concat(Enumerable.Repeat("<p>Hello, this is a paragraph of the news that fills a line or two.</p>\n", 12_000));

    private readonly WatchedClock _clock = new();
    private CuttingProxy? _proxy;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        if (_proxy is not null)
        {
            await _proxy.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("EHLO")]
    [InlineData("MAIL FROM:")]
    [InlineData("RCPT TO:")]
    [InlineData("DATA\r\n")]
    public async Task Before_the_body_nobody_has_the_message_and_the_try_does_not_count(string after)
    {
        await using var app = await StartAsync(new Cut(CutBy.Silence, AfterClientText: after));
        await app.PeopleAsync(Messages);
        var id = await app.SendAsync();
        await GiveUpAsync(app, id);
        await EverybodyHasOneAsync(app, id);
    }

    [Fact]
    public async Task In_the_middle_of_a_body_nobody_has_the_message_and_the_try_does_not_count()
    {
        await using var app = await StartAsync(new Cut(CutBy.Silence, AfterClientBytes: 9000));
        await app.PeopleAsync(Messages);
        var id = await app.Site.CreatedAsync(new { name = "n", subject = "Hi", content = Large, type = "plain", send_at = "2022-12-13 12:50", approved = true });
        await GiveUpAsync(app, id);
        await EverybodyHasOneAsync(app, id);
    }

    [Fact]
    public async Task After_the_dot_it_is_uncertain_when_ten_minutes_are_over_and_is_sent_once_more()
    {
        await using var app = await StartAsync(new Cut(CutBy.Silence, AfterClientText: Dot));
        await app.PeopleAsync(Messages);
        var id = await app.SendAsync();
        await GiveUpAsync(app, id);
        var receipt = await UntilSentAsync(app, id);
        Assert.Equal((Messages, 1, 1), (receipt.Number("accepted"), receipt.Number("uncertain_ever"), receipt.Number("resent")));
        Assert.Equal(Messages + 1, app.Accepted.Count);
        Assert.Equal(Messages, app.Accepted.Select(message => message.MessageId).Distinct().Count());
    }

    [Fact]
    public async Task After_the_dot_under_hold_it_stays_uncertain_and_nobody_has_two()
    {
        await using var app = await StartAsync(new Cut(CutBy.Silence, AfterClientText: Dot));
        await app.PeopleAsync(Messages);
        var id = await app.DraftAsync();
        app.Sql($"UPDATE broadcasts SET uncertain_policy = 'hold' WHERE id = {id}");
        Assert.Equal(200, (int)(await app.ActAsync(id, "approval")).Status);
        await GiveUpAsync(app, id);
        var receipt = await UntilSentAsync(app, id);
        Assert.Equal((Messages - 1, 1, 0), (receipt.Number("accepted"), receipt.Number("uncertain"), receipt.Number("resent")));
        Assert.Equal(Messages, app.Accepted.Select(message => message.MessageId).Distinct().Count());
        Assert.Equal(Messages, app.Accepted.Count);
    }

    [Fact]
    public async Task An_answer_that_comes_a_second_before_the_end_is_the_answer()
    {
        await using var app = await StartAsync(new Cut(CutBy.Silence, AfterClientText: Dot));
        await app.PeopleAsync(Messages);
        var id = await app.SendAsync();
        await _proxy!.Silent.WaitAsync(Cancel);
        await _clock.TenMinutesBegan.WaitAsync(Cancel);
        _clock.Advance(TimeSpan.FromSeconds(599));
        _proxy.Resume();
        await EverybodyHasOneAsync(app, id);
        Assert.Equal(1, _proxy.Connections);
    }

    [Fact]
    public async Task The_other_connections_go_on_meanwhile()
    {
        await using var app = await StartAsync(new Cut(CutBy.Silence, AfterClientText: Dot), connections: 2);
        await app.PeopleAsync(40);
        var id = await app.SendAsync();
        await _proxy!.Silent.WaitAsync(Cancel);

        // The clock stands still: nobody has given up yet, and all but what is on the silent connection is through.
        var receipt = await app.UntilAsync(id, r => r.Number("accepted") >= 38);
        Assert.Equal(40, receipt.Number("accepted") + receipt.Number("sending"));
        Assert.Equal(0, receipt.Number("uncertain_ever"));
        await app.UntilAsync(id, r => r.Number("uncertain_ever") == 1, _clock);
        receipt = await UntilSentAsync(app, id);
        Assert.Equal((40, 1), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
    }

    /// <summary>The first connection is cut, and no other.</summary>
    private Task<SendingApp> StartAsync(Cut cut, int connections = 1) => SendingApp.StartAsync(
        connections: connections, clock: _clock, through: sink => (_proxy = new CuttingProxy(sink, number => number == 1 ? cut : null)).EndPoint);

    /// <summary>Lets the clock go on, by less than any step waits, until the silent connection is given up and another is there.</summary>
    private async Task GiveUpAsync(SendingApp app, string id)
    {
        await _proxy!.Silent.WaitAsync(Cancel);
        var before = _proxy.Connections;
        for (var look = 0; _proxy.Connections == before; look++)
        {
            Assert.True(look < 20_000, $"the silent connection is not given up: {await app.ReceiptAsync(id)}");
            _clock.Advance(TimeSpan.FromSeconds(20));
            await app.ReceiptAsync(id);
        }
    }

    private async Task EverybodyHasOneAsync(SendingApp app, string id)
    {
        var receipt = await UntilSentAsync(app, id);
        Assert.Equal((Messages, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(Messages, app.Accepted.Count);
        Assert.All(await app.RecipientsAsync(id), line => Assert.Equal(1, line.GetProperty("attempts").GetInt32()));
    }

    /// <summary>The clock goes on only while nothing is on the wire.</summary>
    private async Task<JsonElement> UntilSentAsync(SendingApp app, string id)
    {
        for (var look = 0; look < 20_000; look++)
        {
            Cancel.ThrowIfCancellationRequested();
            var receipt = await app.ReceiptAsync(id);
            if (receipt.GetProperty("status").GetString() == "sent")
            {
                return receipt;
            }

            if (receipt.Number("sending") == 0)
            {
                _clock.Advance(TimeSpan.FromSeconds(20));
            }
        }

        throw new Xunit.Sdk.XunitException($"it was not sent: {await app.ReceiptAsync(id)}");
    }

    /// <summary>A clock that the test moves, and that says when somebody first waits for the answer to a dot.</summary>
    private sealed class WatchedClock() : FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60))
    {
        private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task TenMinutesBegan => _began.Task;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new Timer(base.CreateTimer(callback, state, dueTime, period), _began);

        private sealed class Timer(ITimer inner, TaskCompletionSource began) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                var changed = inner.Change(dueTime, period);
                if (dueTime == TimeSpan.FromMinutes(10))
                {
                    began.TrySetResult();
                }

                return changed;
            }

            public void Dispose() => inner.Dispose();

            public ValueTask DisposeAsync() => inner.DisposeAsync();
        }
    }
}
