using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Smtp.Tests;

/// <summary>The transport: the same conversations over a real socket, TLS, time limits, giving up.</summary>
public class SocketTests
{
    private const string Hello = "220 relay.example\r\n";
    private const string Ehlo = "EHLO client.example\r\n";
    private const string Envelope = "MAIL FROM:<from@a.example>\r\nRCPT TO:<one@b.example>\r\nDATA\r\n";
    private const string Pipelining = "250-relay.example\r\n250 PIPELINING\r\n";
    private const string Ready = "250 ok\r\n250 ok\r\n354 go\r\n";
    private static readonly SmtpMessage Message = new("from@a.example", "one@b.example", "x\r\n"u8.ToArray());

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>All but those in which a time limit passes.</summary>
    public static TheoryData<string> Names() => [.. Conversation.Names().Select(row => row.Data).Where(name => Conversation.Load(name).Blocks.All(block => block.Kind != "SLOW"))];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Goes_as_recorded_over_a_socket(string name)
    {
        var conversation = Conversation.Load(name);
        using var certificate = ScriptServer.Certificate("127.0.0.1");
        await using var server = new ScriptServer(speaker => PlayAsync(conversation, speaker, certificate));
        var clock = new FakeTimeProvider();
        var options = conversation.Options with { Host = "127.0.0.1", Port = server.Port, ClientName = "client.example", TrustedRoots = [certificate] };
        var peers = new PeerMemory(clock);
        if (conversation.OneByOne)
        {
            peers.Misbehaved($"127.0.0.1:{server.Port}");
        }

        var outcomes = new List<DeliveryOutcome>();
        try
        {
            await using var connection = await SmtpConnection.ConnectAsync(options, peers, clock, Cancellation);
            for (var begun = 0; outcomes.Count < conversation.Messages.Count;)
            {
                while (begun < conversation.Messages.Count && connection.Begun < (conversation.Single ? 1 : connection.Capacity))
                {
                    connection.Begin(conversation.Messages[begun++]);
                }

                await connection.PrepareAsync(Cancellation);
                outcomes.Add(await connection.CompleteAsync(Cancellation));
            }
        }
        catch (SmtpUnavailableException exception)
        {
            Assert.Equal(conversation.Failure, $"{(exception.IsPermanent ? "permanent" : "temporary")} {exception.Phase} {exception.Message}");
        }

        await server.Served;
        Assert.Equal(conversation.Outcomes, outcomes.Select(ConversationTests.Say));
        Assert.Equal(conversation.Misbehaved || conversation.OneByOne, peers.IsOneByOne($"127.0.0.1:{server.Port}"));
    }

    [Fact]
    public async Task Certificate_for_another_name_ends_it_for_good()
    {
        using var certificate = ScriptServer.Certificate("127.0.0.2");
        await using var server = new ScriptServer(speaker => ShakeHandsAsync(speaker, certificate));
        var options = OptionsFor(server) with { Tls = SmtpTls.Implicit, TrustedRoots = [certificate] };
        var refused = await Assert.ThrowsAsync<SmtpUnavailableException>(
            async () => await SmtpConnection.ConnectAsync(options, new PeerMemory(new FakeTimeProvider()), new FakeTimeProvider(), Cancellation));
        Assert.Equal((SmtpPhase.Tls, true), (refused.Phase, refused.IsPermanent));
    }

    [Fact]
    public async Task Certificate_that_nobody_vouches_for_ends_it_for_good()
    {
        using var certificate = ScriptServer.Certificate("127.0.0.1");
        using var other = ScriptServer.Certificate("127.0.0.1");
        await using var server = new ScriptServer(speaker => ShakeHandsAsync(speaker, certificate));
        var options = OptionsFor(server) with { Tls = SmtpTls.Implicit, TrustedRoots = [other] };
        var refused = await Assert.ThrowsAsync<SmtpUnavailableException>(
            async () => await SmtpConnection.ConnectAsync(options, new PeerMemory(new FakeTimeProvider()), new FakeTimeProvider(), Cancellation));
        Assert.Equal((SmtpPhase.Tls, true), (refused.Phase, refused.IsPermanent));
    }

