using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Ekiben.Sink;

namespace Ekiben.Tests.Sink;

/// <summary>The sink as a program of its own.</summary>
public sealed class SinkCommandTests : IDisposable
{
#pragma warning disable xUnit1069 // every wait below takes the Cancellation property
    private const int Patience = 120_000; // a failsafe against a hang, not a measure

    private readonly string _folder = Directory.CreateTempSubdirectory("ekiben-sink-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact(Timeout = Patience)]
    public async Task After_kill_9_the_journal_holds_every_message_that_was_answered()
    {
        var path = Path.Combine(_folder, "journal.jsonl");
        using var program = Start("--listen", "127.0.0.1:0", "--journal", path);
        var address = await ListeningAsync(program);
        var answered = new ConcurrentQueue<string>();
        var enough = new TaskCompletionSource();
        var senders = Enumerable.Range(0, 8).Select(connection => Task.Run(() => SendUntilItDiesAsync(address, connection, answered, enough))).ToArray();
        await enough.Task.WaitAsync(Cancellation);
        program.Kill();
        await Task.WhenAll(senders);
        await program.WaitForExitAsync(Cancellation);

        var journaled = SinkJournal.Read(path).Where(entry => entry.Accepted).Select(entry => entry.MessageId!).ToHashSet();
        Assert.Subset(journaled, answered.ToHashSet());

        // What is there beyond the answers was on the wire: one message a connection.
        Assert.InRange(journaled.Count, answered.Count, answered.Count + 8);
    }

    [Fact(Timeout = Patience)]
    public async Task It_ends_with_a_summary_when_asked_to_stop()
    {
        using var program = Start("--listen", "127.0.0.1:0", "--fault", "dot:451 4.3.0:first=1");
        using (var client = await SinkClient.GreetedAsync(await ListeningAsync(program), Cancellation))
        {
            await client.SendMessageAsync();
            await client.ExpectAsync("451 4.3.0");
            await client.SendMessageAsync();
            await client.ExpectAsync("250 ");
        }

        Assert.Equal(0, SendSignal(program.Id, 15));
        await program.WaitForExitAsync(Cancellation);
        Assert.Equal(
            (0, "ekiben sink: 1 accepted, 1 not accepted, 1 connections (at most 1 at once)\n", ""),
            (program.ExitCode, await program.StandardError.ReadToEndAsync(Cancellation), await program.StandardOutput.ReadToEndAsync(Cancellation)));
    }

    [Theory(Timeout = Patience)]
    [InlineData(2, "Fault rule 'rcpt:99'", "--fault", "rcpt:99")]
    [InlineData(2, "--listen 'nowhere'", "--listen", "nowhere")]
    [InlineData(2, "--user and --pass go together", "--user", "me")]
    [InlineData(1, "cannot open the journal", "--listen", "127.0.0.1:0", "--journal", "/no/such/folder/journal")]
    public async Task What_is_wrong_is_said_in_one_line(int exitCode, string part, params string[] arguments)
    {
        using var program = Start(arguments);
        await program.WaitForExitAsync(Cancellation);
        var error = await program.StandardError.ReadToEndAsync(Cancellation);
        Assert.Equal(exitCode, program.ExitCode);
        Assert.Contains(part, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    [Fact(Timeout = Patience)]
    public async Task A_taken_port_is_one_line_and_exit_code_1()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        using var program = Start("--listen", taken.LocalEndpoint.ToString()!);
        await program.WaitForExitAsync(Cancellation);
        Assert.Equal(1, program.ExitCode);
        Assert.Equal($"ekiben sink: cannot listen on {taken.LocalEndpoint}: Address already in use\n", await program.StandardError.ReadToEndAsync(Cancellation));
    }

    [Theory]
    [InlineData("127.0.0.1:2525", "127.0.0.1:2525")]
    [InlineData("localhost:25", "127.0.0.1:25")]
    [InlineData(":0", "127.0.0.1:0")]
    [InlineData("2525", "127.0.0.1:2525")]
    [InlineData("[::1]:2525", "[::1]:2525")]
    [InlineData("127.0.0.1", null)]
    [InlineData("[::1]", null)]
    [InlineData("relay.example:25", null)]
    [InlineData("127.0.0.1:70000", null)]
    public void Addresses_are_read(string text, string? expected) =>
        Assert.Equal(expected, SinkCommand.TryParseAddress(text, out var address) ? address.ToString() : null);

    private static async Task SendUntilItDiesAsync(IPEndPoint address, int connection, ConcurrentQueue<string> answered, TaskCompletionSource enough)
    {
        using var client = await SinkClient.GreetedAsync(address, Cancellation);
        try
        {
            for (var i = 0; ; i++)
            {
                await client.SayAsync("MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n");
                for (var reply = 0; reply < 3; reply++)
                {
                    if (await client.ReadReplyAsync() is null)
                    {
                        return;
                    }
                }

                await client.SayAsync($"Message-ID: <{connection}.{i}@x.example>\r\n\r\nHello\r\n.\r\n");
                if (await client.ReadReplyAsync() is not { } last)
                {
                    return;
                }

                Assert.StartsWith("250 ", last, StringComparison.Ordinal);
                answered.Enqueue($"<{connection}.{i}@x.example>");
                if (answered.Count >= 1_000)
                {
                    enough.TrySetResult();
                }
            }
        }
        catch (SocketException)
        {
            // Killed, as planned.
        }
    }

    private static Process Start(params string[] arguments) => Process.Start(
        new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "ekiben"), ["sink", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    private static async Task<IPEndPoint> ListeningAsync(Process program)
    {
        const string Start = "ekiben sink: listening on ";
        var line = await program.StandardOutput.ReadLineAsync(Cancellation);
        Assert.StartsWith(Start, line, StringComparison.Ordinal);
        return IPEndPoint.Parse(line![Start.Length..]);
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int processId, int signal);
}
