using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using Ekiben.Sink;

namespace Ekiben.Commands;

/// <summary>
/// The command line. What is asked for goes to stdout, everything else to stderr;
/// 0 = done, 1 = could not be done, 2 = wrong usage, each failure with one line.
/// </summary>
internal static class Cli
{
    /// <summary>Between Ctrl+C and the end of the process, whatever a command still does then: the server's own grace is 30 s.</summary>
    private static readonly TimeSpan EndAfterSignal = TimeSpan.FromSeconds(35);

    public static async Task<int> RunAsync(string[] args)
    {
        var parsed = Root().Parse(args);
        if (parsed.Errors.Count > 0)
        {
            return WrongUsage(parsed);
        }

        try
        {
            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = EndAfterSignal };
            return await parsed.InvokeAsync(configuration);
        }
        catch (CommandFailure failure)
        {
            return Say(failure.Message, failure.ExitCode);
        }
        catch (OperationCanceledException)
        {
            return Say("stopped", 1);
        }
        catch (Exception world) when (world is IOException or UnauthorizedAccessException or System.Data.Common.DbException or HttpRequestException)
        {
            return Say(world.Message, 1);
        }
        catch (Exception bug) when (Environment.GetEnvironmentVariable("EKIBEN_TRACE") is null)
        {
            return Say($"internal error ({bug.GetType().Name}): {bug.Message} Set EKIBEN_TRACE=1 to see where.", 1);
        }
    }

    internal static RootCommand Root() => new("Ekiben: a self-hosted broadcast e-mail server that accounts for every recipient.")
    {
        CommonOptions.Data,
        CommonOptions.Database,
        CommonOptions.Urls,
        CommonOptions.PublicUrl,
        CommonOptions.Relay,
        CommonOptions.Limits,
        CommonOptions.Dns,
        DemoCommand.Create(),
        ServeCommand.Create(),
        SiteCommand.Create(),
        InstanceCommand.Create(),
        DomainCommand.Create(),
        RelayCommand.Create(),
        ProviderCommand.Create(),
        UserCommand.Create(),
        BroadcastCommand.Create(),
        ReceiptCommand.Create(),
        WhyCommand.Create(),
        RenderCommand.Create(),
        ProveCommand.Create(),
        SinkCommand.Create(),
        BenchCommand.Create(),
    };

    private static int WrongUsage(ParseResult parsed)
    {
        var command = string.Join(' ', Path(parsed.CommandResult).Reverse());
        // "Required command was not provided" comes first where a command is misspelt, and says less.
        var problem = parsed.UnmatchedTokens is [var unknown, ..] ? $"'{unknown}' is not known here." : parsed.Errors[0].Message;
        return Say($"{OneLine(problem)} See '{command} --help'.", 2);

        static IEnumerable<string> Path(CommandResult command)
        {
            for (SymbolResult? result = command; result is CommandResult step; result = result.Parent)
            {
                yield return step.Command is RootCommand ? "ekiben" : step.Command.Name;
            }
        }
    }

    private static int Say(string message, int exitCode)
    {
        Console.Error.WriteLine($"ekiben: {OneLine(message)}");
        return exitCode;
    }

    private static string OneLine(string text) => string.Join(' ', text.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}

/// <summary>How commands print for programs: one JSON document, snake case, as over the API.</summary>
internal static class CommandOutput
{
    public static readonly JsonSerializerOptions SnakeCase = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Json<T>(T value) => JsonSerializer.Serialize(value, SnakeCase);

    public static Option<bool> JsonOption() => new("--json") { Description = "Print JSON, for programs." };
}
