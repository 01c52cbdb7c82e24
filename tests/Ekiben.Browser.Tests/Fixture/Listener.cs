using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Ekiben.Browser.Tests.Fixture;

/// <summary>A port of this machine that notes whoever knocks: where a message's content would send what it stole.</summary>
internal sealed class Listener : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentQueue<string> _knocks = [];
    private readonly CancellationTokenSource _ending = new();
    private readonly Task _accepting;

    public Listener()
    {
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>The first line of each request.</summary>
    public IReadOnlyCollection<string> Knocks => _knocks;

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Stop();
        await _accepting;
        _ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        var talks = new List<Task>();
        try
        {
            while (!_ending.IsCancellationRequested)
            {
                // Each on its own: a browser opens connections ahead of time and says nothing on them for long.
                talks.Add(HearAsync(await _listener.AcceptTcpClientAsync(_ending.Token)));
            }
        }
        catch (OperationCanceledException) when (_ending.IsCancellationRequested)
        {
            // Over.
        }

        await Task.WhenAll(talks);
    }

    private async Task HearAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var buffer = new byte[4096];
                var read = await client.GetStream().ReadAsync(buffer, _ending.Token);
                if (read > 0)
                {
                    _knocks.Enqueue(System.Text.Encoding.ASCII.GetString(buffer, 0, read).Split('\r')[0]);
                    await client.GetStream().WriteAsync("HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n"u8.ToArray(), _ending.Token);
                }
            }
            catch (Exception e) when (e is IOException || (e is OperationCanceledException && _ending.IsCancellationRequested))
            {
                // The browser hung up, or the test is over.
            }
        }
    }
}
