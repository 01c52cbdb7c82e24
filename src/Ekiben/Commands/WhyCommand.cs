using System.CommandLine;
using System.Globalization;
using Ekiben.Broadcasts;

namespace Ekiben.Commands;

/// <summary><c>ekiben why</c>: why somebody got a broadcast or not, in a sentence.</summary>
internal static class WhyCommand
{
    public static Command Create()
    {
        var id = BroadcastCommand.IdArgument();
        var email = new Argument<string>("EMAIL") { Description = "The person's address." };
        var json = CommandOutput.JsonOption();
        var command = new Command("why", "Say why somebody got a broadcast or not: the rule, tag, suppression, attempt and reply that decided.") { id, email, json };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var broadcast = await folder.FindBroadcastAsync(parsed.GetRequiredValue(id), cancel);
            var answer = await folder.Services.GetRequiredService<Why>().AskAsync(broadcast, parsed.GetRequiredValue(email), cancel);
            Console.Out.WriteLine(parsed.GetValue(json) ? CommandOutput.Json(answer) : ToText(answer));
            return 0;
        });
        return command;
    }

    private static string ToText(WhyAnswer answer)
    {
        var lines = new List<string> { answer.Answer };
        lines.AddRange(answer.Attempts.Select(attempt => string.Create(
            CultureInfo.InvariantCulture, $"  attempt {attempt.Number}, {attempt.At:u}: {attempt.Outcome} ({attempt.Phase}) {attempt.Code} {attempt.Reply}").TrimEnd()));
        if (answer.MessageId is { } messageId)
        {
            lines.Add($"  Message-ID <{messageId}>");
        }

        return string.Join(Environment.NewLine, lines);
    }
}
