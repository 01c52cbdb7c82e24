using System.Buffers;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Ekiben.Smtp;

/// <summary>
/// A socket, or TLS over it, with a time limit on every step. Running out of time and being given up both close the socket, which ends
/// whatever waits on it: after either nothing could be said on the connection any more.
/// </summary>
internal sealed class Wire : IDisposable
{
    /// <summary>
    /// Octets that the system holds for us. Its own choice on loopback is 2.5 MB, whole messages: all of them have "left" when the connection dies
    /// in the middle, and are uncertain for nothing.
    /// </summary>
    private const int SendBuffer = 128 * 1024;

    /// <summary>Most messages and the commands of the next fit into one write.</summary>
    private const int WriteSize = 64 * 1024;

    /// <summary>Replies are short.</summary>
    private const int ReadSize = 4096;

    private readonly SmtpOptions _options;
    private readonly TimeProvider _clock;
    private readonly Socket _socket;
    private readonly ITimer _timer;
    private readonly byte[] _writeBuffer = ArrayPool<byte>.Shared.Rent(WriteSize);
    private readonly byte[] _readBuffer = ArrayPool<byte>.Shared.Rent(ReadSize);
    private readonly Lock _gate = new();
    private SslStream? _tls;
    private TimeSpan _limit;
    private long _armedAt;
    private bool _isArmed;
    private bool _isDisposed;
    private string? _reason;

    private Wire(SmtpOptions options, TimeProvider clock, Socket socket)
    {
        (_options, _clock, _socket) = (options, clock, socket);
        _timer = clock.CreateTimer(static wire => ((Wire)wire!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public SmtpTimeouts Timeouts => _options.Timeouts;

    /// <summary>Where to put what <see cref="WriteAsync"/> writes.</summary>
    public Memory<byte> WriteBuffer => _writeBuffer.AsMemory(0, WriteSize);

    public bool IsOpen => Volatile.Read(ref _reason) is null;

    /// <summary>Why it is closed, for people.</summary>
    public string? Reason => Volatile.Read(ref _reason);

    public bool TimedOut { get; private set; }

    /// <summary>Our address as RFC 5321 §4.1.3 writes it.</summary>
    public string AddressLiteral
    {
        get
        {
            var address = (_socket.LocalEndPoint as IPEndPoint)?.Address ?? IPAddress.Loopback;
            address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
            return address.AddressFamily == AddressFamily.InterNetworkV6
                ? $"[IPv6:{new IPAddress(address.GetAddressBytes())}]"
                : $"[{address}]";
        }
    }

    /// <exception cref="SmtpUnavailableException">Nobody answers there.</exception>
    public static async ValueTask<Wire> DialAsync(SmtpOptions options, TimeProvider clock, CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(options.Timeouts.Connect, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, patience.Token);

        // With Nagle's algorithm a small write waits some 40 ms for a delayed acknowledgement.
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, SendBufferSize = SendBuffer };
        try
        {
            if (IPAddress.TryParse(options.Host, out var address))
            {
                await socket.ConnectAsync(new IPEndPoint(address, options.Port), either.Token);
            }
            else
            {
                await socket.ConnectAsync(options.Host, options.Port, either.Token);
            }

            return new Wire(options, clock, socket);
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException && !cancel.IsCancellationRequested)
        {
            socket.Dispose();
            throw exception is SocketException
                ? new SmtpUnavailableException(SmtpPhase.Connect, $"cannot be reached: {exception.Message}", false, exception)
                : new SmtpUnavailableException(SmtpPhase.Connect, $"did not answer within {options.Timeouts.Connect.TotalSeconds:0} s", false, exception);
        }
        catch
        {
            socket.Dispose();
            cancel.ThrowIfCancellationRequested();
            throw;
        }
    }

    /// <summary>Shakes hands. The certificate must be valid for the host that was asked for (RFC 8314 §3.1, RFC 7817).</summary>
    /// <exception cref="SmtpUnavailableException">It is not, or the handshake failed.</exception>
    public async ValueTask EncryptAsync(CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(Timeouts.Connect, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, patience.Token);
        var tls = new SslStream(new NetworkStream(_socket, ownsSocket: false));
        try
        {
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = _options.Host, CertificateChainPolicy = Policy() }, either.Token);
            _tls = tls;
        }
        catch (AuthenticationException exception)
        {
            await tls.DisposeAsync();
            throw new SmtpUnavailableException(
                SmtpPhase.Tls,
                $"failed the TLS handshake: its certificate is not valid for {_options.Host}, or it does not speak TLS there ({exception.Message})",
                true,
                exception);
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            await tls.DisposeAsync();
            cancel.ThrowIfCancellationRequested();
            throw new SmtpUnavailableException(SmtpPhase.Tls, $"broke off the TLS handshake: {exception.Message}", false, exception);
        }
    }

