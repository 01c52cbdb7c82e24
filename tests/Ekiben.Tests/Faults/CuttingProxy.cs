using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Ekiben.Tests.Faults;

/// <summary>
/// A wire between the server and the sink that can be cut after a number of bytes, which neither side's software would do: the client's bytes
/// stop in the middle of a message, or the relay's answer never comes through. Or it goes silent, as when packets are dropped: nothing passes
/// any more, and nobody is told.
/// </summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly IPEndPoint _target;
    private readonly Func<int, Cut?> _cutOf;
    private readonly List<Task> _wires = [];
    private readonly TaskCompletionSource _silent = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _resumed = new(TaskCreationOptions.RunContinuationsAsynchronously);
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

    /// <summary>A connection is silent.</summary>
    public Task Silent => _silent.Task;

    /// <summary>What was held back in silence comes through after all.</summary>
    public void Resume() => _resumed.TrySetResult();

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
                if (cut?.How == CutBy.Silence)
                {
                    var silence = new Silence(cut);
                    await Task.WhenAll(PumpAsync(client, server, silence, begins: true), PumpAsync(server, client, silence, begins: false));
                    return;
                }

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

    /// <summary>Carries bytes until the silence begins, and again when it ends.</summary>
    private async Task PumpAsync(Socket from, Socket to, Silence silence, bool begins)
    {
        var buffer = new byte[1024];
        try
        {
            while (await from.ReceiveAsync(buffer, _end.Token) is > 0 and var read)
            {
                var passes = begins && !silence.HasBegun ? silence.PassesOf(buffer.AsSpan(0, read)) : silence.HasBegun ? 0 : read;
                if (passes > 0)
                {
                    await to.SendAsync(buffer.AsMemory(0, passes), _end.Token);
                }

                if (silence.HasBegun)
                {
                    _silent.TrySetResult();
                    await _resumed.Task.WaitAsync(_end.Token);
                    await to.SendAsync(buffer.AsMemory(passes, read - passes), _end.Token);
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // As above.
        }
    }

    /// <summary>Where the client's side falls silent; from then on the other is too, also with the answer to the last that came through.</summary>
    private sealed class Silence(Cut cut)
    {
        private string _heard = "";
        private volatile bool _hasBegun;

        public bool HasBegun => _hasBegun;

        /// <summary>How many of the client's bytes still come through.</summary>
        public int PassesOf(ReadOnlySpan<byte> bytes)
        {
            var before = _heard.Length;
            _heard += Encoding.Latin1.GetString(bytes);
            var found = cut.AfterClientText is { } text ? _heard.IndexOf(text, Math.Max(0, before - text.Length), StringComparison.Ordinal) : -1;
            var end = found >= 0 ? found + cut.AfterClientText!.Length : cut.AfterClientBytes is { } most && _heard.Length >= most ? (int)most : -1;
            _hasBegun = end >= 0;
            return _hasBegun ? end - before : bytes.Length;
        }
    }
}

internal enum CutBy
{
    Close,
    Reset,

    /// <summary>Nothing more passes, in either direction, and the connection stays open.</summary>
    Silence,
}

/// <summary>When a connection is cut: after so many bytes of one side.</summary>
/// <param name="How">What becomes of it.</param>
/// <param name="AfterClientBytes">That many have come through.</param>
/// <param name="AfterServerBytes">That many have come through; not with <see cref="CutBy.Silence"/>.</param>
/// <param name="AfterClientText">This has come through; only with <see cref="CutBy.Silence"/>.</param>
internal sealed record Cut(CutBy How, long? AfterClientBytes = null, long? AfterServerBytes = null, string? AfterClientText = null);
