using System.Net.Sockets;
using Ekiben.Sink;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Sink;

public class FaultTests
{
#pragma warning disable xUnit1069 // every wait below takes the Cancellation property
    private const int Patience = 60_000; // a failsafe against a hang, not a measure

    private readonly FakeTimeProvider _clock = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    // No idle limit: tests that move the clock would outrun the client.
    private Task<SmtpSink> StartAsync(params string[] rules) => SmtpSink.StartAsync(
        new() { KeepMessages = true, IdleTimeout = TimeSpan.MaxValue, Faults = [.. rules.Select(FaultRule.Parse)] }, _clock, Cancellation);

    [Theory(Timeout = Patience)]
    [InlineData("greeting:554 5.3.2", "", "554 5.3.2")]
    [InlineData("ehlo:451 4.3.0", "EHLO c", "451 4.3.0")]
    [InlineData("mail:450", "EHLO c|MAIL FROM:<a@x.example>", "450 Fault")]
    [InlineData("rcpt:550 5.1.1 No such user", "EHLO c|MAIL FROM:<a@x.example>|RCPT TO:<b@y.example>", "550 5.1.1 No such user")]
    [InlineData("data:452 4.3.1", "EHLO c|MAIL FROM:<a@x.example>|RCPT TO:<b@y.example>|DATA", "452 4.3.1")]
    public async Task A_reply_fault_answers_its_phase_and_the_conversation_goes_on(string rule, string commands, string expected)
    {
        await using var sink = await StartAsync(rule);
        using var client = await SinkClient.ConnectAsync(sink.EndPoint, Cancellation);
        var lines = commands.Split('|', StringSplitOptions.RemoveEmptyEntries);
        await client.ExpectAsync(lines.Length == 0 ? expected : "220 ");
        for (var i = 0; i < lines.Length; i++)
        {
            await client.AskAsync(lines[i], i == lines.Length - 1 ? expected : "250 ");
        }

        // After a greeting that refuses, everything but QUIT is answered with 503.
        await client.AskAsync("NOOP", lines.Length == 0 ? "503 " : "250 ");
        await client.AskAsync("QUIT", "221 ");
    }

    [Fact(Timeout = Patience)]
    public async Task An_authentication_fault_hides_the_right_password()
    {
        await using var sink = await SmtpSink.StartAsync(
            new() { Credentials = new("user", "secret"), Faults = [FaultRule.Parse("auth:454 4.7.0:first=1")] }, _clock, Cancellation);
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await client.AskAsync("AUTH PLAIN AHVzZXIAc2VjcmV0", "454 4.7.0");
        await client.AskAsync("AUTH PLAIN AHVzZXIAc2VjcmV0", "235 ");
    }

    [Fact(Timeout = Patience)]
    public async Task A_421_closes_and_a_connection_fault_ends_it_before_the_greeting()
    {
        await using var sink = await StartAsync("mail:421 4.7.0", "connect:close:after=1,first=1", "connect:rst:after=1,first=1", "connect:421:after=1");
        using (var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation))
        {
            await client.AskAsync("MAIL FROM:<a@x.example>", "421 4.7.0");
            await client.ExpectEndAsync();
        }

        using var closed = await SinkClient.ConnectAsync(sink.EndPoint, Cancellation);
        await closed.ExpectEndAsync();