    /// <summary>Closes the connection when the token says so, until the result is disposed.</summary>
    public CancellationTokenRegistration GiveUpOn(CancellationToken abort) =>
        abort.UnsafeRegister(static wire => ((Wire)wire!).GiveUp("given up because we stop"), this);

    /// <summary>Writes what is in <see cref="WriteBuffer"/>.</summary>
    /// <returns>False when the connection ended; any part of it may have left.</returns>
    [AsyncMethodBuilder(typeof(PooledAsync<>))]
    public async ValueTask<bool> WriteAsync(int length)
    {
        try
        {
            Arm(Timeouts.Block);
            if (_tls is { } tls)
            {
                await tls.WriteAsync(_writeBuffer.AsMemory(0, length), CancellationToken.None);
            }
            else
            {
                await _socket.SendAsync(_writeBuffer.AsMemory(0, length), SocketFlags.None, CancellationToken.None);
            }

            Disarm();
            return true;
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
        {
            Disarm();
            End($"the connection ended: {exception.Message}");
            return false;
        }
    }

    /// <summary>Waits for bytes; the memory is good until the next call.</summary>
    /// <param name="limit">How long.</param>
    /// <returns>Empty when the connection ended.</returns>
    [AsyncMethodBuilder(typeof(PooledAsync<>))]
    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(TimeSpan limit)
    {
        try
        {
            Arm(limit);
            var length = _tls is { } tls
                ? await tls.ReadAsync(_readBuffer.AsMemory(0, ReadSize), CancellationToken.None)
                : await _socket.ReceiveAsync(_readBuffer.AsMemory(0, ReadSize), SocketFlags.None, CancellationToken.None);
            Disarm();
            if (length == 0)
            {
                End("the connection ended: the server closed it");
            }

            return _readBuffer.AsMemory(0, length);
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
        {
            Disarm();
            End($"the connection ended: {exception.Message}");
            return default;
        }
    }

    /// <summary>After a failed write: what the server had said before. In clear text only; behind a broken TLS stream nothing can be read.</summary>
    public ReadOnlySpan<byte> ReadWhatIsThere()
    {
        try
        {
            return _tls is null && !TimedOut && _socket.Available > 0
                ? _readBuffer.AsSpan(0, _socket.Receive(_readBuffer, 0, ReadSize, SocketFlags.None))
                : default;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Nothing is there: the reason why the connection ended is known already.
            return default;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
            _isArmed = false;
        }

        _timer.Dispose();
        _tls?.Dispose();
        _socket.Dispose();

        // No step is under way: calls do not overlap.
        ArrayPool<byte>.Shared.Return(_writeBuffer);
        ArrayPool<byte>.Shared.Return(_readBuffer);
    }

    private X509ChainPolicy? Policy()
    {
        if (_options.TrustedRoots is not { } roots)
        {
            return null;
        }

        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        return policy;
    }

    private void Arm(TimeSpan limit)
    {
        lock (_gate)
        {
            (_isArmed, _limit, _armedAt) = (true, limit, _clock.GetTimestamp());
        }

        _timer.Change(limit, Timeout.InfiniteTimeSpan);
    }

    private void Disarm()
    {
        lock (_gate)
        {
            _isArmed = false;
        }
    }

    private void Tick()
    {
        lock (_gate)
        {
            if (!_isArmed)
            {
                return;
            }

            // The timer of a step that is over may still come, and a timer may come a little early.
            var left = _limit - _clock.GetElapsedTime(_armedAt);
            if (left > TimeSpan.Zero)
            {
                _timer.Change(left, Timeout.InfiniteTimeSpan);
                return;
            }

            TimedOut = true;
        }

        GiveUp($"no answer within {_limit.TotalSeconds:0.##} s");
    }

    /// <summary>Ours to end: whatever waits on the socket wakes up.</summary>
    private void GiveUp(string reason)
    {
        End(reason);
        _socket.Dispose();
    }

    /// <summary>The first reason counts.</summary>
    private void End(string reason) => Interlocked.CompareExchange(ref _reason, reason, null);
}
