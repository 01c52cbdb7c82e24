using System.Net.Sockets;
using Ekiben.Sink;
using MailKit.Net.Smtp;
using MailKit.Security;
using Microsoft.Extensions.Time.Testing;
using MimeKit;

namespace Ekiben.Tests.Sink;

/// <summary>An independent client finds the sink to be an SMTP server.</summary>
public class MailKitTests
{
#pragma warning disable xUnit1069 // every wait below takes the Cancellation property
    private const int Patience = 120_000; // a failsafe against a hang, not a measure

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory(Timeout = Patience)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Five_hundred_messages_on_four_connections_all_arrive_whole(bool encryptedWithPassword)
    {
        var options = new SmtpSinkOptions
        {
            KeepMessages = true,
            StartTls = encryptedWithPassword,
            Credentials = encryptedWithPassword ? new("user", "secret") : null,
        };
        await using var sink = await SmtpSink.StartAsync(options, new FakeTimeProvider(), Cancellation);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(connection => SendAsync(sink, connection, encryptedWithPassword)));
        await sink.WaitForMessagesAsync(500, Cancellation);

        Assert.Equal(500, sink.Messages.Select(message => message.MessageId).Distinct().Count());
        Assert.Equal((4, 500), (sink.Counters.ConnectionsTotal, sink.Counters.Accepted));
        foreach (var received in sink.Messages)
        {
            using var stream = new MemoryStream(received.Raw.ToArray());
            var parsed = await MimeMessage.LoadAsync(stream, Cancellation);
            Assert.Equal($"<{parsed.MessageId}>", received.MessageId);
            Assert.Equal(parsed.To.ToString(), Assert.Single(received.RcptTo));
            Assert.Equal(Body, parsed.TextBody?.ReplaceLineEndings("\n"));
        }
    }

    private const string Body = "Hello\n.\n..two dots\n.one dot\nGrüße\n";

    private static async Task SendAsync(SmtpSink sink, int connection, bool encryptedWithPassword)
    {
        // Not the client's own socket: Nagle's algorithm there waits for the delayed acknowledgement of every body.
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(sink.EndPoint, Cancellation);
        using var client = new SmtpClient();
        client.ServerCertificateValidationCallback = (_, certificate, _, _) => certificate?.GetCertHashString() == sink.Certificate?.GetCertHashString();
        await client.ConnectAsync(socket, "localhost", sink.EndPoint.Port, encryptedWithPassword ? SecureSocketOptions.StartTls : SecureSocketOptions.None, Cancellation);
        if (encryptedWithPassword)
        {
            await client.AuthenticateAsync("user", "secret", Cancellation);
        }

        for (var i = 0; i < 125; i++)
        {
            using var message = new MimeMessage
            {
                MessageId = $"{connection}.{i}@x.example",
                Subject = "One of many",
                Body = new TextPart("plain") { Text = Body },
            };
            message.From.Add(MailboxAddress.Parse("from@x.example"));
            message.To.Add(MailboxAddress.Parse($"rcpt{connection}.{i}@y.example"));
            await client.SendAsync(message, Cancellation);
        }

        await client.DisconnectAsync(quit: true, Cancellation);
    }
}
