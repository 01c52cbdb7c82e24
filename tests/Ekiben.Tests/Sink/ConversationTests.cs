using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Ekiben.Sink;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Tests.Sink;

public class ConversationTests
{
#pragma warning disable xUnit1069 // every wait below takes the Cancellation property
    private const int Patience = 60_000; // a failsafe against a hang, not a measure

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static Task<SmtpSink> StartAsync(SmtpSinkOptions? options = null) =>
        SmtpSink.StartAsync((options ?? new()) with { KeepMessages = true }, new FakeTimeProvider(), Cancellation);

    private const string WholeConversation =
        "EHLO client.example\r\nMAIL FROM:<a@x.example> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<\"c>d\"@y.example>\r\nDATA\r\n"
        + "Subject: one\r\nmessage-id:\r\n <1@x.example>\r\n\r\n..starts with a dot\r\n.\r\n"
        + "MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nDATA\r\n.\r\nNOOP\r\nRSET\r\nVRFY someone\r\nQUIT\r\n";

    [Theory(Timeout = Patience)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_conversation_reads_the_same_byte_by_byte_and_all_at_once(bool byteByByte)
    {
        await using var sink = await StartAsync();
        using var client = await SinkClient.ConnectAsync(sink.EndPoint, Cancellation);
        await (byteByByte ? client.SayByteByByteAsync(WholeConversation) : client.SayAsync(WholeConversation));

        foreach (var expected in new[] { "220 ", "250 ", "250 2.1.0", "250 2.1.5", "250 2.1.5", "354 ", "250 2.0.0", "250 2.1.0", "250 2.1.5", "354 ", "250 2.0.0", "250 2.0.0", "250 2.0.0", "252 2.5.2", "221 2.0.0" })
        {
            await client.ExpectAsync(expected);
        }

        await client.ExpectEndAsync();
        Assert.Collection(
            sink.Messages,
            first =>
            {
                Assert.Equal("a@x.example", first.MailFrom);
                Assert.Equal(["b@y.example", "\"c>d\"@y.example"], first.RcptTo);
                Assert.Equal("<1@x.example>", first.MessageId);
                Assert.Equal("Subject: one\r\nmessage-id:\r\n <1@x.example>\r\n\r\n.starts with a dot\r\n", Encoding.ASCII.GetString(first.Raw.Span));
                Assert.Equal(first.Raw.Length, first.Size);
                Assert.Equal("250 2.0.0 Accepted", first.Result);
            },
            second =>
            {
                Assert.Equal("", second.MailFrom);
                Assert.Equal(["Postmaster"], second.RcptTo);
                Assert.Null(second.MessageId);
                Assert.Equal(0, second.Size);
            });
    }

    [Fact(Timeout = Patience)]
    public async Task Transactions_chained_behind_the_dot_are_answered_in_order()
    {
        await using var sink = await StartAsync();
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        const string Next = "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n";
        await client.SayAsync(Next);
        for (var i = 0; i < 200; i++)
        {
            await client.ExpectAsync("250 2.1.0");
            await client.ExpectAsync("250 2.1.5");
            await client.ExpectAsync("354 ");
            await client.SayAsync($"Message-ID: <{i}@x.example>\r\n\r\n{new string('x', i)}\r\n.\r\n" + Next);
            await client.ExpectAsync("250 2.0.0");
        }

        Assert.Equal(Enumerable.Range(0, 200).Select(i => $"<{i}@x.example>"), sink.Messages.Select(message => message.MessageId));
    }

    [Fact(Timeout = Patience)]
    public async Task Only_a_dot_between_two_CRLF_ends_the_message()
    {
        await using var sink = await StartAsync();
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        const string Smuggled = "a\n.\nb\r\n.\nc\n.\r\nd\r.\re\r\n";
        await client.AskAsync("MAIL FROM:<a@x.example>", "250 ");
        await client.AskAsync("RCPT TO:<b@y.example>", "250 ");
        await client.AskAsync("DATA", "354 ");
        await client.SayAsync(Smuggled + ".\r\n");
        await client.ExpectAsync("250 ");

        // "\r\n.\nc": a line that begins with a stuffed dot.
        Assert.Equal(Smuggled.Replace("\r\n.", "\r\n", StringComparison.Ordinal), Encoding.ASCII.GetString(Assert.Single(sink.Messages).Raw.Span));
    }

    [Theory(Timeout = Patience)]
    [InlineData("MAIL FROM:<a@x.example>", "503 5.5.1")]
    [InlineData("EHLO", "501 5.5.4")]
    [InlineData("EHLO c|RCPT TO:<a@x.example>", "503 5.5.1")]
    [InlineData("EHLO c|DATA", "503 5.5.1")]
    [InlineData("EHLO c|MAIL FROM:<a@x.example>|MAIL FROM:<a@x.example>", "503 5.5.1")]
    [InlineData("EHLO c|MAIL FROM:<a@x.example>|DATA", "554 5.5.1")]
    [InlineData("EHLO c|MAIL FROM:<a@x.example>|DATA now", "501 5.5.4")]
    [InlineData("EHLO c|MAIL FROM:<a@x.example>|RCPT TO:<>", "501 5.5.4")]
    [InlineData("EHLO c|MAIL FROM:<a@x.example>|RCPT TO:<b@y.example> NOTIFY=NEVER", "555 5.5.4")]
    [InlineData("EHLO c|MAIL FROM:a@x.example", "501 5.5.4")]
    [InlineData("EHLO c|MAIL FROM:<a@x.example", "501 5.5.4")]
    [InlineData("EHLO c|MAIL FROM:<a@x.example> SIZE=50000001", "552 5.3.4")]
    [InlineData("EHLO c|MAIL FROM:<a@x.example> RET=HDRS", "555 5.5.4")]
    [InlineData("EHLO c|MAIL FROM:<\u00c3\u00a9@x.example>", "553 5.6.7")]
    [InlineData("EHLO c|MAIL FROM:<\u00c3\u00a9@x.example> SMTPUTF8", "250 2.1.0")]
    [InlineData("EHLO c|MAIL FROM:<\u00ff@x.example> SMTPUTF8", "501 5.5.4")]
    [InlineData("EHLO c|MAIL FROM:<@relay.example:a@x.example>", "250 2.1.0")]
    [InlineData("HELO c|MAIL from: <a@x.example>", "250 2.1.0")]
    [InlineData("EHLO c|STARTTLS", "502 5.5.1")]
    [InlineData("EHLO c|AUTH PLAIN", "502 5.5.1")]
    [InlineData("EXPN list", "502 5.5.1")]
    [InlineData("HELP", "214 2.0.0")]
    [InlineData("GET / HTTP/1.1", "500 5.5.2")]
    [InlineData("", "500 5.5.2")]
    public async Task The_last_command_gets_its_code(string commands, string expected)
    {
        await using var sink = await StartAsync();
        using var client = await SinkClient.ConnectAsync(sink.EndPoint, Cancellation);
        await client.ExpectAsync("220 ");
        var lines = commands.Split('|');
        foreach (var line in lines[..^1])
        {
            await client.AskAsync(line, "250 ");
        }

        await client.AskAsync(lines[^1], expected);
    }

    [Fact(Timeout = Patience)]
    public async Task Rubbish_is_answered_with_errors_then_421_and_the_sink_lives_on()
    {
        await using var sink = await StartAsync(new() { MaxErrors = 20 });
        var random = new Random(7);
        for (var round = 0; round < 20; round++)
        {
            using var client = await SinkClient.ConnectAsync(sink.EndPoint, Cancellation);
            await client.ExpectAsync("220 ");
            var bytes = new byte[20_000];
            random.NextBytes(bytes);
            await client.SayAsync(Encoding.Latin1.GetString(bytes) + string.Concat(Enumerable.Repeat("\r\n", 30)));
            string? last = null;
            for (string? reply; (reply = await client.ReadReplyAsync()) is not null; last = reply)
            {
                Assert.StartsWith(reply[0] == '4' ? "421 4.7.0" : "500 5.5.2", reply, StringComparison.Ordinal);
            }

            Assert.StartsWith("421 ", last, StringComparison.Ordinal);
        }

        using var next = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await next.SendMessageAsync();
        await next.ExpectAsync("250 ");
        Assert.False(sink.Completion.IsCompleted);
    }

    [Fact(Timeout = Patience)]
    public async Task A_line_without_end_is_refused_and_the_next_one_understood()
    {
        await using var sink = await StartAsync();
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await client.AskAsync(new string('x', 100_000), "500 5.5.2 Line too long");
        await client.SayAsync("NOOP\n");
        await client.ExpectAsync("500 5.5.2 Lines end with CRLF");
        await client.AskAsync("NOOP", "250 ");
    }

    [Fact(Timeout = Patience)]
    public async Task A_message_over_the_limit_is_refused_at_the_dot_and_the_next_one_taken()
    {
        await using var sink = await StartAsync(new() { MaxMessageSize = 1_000 });
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        foreach (var (size, code) in new[] { (1_000, "250 "), (1_001, "552 5.3.4"), (300_000, "552 5.3.4"), (1_000, "250 ") })
        {
            await client.AskAsync("MAIL FROM:<a@x.example>", "250 ");
            await client.AskAsync("RCPT TO:<b@y.example>", "250 ");
            await client.AskAsync("DATA", "354 ");
            await client.SayAsync(new string('x', size - 2) + "\r\n.\r\n");
            await client.ExpectAsync(code);
        }

        Assert.Equal([1_000, 1_001, 300_000, 1_000], sink.Messages.Select(message => message.Size));
        Assert.Equal((2, 2), (sink.Counters.Accepted, sink.Counters.NotAccepted));
    }

    [Fact(Timeout = Patience)]
    public async Task Recipients_over_the_limit_are_deferred()
    {
        await using var sink = await StartAsync(new() { MaxRecipients = 2 });
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await client.AskAsync("MAIL FROM:<a@x.example>", "250 ");
        await client.AskAsync("RCPT TO:<1@y.example>", "250 ");
        await client.AskAsync("RCPT TO:<2@y.example>", "250 ");
        await client.AskAsync("RCPT TO:<3@y.example>", "452 4.5.3");
    }

    [Fact(Timeout = Patience)]
    public async Task Extensions_that_are_off_are_neither_offered_nor_taken()
    {
        await using var sink = await StartAsync(new() { Pipelining = false, Size = false, EightBitMime = false, SmtpUtf8 = false, EnhancedStatusCodes = false });
        using var client = await SinkClient.ConnectAsync(sink.EndPoint, Cancellation);
        await client.ExpectAsync("220 ");
        Assert.Equal("250-localhost\n250 HELP", await client.AskAsync("EHLO c", "250 "));
        await client.AskAsync("MAIL FROM:<a@x.example> SIZE=1", "555 Parameter");
        await client.AskAsync("MAIL FROM:<a@x.example> BODY=8BITMIME", "555 Parameter");
        await client.AskAsync("MAIL FROM:<a@x.example>", "250 Sender OK");
        await client.SayAsync("RCPT TO:<b@y.example>\r\nDATA\r\n");
        await client.ExpectAsync("503 Commands came before the reply");
    }

    [Theory(Timeout = Patience)]
    [InlineData("AUTH PLAIN AHVzZXIAc2VjcmV0", "235 2.7.0")]
    [InlineData("AUTH PLAIN|AHVzZXIAc2VjcmV0", "235 2.7.0")]
    [InlineData("auth login|dXNlcg==|c2VjcmV0", "235 2.7.0")]
    [InlineData("AUTH LOGIN dXNlcg==|c2VjcmV0", "235 2.7.0")]
    [InlineData("AUTH PLAIN AHVzZXIAd3Jvbmc=", "535 5.7.8")]
    [InlineData("AUTH PLAIN|*", "501 5.5.2")]
    [InlineData("AUTH PLAIN not-base64", "501 5.5.2")]
    [InlineData("AUTH PLAIN =", "501 5.5.2")]
    [InlineData("AUTH CRAM-MD5", "504 5.5.4")]
    [InlineData("AUTH", "504 5.5.4")]
    [InlineData("MAIL FROM:<a@x.example>", "530 5.7.0")]
    public async Task Authentication_follows_the_exchange(string lines, string expected)
    {
        await using var sink = await StartAsync(new() { Credentials = new("user", "secret") });
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        var said = lines.Split('|');
        foreach (var line in said[..^1])
        {
            await client.AskAsync(line, "334 ");
        }

        await client.AskAsync(said[^1], expected);
        await client.AskAsync("MAIL FROM:<a@x.example>", expected.StartsWith("235", StringComparison.Ordinal) ? "250 " : "530 ");
    }

    [Fact(Timeout = Patience)]
    public async Task After_STARTTLS_the_session_begins_anew_and_clear_text_sent_ahead_is_gone()
    {
        await using var sink = await SmtpSink.StartAsync(new() { StartTls = true, KeepMessages = true }, new FakeTimeProvider(), Cancellation);
        using var tcp = new TcpClient { NoDelay = true };
        await tcp.ConnectAsync(sink.EndPoint, Cancellation);
        using var clear = new StreamReader(tcp.GetStream(), leaveOpen: true);
        await clear.ReadLineAsync(Cancellation);
        await tcp.GetStream().WriteAsync("EHLO c\r\nSTARTTLS\r\nNOOP injected\r\n"u8.ToArray(), Cancellation);
        string? line;
        var offered = false;
        while (!(line = await clear.ReadLineAsync(Cancellation))!.StartsWith("220 ", StringComparison.Ordinal))
        {
            offered |= line == "250-STARTTLS";
        }

        Assert.True(offered);
        await using var tls = new SslStream(tcp.GetStream(), leaveInnerStreamOpen: true, (_, certificate, _, _) => certificate!.GetCertHashString() == sink.Certificate!.GetCertHashString());
        await tls.AuthenticateAsClientAsync("localhost");
        using var reader = new StreamReader(tls, leaveOpen: true);
        await tls.WriteAsync("MAIL FROM:<a@x.example>\r\nEHLO c\r\nSTARTTLS\r\nQUIT\r\n"u8.ToArray(), Cancellation);
        Assert.StartsWith("503 5.5.1 Say EHLO first", await reader.ReadLineAsync(Cancellation), StringComparison.Ordinal);
        while ((line = await reader.ReadLineAsync(Cancellation)) != "250 HELP")
        {
            Assert.NotEqual("250-STARTTLS", line);
        }

        Assert.StartsWith("501 ", await reader.ReadLineAsync(Cancellation), StringComparison.Ordinal);
        Assert.StartsWith("221 ", await reader.ReadLineAsync(Cancellation), StringComparison.Ordinal);
        Assert.Null(await reader.ReadLineAsync(Cancellation));
    }

    [Fact(Timeout = Patience)]
    public async Task A_message_without_its_end_does_not_exist()
    {
        await using var sink = await StartAsync();
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        await client.AskAsync("MAIL FROM:<a@x.example>", "250 ");
        await client.AskAsync("RCPT TO:<b@y.example>", "250 ");
        await client.AskAsync("DATA", "354 ");
        await client.SayAsync("Half a message\r\n.\r");
        client.EndSending();
        await client.ExpectEndAsync();
        Assert.Empty(sink.Messages);
    }

    [Fact(Timeout = Patience)]
    public async Task A_silent_client_is_dropped_and_one_too_many_turned_away()
    {
        var clock = new FakeTimeProvider();
        await using var sink = await SmtpSink.StartAsync(new() { MaxConnections = 1 }, clock, Cancellation);
        using var silent = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        using (var crowd = await SinkClient.ConnectAsync(sink.EndPoint, Cancellation))
        {
            await crowd.ExpectAsync("421 4.3.2");
            await crowd.ExpectEndAsync();
        }

        clock.Advance(TimeSpan.FromMinutes(6));
        await silent.ExpectResetAsync();
        Assert.Equal(2, sink.Counters.ConnectionsPeak);
    }

    [Fact(Timeout = Patience)]
    public async Task Waiting_for_messages_ends_when_they_are_there_and_fails_when_the_sink_goes()
    {
        var sink = await StartAsync();
        var two = sink.WaitForMessagesAsync(2, Cancellation);
        var three = sink.WaitForMessagesAsync(3, Cancellation);
        using var client = await SinkClient.GreetedAsync(sink.EndPoint, Cancellation);
        for (var i = 0; i < 2; i++)
        {
            Assert.False(two.IsCompleted);
            await client.SendMessageAsync();
            await client.ExpectAsync("250 ");
        }

        await two;
        await sink.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => three);
    }

    [Fact(Timeout = Patience)]
    public async Task A_taken_port_is_said_at_the_start()
    {
        await using var sink = await StartAsync();
        var e = await Assert.ThrowsAsync<SocketException>(() => StartAsync(new() { Listen = sink.EndPoint }));
        Assert.Equal(SocketError.AddressAlreadyInUse, e.SocketErrorCode);
    }
}
