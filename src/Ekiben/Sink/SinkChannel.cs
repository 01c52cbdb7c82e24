using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;

namespace Ekiben.Sink;

/// <summary>What <see cref="SinkChannel.TryReadLine"/> found.</summary>
internal enum SinkLine
{
    /// <summary>No whole line has come yet.</summary>
    None,

    /// <summary>A line that ended with CRLF.</summary>
    Whole,

    /// <summary>A line that ended with LF alone.</summary>
    BareLineFeed,

    /// <summary>A line over the limit; its bytes are gone.</summary>
    TooLong,
}

/// <summary>
/// One connection's bytes, both ways. Replies gather until the client's pipelined commands are used up (RFC 2920 §3.2),
/// and none leaves before the journal has on disk what it answers for.
/// </summary>
internal sealed class SinkChannel(Socket socket, TimeProvider clock) : IDisposable
{
    // RFC 4954 §4.3 asks for 12,288 octets at AUTH; RFC 5321 §4.5.3.1.4 for 512 elsewhere.
    private const int LongestLine = 12_288;
    private const int MaxUnsentReplies = 16 * 1024;
    private static readonly TimeSpan LingerTimeout = TimeSpan.FromSeconds(2);
    private const long MaxLingerBytes = 64 * 1024 * 1024;

    private readonly byte[] _input = new byte[32 * 1024];
    private readonly ArrayBufferWriter<byte> _replies = new(1024);
    private Stream _stream = new NetworkStream(socket, ownsSocket: true);
    private long _lastActive = clock.GetTimestamp();
    private int _start;
    private int _end;
    private int _searched;
    private bool _skippingLine;
    private Task _onDisk = Task.CompletedTask;

    /// <summary>When bytes last came or went, as a timestamp of the clock; long.MaxValue while a fault holds the connection.</summary>
    public long LastActive => IsHeld ? long.MaxValue : _lastActive;

    /// <summary>Whether a fault holds the connection, so that its silence is not the client's fault.</summary>
    public bool IsHeld { get; set; }

    /// <summary>Whether TLS is on.</summary>
    public bool IsEncrypted => _stream is SslStream;

    /// <summary>Bytes that have come and were not used yet.</summary>
    public ReadOnlySpan<byte> Unread => _input.AsSpan(_start, _end - _start);

    /// <summary>Takes the next line without its end. It stays valid until the next <see cref="FillAsync"/>.</summary>
    public SinkLine TryReadLine(out ReadOnlyMemory<byte> line)
    {
        line = default;
        var newLine = _input.AsSpan(_start + _searched, _end - _start - _searched).IndexOf((byte)'\n');
        if (newLine < 0)
        {
            _searched = _end - _start;
            if (_searched > LongestLine)
            {
                _skippingLine = true;
                Consume(_searched);
            }

            return SinkLine.None;
        }

        var length = _searched + newLine;
        var tooLong = _skippingLine || length > LongestLine;
        var withReturn = length > 0 && _input[_start + length - 1] == '\r';
        line = _input.AsMemory(_start, withReturn ? length - 1 : length);
        Consume(length + 1);
        _skippingLine = false;
        return tooLong ? SinkLine.TooLong : withReturn ? SinkLine.Whole : SinkLine.BareLineFeed;
    }

    /// <summary>Marks bytes of <see cref="Unread"/> as used.</summary>
    public void Consume(int count)
    {
        _start += count;
        _searched = 0;
    }

    /// <summary>Sends what has gathered and waits for more bytes.</summary>
    /// <returns>False when the client has closed its side.</returns>
    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        if (_start == _end)
        {
            _start = _end = 0;
        }
        else if (_end == _input.Length)
        {
            Unread.CopyTo(_input);
            (_start, _end) = (0, _end - _start);
        }

        var read = await _stream.ReadAsync(_input.AsMemory(_end), cancellationToken);
        _end += read;
        _lastActive = clock.GetTimestamp();
        return read > 0;
    }

    /// <summary>Adds bytes to the replies to send.</summary>
    public void Write(ReadOnlySpan<byte> bytes) => _replies.Write(bytes);

    /// <summary>No reply written from here on leaves before this task is done.</summary>
    public void HoldRepliesFor(Task onDisk) => _onDisk = onDisk;

    /// <summary>Sends when a client pipelines so much that its replies would pile up.</summary>
    public ValueTask FlushIfLargeAsync(CancellationToken cancellationToken) =>
        _replies.WrittenCount < MaxUnsentReplies ? ValueTask.CompletedTask : FlushAsync(cancellationToken);

    /// <summary>Sends the replies that have gathered, once the journal is on disk.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await _onDisk;
        if (_replies.WrittenCount > 0)
        {
            await _stream.WriteAsync(_replies.WrittenMemory, cancellationToken);
            _replies.ResetWrittenCount();
            _lastActive = clock.GetTimestamp();
        }
    }

    /// <summary>Turns TLS on. What the client sent ahead in clear text is dropped, or it could be forged (RFC 3207 §6).</summary>
    public async Task EncryptAsync(SslServerAuthenticationOptions options, CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        Consume(_end - _start);
        var encrypted = new SslStream(_stream);
        _stream = encrypted;
        await encrypted.AuthenticateAsServerAsync(options, cancellationToken);
    }

    /// <summary>Says nothing more and reads on until the client leaves or the time is up.</summary>
    public async Task StallAsync(TimeSpan limit, bool reading, CancellationToken cancellationToken)
    {
        IsHeld = true;
        await FlushAsync(cancellationToken);
        using var timeUp = new CancellationTokenSource(limit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeUp.Token, cancellationToken);
        try
        {
            if (!reading)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, clock, either.Token);
            }

            await DrainAsync(long.MaxValue, either.Token);
        }
        catch (OperationCanceledException) when (timeUp.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            // The limit on a stall: the connection is closed like any other.
        }
    }

    /// <summary>Waits without counting as idle.</summary>
    public async Task DelayAsync(TimeSpan delay, CancellationToken cancellationToken)
    {
        IsHeld = true;
        await FlushAsync(cancellationToken);
        await Task.Delay(delay, clock, cancellationToken);
        IsHeld = false;
        _lastActive = clock.GetTimestamp();
    }

    /// <summary>
    /// Closes in order. Bytes still coming are read and dropped for a moment: closing over them would send RST,
    /// which can destroy replies that the client has not read.
    /// </summary>
    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        if (_stream is SslStream encrypted)
        {
            await encrypted.ShutdownAsync();
        }

        socket.Shutdown(SocketShutdown.Send);
        using var timeUp = new CancellationTokenSource(LingerTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeUp.Token, cancellationToken);
        try
        {
            await DrainAsync(MaxLingerBytes, either.Token);
        }
        catch (OperationCanceledException) when (timeUp.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            // A client that ignores the close has been given its time.
        }
    }

    /// <summary>Sends the earlier replies and breaks the connection with RST.</summary>
    public async Task ResetAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        Abort();
    }

    /// <summary>Breaks the connection at once, from any thread.</summary>
    public void Abort()
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Already gone, which is what was wanted.
        }

        socket.Dispose();
    }

    public void Dispose() => _stream.Dispose();

    private async Task DrainAsync(long limit, CancellationToken cancellationToken)
    {
        for (long drained = 0; drained < limit;)
        {
            var read = await _stream.ReadAsync(_input, cancellationToken);
            if (read == 0)
            {
                return;
            }

            drained += read;
        }
    }
}
