using System.Diagnostics;
using System.Threading.Channels;

namespace Ekiben.Smtp.Tests.Peers;

/// <summary>A process and what it says: tests wait for its lines, never for time to pass.</summary>
internal sealed class PeerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly List<string> _seen = [];
    private readonly Task _reading;

    /// <param name="start">What to run; its output is redirected.</param>
    public PeerProcess(ProcessStartInfo start)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        _process = Process.Start(start)!;
        _reading = ReadAsync();
    }

    /// <summary>What was said and waited for so far.</summary>
    public string Said => string.Join('\n', _seen);

    /// <summary>The first line that fits, also of those that were seen before.</summary>
    /// <param name="fits">Which line.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="PeerEndedException">The process ended without it.</exception>
    public async Task<string> LineAsync(Func<string, bool> fits, CancellationToken cancel)
    {
        if (_seen.Find(line => fits(line)) is { } old)
        {
            return old;
        }

        await foreach (var line in _lines.Reader.ReadAllAsync(cancel))
        {
            _seen.Add(line);
            if (fits(line))
            {
                return line;
            }
        }

        throw new PeerEndedException($"{_process.StartInfo.FileName} ended:\n{Said}");
    }

    /// <summary>Reads on to the end of the process, which has to be its success.</summary>
    public async Task EndAsync(CancellationToken cancel)
    {
        await foreach (var line in _lines.Reader.ReadAllAsync(cancel))
        {
            _seen.Add(line);
        }

        await _process.WaitForExitAsync(cancel);
        Assert.True(_process.ExitCode == 0, $"{_process.StartInfo.FileName} failed:\n{Said}");
    }

    public static async Task RunAsync(ProcessStartInfo start, CancellationToken cancel)
    {
        await using var process = new PeerProcess(start);
        await process.EndAsync(cancel);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        await Task.WhenAll(OnThreadOfItsOwn(_process.StandardOutput), OnThreadOfItsOwn(_process.StandardError));
        _lines.Writer.Complete();
    }

    /// <summary>Reading a pipe blocks a thread, also where it is called asynchronous: the pool has only a few.</summary>
    private Task OnThreadOfItsOwn(StreamReader from) => Task.Factory.StartNew(
        () =>
        {
            while (from.ReadLine() is { } line)
            {
                _lines.Writer.TryWrite(line);
            }
        },
        CancellationToken.None,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default);
}

/// <summary>A server ended before it did what was waited for.</summary>
internal sealed class PeerEndedException(string message) : Exception(message);
