using System.Diagnostics;

namespace Ekiben.Commands;

/// <summary>
/// This program once more, as a process of its own: <c>prove</c> kills servers, and a kill is only real from outside. It says one line when it
/// is ready and is always ended with its owner.
/// </summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    /// <summary>Generous for a loaded machine: what is not ready by then never will be.</summary>
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(90);

    private readonly Process _process;

    private ChildProcess(Process process, string said) => (_process, Said) = (process, said);

    /// <summary>What its first line says after the words it was waited for.</summary>
    public string Said { get; }

    /// <param name="ready">How its first line begins.</param>
    /// <param name="arguments">The command and its options.</param>
    /// <param name="clock">Limits the wait.</param>
    /// <param name="cancel">Ends it.</param>
    /// <exception cref="CommandFailure">It ended, or said something else.</exception>
    public static async Task<ChildProcess> StartAsync(string ready, IReadOnlyList<string> arguments, TimeProvider clock, CancellationToken cancel)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
        {
            start.ArgumentList.Add("exec");
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        }

        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // What holds for this command in the environment is not meant for its children.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("EKIBEN_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        var process = Process.Start(start) ?? throw new CommandFailure($"{start.FileName} did not start");
        try
        {
            var last = new LastLine();
            process.ErrorDataReceived += (_, line) => last.Keep(line.Data);
            process.BeginErrorReadLine();
            process.StandardInput.Close();
            using var limit = new CancellationTokenSource(StartLimit, clock);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
            var line = await process.StandardOutput.ReadLineAsync(either.Token);
            return line?.StartsWith(ready, StringComparison.Ordinal) == true
                ? new ChildProcess(process, line[ready.Length..].Trim())
                : throw new CommandFailure($"'{arguments[0]}' did not start: {line ?? last.Text}");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            await EndAsync(process);
            throw new CommandFailure($"'{arguments[0]}' was not ready after {StartLimit.TotalSeconds:0} s");
        }
        catch
        {
            await EndAsync(process);
            throw;
        }
    }

    /// <summary>kill -9, and waits until it is gone: it gets to do nothing more.</summary>
    public async Task KillAsync()
    {
        if (_process.HasExited)
        {
            throw new CommandFailure($"process {_process.Id} ended by itself with {_process.ExitCode}");
        }

        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync() => await EndAsync(_process);

    private static async Task EndAsync(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }

        process.Dispose();
    }

    private sealed class LastLine
    {
        private volatile string _text = "";

        public string Text => _text;

        public void Keep(string? line)
        {
            if (!string.IsNullOrWhiteSpace(line))
            {
                _text = line;
            }
        }
    }
}
