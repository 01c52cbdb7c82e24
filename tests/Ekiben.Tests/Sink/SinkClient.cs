using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Ekiben.Tests.Sink;

/// <summary>A bare SMTP client that sends what a test spells and reads replies as they come.</summary>
internal sealed class SinkClient(Socket socket, CancellationToken cancellationToken) : IDisposable
{
    private readonly byte[] _input = new byte[4096];
    private readonly StringBuilder _unread = new();

    public static async Task<SinkClient> ConnectAsync(IPEndPoint address, CancellationToken cancellationToken)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(address, cancellationToken);
        return new SinkClient(socket, cancellationToken);
    }

    /// <summary>Connects, reads the greeting and says EHLO.</summary>
    public static async Task<SinkClient> GreetedAsync(IPEndPoint address, CancellationToken cancellationToken)
    {
        var client = await ConnectAsync(address, cancellationToken);
        await client.ExpectAsync("220 ");
        await client.SayAsync("EHLO client.example\r\n");
        await client.ExpectAsync("250 HELP");
        return client;
    }

    public async Task SayAsync(string text)
    {
        for (ReadOnlyMemory<byte> rest = Encoding.Latin1.GetBytes(text); rest.Length > 0;)
        {
            rest = rest[await socket.SendAsync(rest, cancellationToken)..];
        }
    }

    /// <summary>Sends in pieces of one byte, each in its own segment.</summary>
    public async Task SayByteByByteAsync(string text)
    {
        foreach (var one in text)
        {
            await SayAsync(one.ToString());
        }
    }

    /// <summary>Reads one reply, to its last line; null at the end of the connection.</summary>
    public async Task<string?> ReadReplyAsync()
    {
        var reply = new StringBuilder();
        while (true)
        {
            var line = await ReadLineAsync();
            if (line is null)
            {
                return null;
            }

            reply.Append(line);
            if (line.Length < 4 || line[3] != '-')
            {
                return reply.ToString();
            }

            reply.Append('\n');
        }
    }

    /// <summary>Reads a reply and checks how its last line begins.</summary>
    public async Task<string> ExpectAsync(string start)
    {
        var reply = await ReadReplyAsync();
        Assert.NotNull(reply);
        Assert.StartsWith(start, reply.Split('\n')[^1], StringComparison.Ordinal);
        return reply;
    }

    public async Task<string> AskAsync(string command, string expected)
    {
        await SayAsync(command + "\r\n");
        return await ExpectAsync(expected);
    }

    /// <summary>Sends one message to the dot, step by step, and leaves the last reply unread.</summary>
    public async Task SendMessageAsync(string id = "one@client.example", string to = "rcpt@client.example", string from = "from@client.example")
    {
        await AskAsync($"MAIL FROM:<{from}>", "250 ");
        await AskAsync($"RCPT TO:<{to}>", "250 ");
        await AskAsync("DATA", "354 ");
        await SayAsync($"Message-ID: <{id}>\r\n\r\nHello\r\n.\r\n");
    }

    /// <summary>Passes when the server closes in order, without another word.</summary>
    public async Task ExpectEndAsync() => Assert.Null(await ReadReplyAsync());

    /// <summary>Passes when the server breaks the connection.</summary>
    public async Task ExpectResetAsync()
    {
        var e = await Assert.ThrowsAsync<SocketException>(ReadReplyAsync);
        Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
    }

    public void EndSending() => socket.Shutdown(SocketShutdown.Send);

    public void Dispose() => socket.Dispose();

    private async Task<string?> ReadLineAsync()
    {
        while (true)
        {
            var text = _unread.ToString();
            var end = text.IndexOf("\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                _unread.Remove(0, end + 2);
                return text[..end];
            }

            var read = await socket.ReceiveAsync(_input, cancellationToken);
            if (read == 0)
            {
                Assert.Equal("", text);
                return null;
            }

            _unread.Append(Encoding.Latin1.GetString(_input, 0, read));
        }
    }
}