    [Fact]
    public async Task Nobody_there_is_no_verdict()
    {
        int port;
        await using (var server = new ScriptServer())
        {
            port = server.Port;
        }

        var options = new SmtpOptions { Host = "127.0.0.1", Port = port, Tls = SmtpTls.None };
        var away = await Assert.ThrowsAsync<SmtpUnavailableException>(
            async () => await SmtpConnection.ConnectAsync(options, new PeerMemory(new FakeTimeProvider()), new FakeTimeProvider(), Cancellation));
        Assert.Equal((SmtpPhase.Connect, false), (away.Phase, away.IsPermanent));
    }

    [Theory]
    [InlineData("greeting", 300, "")]
    [InlineData("ehlo", 300, "")]
    [InlineData("mail", 300, "notsent Mail")]
    [InlineData("data", 120, "notsent Data")]
    [InlineData("dot", 600, "uncertain Dot")]
    public async Task Silence_ends_at_the_limit_of_its_phase_and_not_before(string silence, int seconds, string outcome)
    {
        var clock = new SignallingClock();
        await using var server = new ScriptServer(speaker => StopAtAsync(speaker, silence));
        var sending = SendAsync(OptionsFor(server), clock, Cancellation);

        // The timer of the step in which the server is silent: one of that length, once what goes before has gone by.
        await server.Served.WaitAsync(Cancellation);
        await clock.WaitForStepsAsync(silence switch { "greeting" => 1, "ehlo" => 3, "mail" => 5, "data" => 6, _ => 7 }, Cancellation);
        clock.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
        Assert.False(sending.IsCompleted);
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(outcome, await sending.WaitAsync(Cancellation));
    }

    [Theory]
    [InlineData("data", "notsent Data")]
    [InlineData("dot", "uncertain Dot")]
    public async Task Giving_up_says_whether_it_may_have_left(string silence, string outcome)
    {
        await using var server = new ScriptServer(speaker => StopAtAsync(speaker, silence));
        using var abort = new CancellationTokenSource();
        var sending = SendAsync(OptionsFor(server), new FakeTimeProvider(), abort.Token);
        await server.Served.WaitAsync(Cancellation);
        await abort.CancelAsync();
        Assert.Equal(outcome, await sending.WaitAsync(Cancellation));
    }

    [Fact]
    public async Task Server_that_misbehaves_in_a_chain_is_served_one_by_one_for_a_day()
    {
        var clock = new FakeTimeProvider();
        var peers = new PeerMemory(clock);
        await using var server = new ScriptServer(
            async speaker =>
            {
                await OpenAsync(speaker, Pipelining);
                await speaker.HearAsync(Envelope);
                await speaker.SayAsync(Ready);
                await speaker.HearAsync("x\r\n.\r\n" + Envelope);
                await speaker.SayAsync("250 1\r\n503 out of step\r\n");
                await speaker.HearTheEndAsync();
            },
            async speaker =>
            {
                await OpenAsync(speaker, Pipelining);
                await speaker.HearAsync("MAIL FROM:<from@a.example>\r\n");
                await speaker.SayAsync("250 ok\r\n");
                await speaker.HearAsync("RCPT TO:<one@b.example>\r\n");
                await speaker.SayAsync("250 ok\r\n");
                await speaker.HearAsync("DATA\r\n");
                await speaker.SayAsync("354 go\r\n");
                await speaker.HearAsync("x\r\n.\r\n");
                await speaker.SayAsync("250 2\r\n");
                await speaker.HearTheEndAsync();
            },
            async speaker =>
            {
                await OpenAsync(speaker, Pipelining);
                await speaker.HearTheEndAsync();
            });
        var options = OptionsFor(server);
        await using (var first = await SmtpConnection.ConnectAsync(options, peers, clock, Cancellation))
        {
            first.Begin(Message);
            first.Begin(Message);
            Assert.Equal("accepted 250 1", ConversationTests.Say(await first.CompleteAsync(Cancellation)));
            Assert.Equal("notsent Mail", ConversationTests.Say(await first.CompleteAsync(Cancellation)));
            Assert.False(first.IsUsable);
        }

        await using (var second = await SmtpConnection.ConnectAsync(options, peers, clock, Cancellation))
        {
            Assert.Equal(1, second.Capacity);
            Assert.Equal("accepted 250 2", ConversationTests.Say(await second.SendAsync(Message, Cancellation)));
        }

        clock.Advance(TimeSpan.FromDays(1));
        await using (var third = await SmtpConnection.ConnectAsync(options, peers, clock, Cancellation))
        {
            Assert.Equal(2, third.Capacity);
        }

        await server.Served;
    }

