using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Smtp.Tests.Peers;

/// <summary>Postfix and Exim refuse, defer and close: each outcome is what they say and have, also in the middle of a chain.</summary>
public class PeerRefusalTests
{
    /// <summary>A test that hangs is a failure; far more than the slowest machine needs.</summary>
    private const int Hangs = 120_000;

    public static TheoryData<PeerKind, bool> KindsWithAndWithout() => new(
        from kind in Enum.GetValues<PeerKind>() from with in new[] { true, false } select (kind, with));

    [Theory(Timeout = Hangs)]
    [MemberData(nameof(KindsWithAndWithout))]
    public async Task Says_of_each_message_of_a_hundred_what_came_of_it(PeerKind kind, bool pipelining)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var peer = await Peer.StartAsync(kind, new PeerSetup { Pipelining = pipelining }, cancel);
        var messages = Enumerable.Range(0, 100).Select(number => Mixed(number)).ToList();
        var outcomes = await PeerRun.SendAsync(peer.Options, messages, cancel);
        Assert.Equal(messages.Select(Expected), outcomes.Select(PeerRun.Said));
        await PeerRun.AgreesAsync(peer, messages, outcomes, cancel);
    }

    [Theory(Timeout = Hangs)]
    [MemberData(nameof(KindsWithAndWithout))]
    public async Task Gets_one_command_at_a_time_where_it_offers_no_more(PeerKind kind, bool pipelining)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var peer = await Peer.StartAsync(kind, new PeerSetup { Pipelining = pipelining }, cancel);
        await using var connection = await PeerRun.ConnectAsync(peer.Options, cancel);
        Assert.Equal(pipelining ? 2 : 1, connection.Capacity);
    }

    /// <summary>So that the hundred of above, which Exim took one by one, show that nothing was sent ahead.</summary>
    [Fact(Timeout = Hangs)]
    public async Task Exim_notices_commands_that_are_sent_ahead_where_it_offers_no_PIPELINING()
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var peer = await Peer.StartAsync(PeerKind.Exim, new PeerSetup { Pipelining = false }, cancel);
        using var client = new TcpClient("127.0.0.1", peer.Port);
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        Assert.StartsWith("220 ", await reader.ReadLineAsync(cancel), StringComparison.Ordinal);
        await client.GetStream().WriteAsync("EHLO [127.0.0.1]\r\n"u8.ToArray(), cancel);
        while (await reader.ReadLineAsync(cancel) is ['2', '5', '0', '-', ..])
        {
        }

        await client.GetStream().WriteAsync("MAIL FROM:<from@a.example>\r\nRCPT TO:<known@b.example>\r\nDATA\r\n"u8.ToArray(), cancel);
        Assert.Equal("250 OK", await reader.ReadLineAsync(cancel));
        Assert.Equal("554 SMTP synchronization error", await reader.ReadLineAsync(cancel));
    }

    [Theory(Timeout = Hangs)]
    [MemberData(nameof(KindsWithAndWithout))]
    public async Task Refuses_what_is_too_big_also_where_it_did_not_say_so_before(PeerKind kind, bool tells)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var peer = await Peer.StartAsync(kind, new PeerSetup { MaxSize = 50_000, TellsSize = tells }, cancel);
        var big = new SmtpMessage("from@a.example", "known1@b.example", Encoding.ASCII.GetBytes($"Subject: big\r\n\r\n{string.Concat(Enumerable.Repeat("0123456789\r\n", 20_000))}"));
        SmtpMessage[] messages = [PeerRun.Known(0), big, PeerRun.Known(2)];
        var outcomes = await PeerRun.SendAsync(peer.Options, messages, cancel);
        Assert.Equal(["accepted", tells ? "refused Data 552 5.3.4" : "refused Dot 552 5.3.4", "accepted"], outcomes.Select(PeerRun.Said));
        await PeerRun.AgreesAsync(peer, messages, outcomes, cancel);
    }

    [Theory(Timeout = Hangs)]
    [MemberData(nameof(KindsWithAndWithout))]
    public async Task That_closes_with_421_has_what_it_accepted_before_and_the_rest_was_not_sent(PeerKind kind, bool pipelining)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var peer = await Peer.StartAsync(kind, new PeerSetup { Pipelining = pipelining, MessagesPerConnection = 5 }, cancel);
        var messages = Enumerable.Range(0, 9).Select(PeerRun.Known).ToList();
        if (kind == PeerKind.Postfix)
        {
            messages[5] = PeerRun.Message(5, "close@b.example");
        }

        var outcomes = await PeerRun.SendAsync(peer.Options, messages, cancel);
        var closed = kind == PeerKind.Postfix ? "deferred Rcpt 421 4.3.2" : "notsent";
        Assert.Equal([.. Enumerable.Repeat("accepted", 5), closed, "notsent", "notsent", "notsent"], outcomes.Select(PeerRun.Said));
        await PeerRun.AgreesAsync(peer, messages, outcomes, cancel);
    }

    /// <summary>
    /// Exim's <c>smtp_accept_max_nonmail</c> is 10, which counts RSET; Postfix's <c>smtpd_hard_error_limit</c> is 20 errors without a message
    /// between them, of which a refused recipient of a chain is two. What says when it is worn runs into neither.
    /// </summary>
    [Theory(Timeout = Hangs)]
    [MemberData(nameof(KindsWithAndWithout))]
    public async Task That_refuses_many_in_a_row_never_has_to_close(PeerKind kind, bool pipelining)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var peer = await Peer.StartAsync(kind, new PeerSetup { Pipelining = pipelining }, cancel);
        var messages = Enumerable.Range(0, 30).Select(number => PeerRun.Message(number, number < 25 ? $"nobody{number}@b.example" : $"known{number}@b.example")).ToList();
        var peers = new PeerMemory(new FakeTimeProvider());
        var outcomes = new List<DeliveryOutcome>();
        while (outcomes.Count < messages.Count)
        {
            outcomes.AddRange(await PeerRun.SendAsync(peer.Options, messages[outcomes.Count..], cancel, peers, whileUsable: true));
        }

        Assert.Equal(messages.Select(Expected), outcomes.Select(PeerRun.Said));
        Assert.False(peers.IsOneByOne(peer.Options.Peer));
        await PeerRun.AgreesAsync(peer, messages, outcomes, cancel);
    }

    /// <summary>Who sends on gets no wrong outcome: what the closing connection did not take was not sent, and nothing is held against the server.</summary>
    [Theory(Timeout = Hangs)]
    [MemberData(nameof(KindsWithAndWithout))]
    public async Task That_closes_after_many_refusals_is_not_said_to_misbehave(PeerKind kind, bool pipelining)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var peer = await Peer.StartAsync(kind, new PeerSetup { Pipelining = pipelining }, cancel);
        var messages = Enumerable.Range(0, 40).Select(number => PeerRun.Message(number, number < 30 ? $"nobody{number}@b.example" : $"known{number}@b.example")).ToList();
        var peers = new PeerMemory(new FakeTimeProvider());
        var outcomes = await PeerRun.SendAsync(peer.Options, messages, cancel, peers);
        var refused = outcomes.TakeWhile(outcome => PeerRun.Said(outcome) == "refused Rcpt 550 5.1.1").Count();
        Assert.InRange(refused, 10, 29);
        Assert.All(outcomes[refused..], outcome => Assert.True(outcome is DeliveryOutcome.NotSent or DeliveryOutcome.Deferred { Reply.Code: 421 }, outcome.ToString()));
        Assert.False(peers.IsOneByOne(peer.Options.Peer));
        await PeerRun.AgreesAsync(peer, messages, outcomes, cancel);
    }

    /// <summary>Every ninth is unknown, and sometimes the one after it, every eleventh is to come later.</summary>
    private static SmtpMessage Mixed(int number) => PeerRun.Message(number, number switch
    {
        _ when number % 9 == 3 || number % 27 == 4 => $"nobody{number}@b.example",
        _ when number % 11 == 5 => "later@b.example",
        _ => $"known{number}@b.example",
    });

    private static string Expected(SmtpMessage message) => message.Recipient[0] switch
    {
        'n' => "refused Rcpt 550 5.1.1",
        'l' => "deferred Rcpt 450 4.2.1",
        _ => "accepted",
    };
}
