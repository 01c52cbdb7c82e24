using System.Net;
using System.Net.Sockets;

namespace Ekiben.Tests.Faults;

/// <summary>
/// A wire between the server and the sink that can be cut after a number of bytes, which neither side's software would do: the client's bytes
/// stop in the middle of a message, or the relay's answer never comes through.
/// </summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly IPEndPoint _target;
    private readonly Func<int, Cut?> _cutOf;
    private readonly List<Task> _wires = [];
    private readonly Task _accepting;

    /// <param name="target">The sink.</param>
    /// <param name="cutOf">What happens to the n-th connection, counted from 1; null for nothing.</param>
    public CuttingProxy(IPEndPoint target, Func<int, Cut?> cutOf)
    {
        (_target, _cutOf) = (target, cutOf);
        // Small, so that bytes that were not carried stay with their sender.
        _listener.Server.ReceiveBufferSize = 4096;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndpoint;

    public int Connections { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_wires);
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync(_end.Token);
                _wires.Add(CarryAsync(client, _cutOf(++Connections)));
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private async Task CarryAsync(Socket client, Cut? cut)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            try
            {
                await server.ConnectAsync(_target, _end.Token);
                await Task.WhenAny(PumpAsync(client, server, cut?.AfterClientBytes), PumpAsync(server, client, cut?.AfterServerBytes));
                if (cut?.How == CutBy.Reset)
                {
                    // Closing with nothing to linger for sends RST.
                    client.LingerState = server.LingerState = new LingerOption(true, 0);
                }
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException)
            {
                // One end went away, or the test is over: so does the wire.
            }
        }
    }

    /// <summary>Carries bytes until the end, or until just so many have passed.</summary>
    private async Task PumpAsync(Socket from, Socket to, long? most)
    {
        var buffer = new byte[1024];
        try
        {
            for (long passed = 0; passed < (most ?? long.MaxValue);)
            {
                var wanted = (int)Math.Min(buffer.Length, (most ?? long.MaxValue) - passed);
                var read = await from.ReceiveAsync(buffer.AsMemory(0, wanted), _end.Token);
                if (read == 0)
                {
                    return;
                }

                await to.SendAsync(buffer.AsMemory(0, read), _end.Token);
                passed += read;
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // As above.
        }
    }
}

internal enum CutBy
{
    Close,
    Reset,
}

/// <summary>When a connection is cut: after so many bytes of one side.</summary>
internal sealed record Cut(CutBy How, long? AfterClientBytes = null, long? AfterServerBytes = null);