        // So early that the client may hear of it while it still connects.
        var e = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            using var reset = await SinkClient.ConnectAsync(sink.EndPoint, Cancellation);
            await reset.ReadReplyAsync();
        });
        Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
        sink.ReplaceFaults(FaultRule.Parse("connect:421"));
        using var refused = await SinkClient.ConnectAsync(sink.EndPoint, Cancellation);
        await refused.ExpectAsync("421 Fault");
        await refused.ExpectEndAsync();
    }

    [Theory(Timeout = Patience)]
    [InlineData("dot:close", "none (close)", false)]
    [InlineData("dot:rst", "none (rst)", true)]
    [InlineData("dot:accept-then-close", "250 2.0.0 Accepted", false)]
    [InlineData("dot:accept-then-rst", "250 2.0.0 Accepted", true)]
    [InlineData("body:close", null, false)]
    [InlineData("body:rst", null, true)]
    public async Task A_connection_lost_at_the_end_leaves_the_message_accepted_or_not(string rule, string? result, bool reset)
    {
        await using var sink = await StartAsync(rule);
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await client.SendMessageAsync("trap@x.example");
        await (reset ? client.ExpectResetAsync() : client.ExpectEndAsync());
        Assert.Equal(result is null ? [] : [("<trap@x.example>", result)], sink.Messages.Select(message => (message.MessageId, message.Result)));
    }

    [Fact(Timeout = Patience)]
    public async Task Above_hits_while_more_connections_have_such_a_recipient()
    {
        await using var sink = await StartAsync("rcpt:450 4.7.28 Too many:to=*@y.example,above=1");
        using var one = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        using var other = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await SayAsync(one, "MAIL FROM:<a@c.example>", "250 ");
        await SayAsync(one, "RCPT TO:<b@y.example>", "250 ");
        await SayAsync(other, "MAIL FROM:<a@c.example>", "250 ");
        await SayAsync(other, "RCPT TO:<b@else.example>", "250 ");
        await SayAsync(other, "RCPT TO:<c@y.example>", "450 4.7.28 Too many");
        await SayAsync(one, "RSET", "250 ");
        await SayAsync(other, "RCPT TO:<c@y.example>", "250 ");
        await SayAsync(one, "MAIL FROM:<a@c.example>", "250 ");
        await SayAsync(one, "RCPT TO:<b@y.example>", "450 ");
        other.EndSending();
        await other.ExpectEndAsync();
        await UntilAsync(() => sink.Counters.ConnectionsNow == 1);
        await SayAsync(one, "RCPT TO:<b@y.example>", "250 ");

        static async Task SayAsync(SinkClient client, string line, string answer)
        {
            await client.SayAsync(line + "\r\n");
            await client.ExpectAsync(answer);
        }
    }

    [Fact(Timeout = Patience)]
    public async Task A_deferral_at_the_dot_is_recorded_and_the_next_try_accepted()
    {
        await using var sink = await StartAsync("dot:451 4.3.0 Later:first=1");
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await client.SendMessageAsync();
        await client.ExpectAsync("451 4.3.0 Later");
        await client.SendMessageAsync();
        await client.ExpectAsync("250 2.0.0");
        Assert.Equal(["451 4.3.0 Later", "250 2.0.0 Accepted"], sink.Messages.Select(message => message.Result));
    }

    [Theory(Timeout = Patience)]
    [InlineData("dot:stall", false)]
    [InlineData("dot:accept-then-stall", true)]
    public async Task A_stall_says_nothing_until_the_client_leaves(string rule, bool accepted)
    {
        await using var sink = await SmtpSink.StartAsync(new() { KeepMessages = true, Faults = [FaultRule.Parse(rule)] }, _clock, Cancellation);
        using (var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation))
        {
            await client.SendMessageAsync();
            await UntilAsync(() => sink.Messages.Count == 1);

            // Ten minutes of RFC 5321 §4.5.3.2.6, and the idle limit with them.
            _clock.Advance(TimeSpan.FromMinutes(11));
            Assert.Equal(1, sink.Counters.ConnectionsNow);
            client.EndSending();
            await client.ExpectEndAsync();
        }

        await UntilAsync(() => sink.Counters.ConnectionsNow == 0);
        Assert.Equal(accepted, sink.Messages[0].Accepted);
    }

    [Theory(Timeout = Patience)]
    [InlineData("greeting:stall")]
    [InlineData("ehlo:stall")]
    [InlineData("body:stall")]
    public async Task A_stall_has_a_limit(string rule)
    {
        await using var sink = await StartAsync(rule);
        using var client = await SinkClient.ConnectAsync(sink.EndPoint, Cancellation);
        var start = _clock.GetUtcNow();
        if (!rule.StartsWith("greeting", StringComparison.Ordinal))
        {
            await client.ExpectAsync("220 ");
            await client.SayAsync("EHLO c\r\n");
        }

        if (rule.StartsWith("body", StringComparison.Ordinal))
        {
            await client.ExpectAsync("250 ");
            await client.AskAsync("MAIL FROM:<a@x.example>", "250 ");
            await client.AskAsync("RCPT TO:<b@y.example>", "250 ");
            await client.AskAsync("DATA", "354 ");
            await client.SayAsync("Half");
        }

        var end = client.ExpectEndAsync();
        await AdvanceUntilAsync(end, TimeSpan.FromMinutes(1));
        Assert.True(_clock.GetUtcNow() - start >= new SmtpSinkOptions().StallTimeout);
        Assert.Empty(sink.Messages);
    }

    [Fact(Timeout = Patience)]
    public async Task A_delay_holds_the_reply_and_then_lets_it_go()
    {
        await using var sink = await StartAsync("dot:delay=599000", "mail:delay=1000", "mail:delay=500");
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        var start = _clock.GetUtcNow();
        await client.SayAsync("MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n");
        await AdvanceUntilAsync(client.ExpectAsync("250 2.1.0"), TimeSpan.FromMilliseconds(50));
        Assert.True(_clock.GetUtcNow() - start >= TimeSpan.FromMilliseconds(1500));
        await client.ExpectAsync("250 2.1.5");
        await client.ExpectAsync("354 ");
        start = _clock.GetUtcNow();
        await client.SayAsync("Hello\r\n.\r\n");
        await AdvanceUntilAsync(client.ExpectAsync("250 2.0.0"), TimeSpan.FromSeconds(1));
        Assert.True(_clock.GetUtcNow() - start >= TimeSpan.FromSeconds(599));
        Assert.Single(sink.Messages);
    }

    [Fact(Timeout = Patience)]
    public async Task Greylisting_refuses_each_pair_until_its_time_has_passed()
    {
        await using var sink = await StartAsync("rcpt:450 4.7.1:greylist=300");
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await client.AskAsync("MAIL FROM:<a@x.example>", "250 ");
        await client.AskAsync("RCPT TO:<1@y.example>", "450 4.7.1");
        _clock.Advance(TimeSpan.FromSeconds(200));
        await client.AskAsync("RCPT TO:<1@y.example>", "450 4.7.1");
        await client.AskAsync("RCPT TO:<2@y.example>", "450 4.7.1");
        _clock.Advance(TimeSpan.FromSeconds(100));
        await client.AskAsync("NOOP", "250 ");
        await client.AskAsync("RCPT TO:<1@y.example>", "250 ");
        await client.AskAsync("RCPT TO:<2@y.example>", "450 4.7.1");
        await client.AskAsync("RSET", "250 ");
        await client.AskAsync("MAIL FROM:<other@x.example>", "250 ");
        await client.AskAsync("RCPT TO:<1@y.example>", "450 4.7.1");
    }

    [Fact(Timeout = Patience)]
    public async Task A_pattern_chooses_recipients()
    {
        await using var sink = await StartAsync("rcpt:550 5.1.1:to=*@BAD.example");
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await client.AskAsync("MAIL FROM:<a@bad.example>", "250 ");
        await client.AskAsync("RCPT TO:<1@bad.example>", "550 5.1.1");
        await client.AskAsync("RCPT TO:<1@good.example>", "250 ");
        await client.AskAsync("RCPT TO:<2@Bad.example>", "550 5.1.1");
    }

    [Theory(Timeout = Patience)]
    [InlineData("rcpt:450:every=3", "--x--x--x--x")]
    [InlineData("rcpt:450:first=2", "xx----------")]
    [InlineData("rcpt:450:after=4,every=2,first=4", "-----x-x----")]
    public async Task Counted_rules_hit_the_events_they_name(string rule, string pattern)
    {
        await using var sink = await StartAsync(rule);
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await client.AskAsync("MAIL FROM:<a@x.example>", "250 ");
        foreach (var one in pattern)
        {
            await client.AskAsync("RCPT TO:<b@y.example>", one == 'x' ? "450 " : "250 ");
        }
    }

    [Fact]
    public void A_rate_is_kept_and_depends_on_the_seed_alone()
    {
        static string Play(ulong seed, TimeProvider clock)
        {
            var plan = new FaultPlan([FaultRule.Parse("mail:450:rate=0.3")], seed, clock);
            return string.Concat(Enumerable.Range(0, 10_000).Select(_ => plan.Decide(FaultPhase.Mail, "", [], 0, plan).Rule is null ? '-' : 'x'));
        }

        var hits = Play(1, _clock);
        Assert.InRange(hits.Count(one => one == 'x'), 2_800, 3_200);
        Assert.Equal(hits, Play(1, _clock));
        Assert.NotEqual(hits, Play(2, _clock));
    }

    [Theory(Timeout = Patience)]
    [InlineData("close-after=2")]
    [InlineData("dot:close-after=2")]
    public async Task A_connection_is_closed_after_so_many_messages_with_no_reply_lost(string rule)
    {
        await using var sink = await StartAsync(rule);
        for (var connection = 0; connection < 3; connection++)
        {
            using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
            await client.SendMessageAsync();
            await client.ExpectAsync("250 2.0.0");

            // The next transaction is on its way already when the sink closes.
            await client.AskAsync("MAIL FROM:<a@x.example>", "250 ");
            await client.AskAsync("RCPT TO:<b@y.example>", "250 ");
            await client.AskAsync("DATA", "354 ");
            await client.SayAsync("Hello\r\n.\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n");
            await client.ExpectAsync("250 2.0.0");
            await client.ExpectEndAsync();
        }

        Assert.Equal(6, sink.Counters.Accepted);
    }

    [Fact(Timeout = Patience)]
    public async Task A_rule_can_wait_for_messages_on_the_connection()
    {
        await using var sink = await StartAsync("mail:421 4.7.0 Enough for now:messages=1");
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await client.SendMessageAsync();
        await client.ExpectAsync("250 ");
        await client.AskAsync("MAIL FROM:<a@x.example>", "421 4.7.0 Enough for now");
        await client.ExpectEndAsync();
        using var next = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await next.SendMessageAsync();
        await next.ExpectAsync("250 ");
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            Cancellation.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    /// <summary>Moves the clock until the task ends: the sink may begin its wait at any moment.</summary>
    private async Task AdvanceUntilAsync(Task task, TimeSpan step)
    {
        while (!task.IsCompleted)
        {
            Cancellation.ThrowIfCancellationRequested();
            _clock.Advance(step);
            await Task.Yield();
        }

        await task;
    }
}
