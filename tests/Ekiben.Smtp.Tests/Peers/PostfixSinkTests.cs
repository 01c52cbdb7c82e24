using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Smtp.Tests.Peers;

/// <summary>A server that others wrote: Postfix's smtp-sink, which <c>./test</c> unpacks from Debian's package into <c>tests/.peers</c>.</summary>
public class PostfixSinkTests
{
    private const string Sink = "usr/sbin/smtp-sink";
    private const int Messages = 200;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("", 2)]
    [InlineData("-p", 1)]
    [InlineData("-8", 2)]
    [InlineData("-e", 1)]
    public async Task Takes_every_message_of_a_chain(string without, int capacity)
    {
        PeerFiles.Require(Sink, wantsRoot: false);
        var port = PeerFiles.FreePort();
        using var sink = Start(without, port);
        try
        {
            var outcomes = await SendAsync(sink, port, capacity);
            Assert.Equal(Messages, outcomes.Count);
            Assert.All(outcomes, outcome => Assert.IsType<DeliveryOutcome.Accepted>(outcome));
        }
        finally
        {
            sink.Kill();
            await sink.WaitForExitAsync(Cancellation);
        }
    }

    private static async Task<List<DeliveryOutcome>> SendAsync(Process sink, int port, int capacity)
    {
        var clock = new FakeTimeProvider();
        var options = new SmtpOptions { Host = "127.0.0.1", Port = port, Tls = SmtpTls.None };
        var outcomes = new List<DeliveryOutcome>();
        var connection = await ConnectAsync(sink, options, clock);
        Assert.Equal(capacity, connection.Capacity);
        for (var begun = 0; outcomes.Count < Messages;)
        {
            while (begun < Messages && connection.Begun < connection.Capacity)
            {
                var text = $"Subject: {begun}\r\n\r\n.a dot\r\n{new string('x', begun * 100)}\r\n";
                connection.Begin(new SmtpMessage("from@a.example", $"to{begun++}@b.example", Encoding.ASCII.GetBytes(text)));
            }

            outcomes.Add(await connection.CompleteAsync(Cancellation));
        }

        await connection.DisposeAsync();
        return outcomes;
    }

    /// <summary>It says nothing when it listens: asked until it answers, as long as its process lives.</summary>
    private static async Task<SmtpConnection> ConnectAsync(Process sink, SmtpOptions options, TimeProvider clock)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                return await SmtpConnection.ConnectAsync(options, new PeerMemory(clock), clock, Cancellation);
            }
            catch (SmtpUnavailableException exception) when (exception.Phase == SmtpPhase.Connect && tries < 100_000 && !sink.HasExited)
            {
                await Task.Yield();
            }
        }
    }

    private static Process Start(string without, int port)
    {
        var start = PeerFiles.Program(Sink);
        if (Environment.IsPrivilegedProcess)
        {
            start.ArgumentList.Add("-u");
            start.ArgumentList.Add("nobody");
        }

        if (without.Length > 0)
        {
            start.ArgumentList.Add(without);
        }

        start.ArgumentList.Add($"127.0.0.1:{port}");
        start.ArgumentList.Add("64");
        return Process.Start(start)!;
    }
}
