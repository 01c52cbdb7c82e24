using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Ekiben.Commands;

/// <summary>Postfix's <c>smtp-sink</c> and <c>smtp-source</c>: the receiver of every round of <c>bench</c>, and the sender to be compared with.</summary>
internal sealed class PostfixTools
{
    /// <summary>Sessions of <c>smtp-source</c> at once, each kept for many messages: the setting that is fastest here.</summary>
    public const int SourceSessions = 10;

    private static readonly TimeSpan SinkStart = TimeSpan.FromSeconds(10);

    private readonly string _sink;
    private readonly string _source;
    private readonly string? _libraries;

    private PostfixTools(string sink, string source, string? libraries) => (_sink, _source, _libraries) = (sink, source, libraries);

    /// <param name="folder">An unpacked Debian package of Postfix; null = the PATH.</param>
    /// <exception cref="CommandFailure">They are not there.</exception>
    public static PostfixTools Find(string? folder)
    {
        if (folder is not null)
        {
            var root = Path.GetFullPath(folder);
            var (sink, source) = (Path.Combine(root, "usr/sbin/smtp-sink"), Path.Combine(root, "usr/sbin/smtp-source"));
            return File.Exists(sink) && File.Exists(source)
                ? new PostfixTools(sink, source, Path.Combine(root, "usr/lib/postfix"))
                : throw new CommandFailure($"--postfix: there is no usr/sbin/smtp-sink in {root}; unpack the package there with dpkg-deb -x");
        }

        return OnPath("smtp-sink") is { } foundSink && OnPath("smtp-source") is { } foundSource
            ? new PostfixTools(foundSink, foundSource, null)
            : throw new CommandFailure("bench needs Postfix's smtp-sink and smtp-source: install postfix, or unpack its package and name the folder with --postfix DIR");
    }

    /// <summary>Starts a sink on a free port of loopback and waits until it answers.</summary>
    public async Task<Process> StartSinkAsync(int port, TimeProvider clock, CancellationToken cancel)
    {
        List<string> arguments = [.. Environment.IsPrivilegedProcess ? (string[])["-u", "nobody"] : [], string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"), "512"];
        var sink = Start(_sink, arguments);
        using var patience = new CancellationTokenSource(SinkStart, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancel);
        while (!await AnswersAsync(port, either.Token))
        {
            if (sink.HasExited)
            {
                throw new CommandFailure($"smtp-sink ended with {sink.ExitCode}: {(await sink.StandardError.ReadToEndAsync(cancel)).Trim()}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), clock, either.Token);
        }

        return sink;
    }

    /// <summary>One run of the comparison: as many messages as ours, of the same size, over kept connections.</summary>
    public async Task RunSourceAsync(int port, int messages, int size, CancellationToken cancel)
    {
        using var source = Start(_source, [
            "-d", "-s", Text(SourceSessions), "-m", Text(messages), "-l", Text(size), "-f", "news@bench.example", "-t", "people@bench.example",
            $"inet:127.0.0.1:{Text(port)}"]);
        try
        {
            await source.WaitForExitAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            source.Kill();
            throw;
        }

        if (source.ExitCode != 0)
        {
            throw new CommandFailure($"smtp-source ended with {source.ExitCode}: {(await source.StandardError.ReadToEndAsync(cancel)).Trim()}");
        }
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private Process Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        if (_libraries is not null)
        {
            start.Environment["LD_LIBRARY_PATH"] = _libraries;
        }

        return Process.Start(start) ?? throw new CommandFailure($"{program} cannot be started");
    }

    private static async Task<bool> AnswersAsync(int port, CancellationToken cancel)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port, cancel);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static string? OnPath(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Append("/usr/sbin").Where(folder => folder.Length > 0).Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
