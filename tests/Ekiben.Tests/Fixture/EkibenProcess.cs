using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Ekiben.Tests.Fixture;

/// <summary>
/// The built program as a process of its own: what only a process can show, such as a kill, a taken lock or an exit code.
/// A server is started on a free port; kill it and start another on the same folder to see a restart. Always ended by its own id.
/// </summary>
internal sealed class EkibenProcess : IAsyncDisposable
{
    /// <summary>Generous for a loaded machine: a server that is not up by then never will be.</summary>
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(90);

    private static readonly TimeSpan RunLimit = TimeSpan.FromMinutes(8);

    private const int SigTerm = 15;

    private readonly Process _process;
    private readonly StringBuilder _errors;

    private EkibenProcess(Process process, StringBuilder errors, Uri address) => (_process, _errors, Address) = (process, errors, address);

    /// <summary>Where it listens, with a slash at the end.</summary>
    public Uri Address { get; }

    public int Id => _process.Id;

    /// <summary>What it wrote to stderr until now.</summary>
    public string Errors
    {
        get
        {
            lock (_errors)
            {
                return _errors.ToString();
            }
        }
    }

    /// <summary>Starts <c>ekiben serve</c> on the folder and waits for its line.</summary>
    public static Task<EkibenProcess> ServeAsync(string dataFolder, CancellationToken cancel, params string[] arguments) =>
        ServeAsync(new Dictionary<string, string?>(), dataFolder, cancel, arguments);

    /// <summary>The same with variables of its own.</summary>
    public static async Task<EkibenProcess> ServeAsync(
        IReadOnlyDictionary<string, string?> environment, string dataFolder, CancellationToken cancel, params string[] arguments)
    {
        var process = Start(["serve", "--data", dataFolder, "--urls", "http://127.0.0.1:0", .. arguments], environment);
        var errors = new StringBuilder();
        process.ErrorDataReceived += (_, line) =>
        {
            lock (errors)
            {
                errors.AppendLine(line.Data);
            }
        };
        process.BeginErrorReadLine();
        process.StandardInput.Close();
        try
        {
            using var limit = Limit(StartLimit, cancel);
            var line = await process.StandardOutput.ReadLineAsync(limit.Token);
            if (line?.StartsWith("ekiben: listening on ", StringComparison.Ordinal) != true)
            {
                await process.WaitForExitAsync(limit.Token);
                throw new InvalidOperationException($"serve ended with {process.ExitCode}: {line} {errors}");
            }

            return new EkibenProcess(process, errors, new Uri(line["ekiben: listening on ".Length..] + "/"));
        }
        catch
        {
            End(process);
            throw;
        }
    }

    /// <summary>Runs one command to its end.</summary>
    public static Task<CommandRun> RunAsync(CancellationToken cancel, params string[] arguments) => RunAsync(new Dictionary<string, string?>(), null, cancel, arguments);

    /// <summary>Runs one command to its end, with variables of its own (null unsets one) and a text on its standard input.</summary>
    public static async Task<CommandRun> RunAsync(
        IReadOnlyDictionary<string, string?> environment, string? input, CancellationToken cancel, params string[] arguments)
    {
        using var process = Start(arguments, environment);
        return await FinishAsync(process, input, cancel);
    }

    /// <summary>Runs another program to its end, such as a client's script.</summary>
    public static async Task<CommandRun> RunProgramAsync(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?> environment, CancellationToken cancel)
    {
        using var process = Start(new ProcessStartInfo(program, arguments), environment);
        return await FinishAsync(process, null, cancel);
    }

    /// <summary>kill -9: it gets to do nothing more.</summary>
    public async Task KillAsync(CancellationToken cancel)
    {
        _process.Kill();
        await _process.WaitForExitAsync(cancel);
    }

    /// <summary>Completes when it ended, by itself or by a signal.</summary>
    public Task EndedAsync(CancellationToken cancel) => _process.WaitForExitAsync(cancel);

    /// <summary>128 and the signal that ended it.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>SIGTERM, and its exit code.</summary>
    public async Task<int> StopAsync(CancellationToken cancel)
    {
        using var limit = Limit(RunLimit, cancel);
        if (Kill(_process.Id, SigTerm) != 0)
        {
            throw new InvalidOperationException("the server had ended already");
        }

        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    public ValueTask DisposeAsync()
    {
        End(_process);
        return ValueTask.CompletedTask;
    }

    private static async Task<CommandRun> FinishAsync(Process process, string? input, CancellationToken cancel)
    {
        using var limit = Limit(RunLimit, cancel);
        try
        {
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token);
            return new CommandRun(process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    private static Process Start(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?> environment) =>
        Start(new ProcessStartInfo("dotnet", ["exec", Program, .. arguments]), environment);

    private static Process Start(ProcessStartInfo start, IReadOnlyDictionary<string, string?> environment)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        foreach (var option in (string[])["DATA", "DATABASE", "URLS", "PUBLIC_URL", "RELAY"])
        {
            // The developer's own settings are not the test's.
            start.Environment.Remove("EKIBEN_" + option);
        }

        // Tests ask until something has happened.
        start.Environment["EKIBEN_LIMITS"] = "none";
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start");
    }

    /// <summary>The program as its own project built it, in the configuration of these tests: only there all its files lie beside it.</summary>
    private static string Program { get; } = FindProgram();

    /// <summary>The repository's root.</summary>
    public static string Root { get; } = FindRoot();

    private static string FindProgram()
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(FindRoot(), "src", "Ekiben", "bin", output.Parent!.Name, output.Name, "ekiben.dll");
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Ekiben.slnx")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("the tests run outside the repository");
        }

        return folder.FullName;
    }

    private static void End(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill();
            process.WaitForExit();
        }

        process.Dispose();
    }

    private static CancellationTokenSource Limit(TimeSpan span, CancellationToken cancel)
    {
#pragma warning disable RS0030 // A real process lives in real time.
        var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(span);
#pragma warning restore RS0030
        return limit;
    }

#pragma warning disable SYSLIB1054, CA5392 // One call without strings; libc is always the system's.
    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
#pragma warning restore SYSLIB1054, CA5392
}

/// <summary>A command that ended.</summary>
internal sealed record CommandRun(int ExitCode, string Output, string Errors)
{
    /// <summary>What it printed, when it succeeded.</summary>
    public string Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}\n{Output}\n{Errors}");
        return Output;
    }

    /// <summary>The one line on stderr of a command that failed as expected.</summary>
    public string FailedWith(int exitCode)
    {
        Assert.Equal(exitCode, ExitCode);
        Assert.Equal("", Output);
        return Assert.Single(Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