    [Fact]
    public async Task Big_message_arrives_whole_over_many_blocks()
    {
        var lines = string.Concat(Enumerable.Repeat("..two dots\r\n.\r\nno dot\r\n", 20_000));
        await using var server = new ScriptServer(async speaker =>
        {
            await OpenAsync(speaker, Pipelining);
            await speaker.HearAsync(Envelope);
            await speaker.SayAsync(Ready);
            await speaker.HearAsync(string.Concat(Enumerable.Repeat("...two dots\r\n..\r\nno dot\r\n", 20_000)) + ".\r\n");
            await speaker.SayAsync("250 big\r\n");
        });
        await using var connection = await SmtpConnection.ConnectAsync(OptionsFor(server), new PeerMemory(new FakeTimeProvider()), new FakeTimeProvider(), Cancellation);
        var outcome = await connection.SendAsync(Message with { Bytes = System.Text.Encoding.ASCII.GetBytes(lines) }, Cancellation);
        Assert.Equal("accepted 250 big", ConversationTests.Say(outcome));
    }

    private static SmtpOptions OptionsFor(ScriptServer server) => new() { Host = "127.0.0.1", Port = server.Port, Tls = SmtpTls.None, ClientName = "client.example" };

    private static async Task<string> SendAsync(SmtpOptions options, TimeProvider clock, CancellationToken abort)
    {
        try
        {
            await using var connection = await SmtpConnection.ConnectAsync(options, new PeerMemory(clock), clock, Cancellation);
            return ConversationTests.Say(await connection.SendAsync(Message, abort));
        }
        catch (SmtpUnavailableException)
        {
            return "";
        }
    }

    /// <summary>How a handshake that the client breaks off looks to the server does not matter.</summary>
    private static async Task ShakeHandsAsync(ScriptServer.Speaker speaker, X509Certificate2 certificate) =>
        await speaker.EncryptAsync(certificate).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private static async Task OpenAsync(ScriptServer.Speaker speaker, string offers)
    {
        await speaker.SayAsync(Hello);
        await speaker.HearAsync(Ehlo);
        await speaker.SayAsync(offers);
    }

    /// <summary>Says nothing from a phase on, and leaves the connection open.</summary>
    private static async Task StopAtAsync(ScriptServer.Speaker speaker, string silence)
    {
        speaker.StaysOpen();
        if (silence == "greeting")
        {
            return;
        }

        await speaker.SayAsync(Hello);
        await speaker.HearAsync(Ehlo);
        if (silence == "ehlo")
        {
            return;
        }

        await speaker.SayAsync(Pipelining);
        await speaker.HearAsync(Envelope);
        if (silence == "mail")
        {
            return;
        }

        await speaker.SayAsync(silence == "data" ? "250 ok\r\n250 ok\r\n" : Ready);
        if (silence == "dot")
        {
            await speaker.HearAsync("x\r\n.\r\n");
        }
    }

    private static async Task PlayAsync(Conversation conversation, ScriptServer.Speaker speaker, X509Certificate2 certificate)
    {
        if (conversation.Options.Tls == SmtpTls.Implicit)
        {
            await speaker.EncryptAsync(certificate);
        }

        foreach (var block in conversation.Blocks)
        {
            switch (block.Kind)
            {
                case "S":
                    await speaker.SayAsync(block.Text.ToString());
                    break;
                case "C":
                    await speaker.HearAsync(block.Text.ToString());
                    break;
                case "TLS":
                    await speaker.EncryptAsync(certificate);
                    break;
                case "CLOSE":
                    return;
            }
        }

        await speaker.HearTheEndAsync();
    }
}
