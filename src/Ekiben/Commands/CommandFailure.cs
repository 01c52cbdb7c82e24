namespace Ekiben.Commands;

/// <summary>Ends a command with one line on stderr and an exit code: 1 when it could not be done, 2 when it was asked for wrongly.</summary>
internal sealed class CommandFailure(string message, int exitCode = 1) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    public static CommandFailure Usage(string message) => new(message, 2);
}
