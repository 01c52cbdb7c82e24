using System.Globalization;
using Spectre.Console;

namespace Ekiben.Commands;

/// <summary>Says how far one line of a step is; the total may grow while it goes on.</summary>
internal delegate void ReportProgress(int line, long done, long total);

/// <summary>How the demo prints: moving bars on a terminal, plain lines into a file or a pipe.</summary>
internal static class DemoScreen
{
    public static void Say(string line) => Console.Out.WriteLine(line);

    /// <summary>Runs one step of the demo under a bar for each of its lines.</summary>
    public static async Task ShowProgressAsync(IReadOnlyList<string> lines, Func<ReportProgress, Task> step)
    {
        if (Console.IsOutputRedirected)
        {
            await ShowPlainAsync(lines, step);
            return;
        }

        var progress = AnsiConsole.Progress().AutoRefresh(true).Columns(
            new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new SpinnerColumn());
        await progress.StartAsync(async screen =>
        {
            var tasks = lines.Select(line => screen.AddTask(Markup.Escape(line), maxValue: 1)).ToList();
            await step((line, done, total) =>
            {
                var task = tasks[line];
                task.Description = Markup.Escape(Counted(lines[line], done, total));
                task.MaxValue = Math.Max(total, 1);
                task.Value = done;
            });
        });
    }

    /// <summary>The receipt as a sum that can be followed: who was matched, less those left out, is the recipients, each in one state.</summary>
    public static void ShowReceipt(DemoAccount account)
    {
        var receipt = account.Receipt;
        var table = NewTable($"{account.Name}, {receipt.Status}", "People");
        var lines = ReceiptCommand.Lines(receipt);
        Row(table, "matched", receipt.Matched);
        foreach (var (name, count) in lines.Skip(1).TakeWhile(line => line.Name != "recipients"))
        {
            Row(table, "- " + name, count);
        }

        Row(table, "= recipients", receipt.Recipients);
        // uncertain_ever and resent are no states: they say what happened on the way.
        var states = lines.SkipWhile(line => line.Name != "recipients").Skip(1).TakeWhile(line => line.Name != "uncertain_ever");
        foreach (var (name, count) in states.Where(state => state.Count > 0 || state.Name == "accepted"))
        {
            Row(table, "  " + name, count);
        }

        table.AddRow(new Text("balanced"), new Text(receipt.Balanced ? "yes" : "NO"));
        AnsiConsole.Write(table);
    }

    public static void ShowDrafts(IReadOnlyList<DemoDraft> drafts)
    {
        var table = NewTable("Waiting for approval", "Would reach");
        foreach (var draft in drafts)
        {
            Row(table, draft.Campaign.Name, draft.Reach);
        }

        AnsiConsole.Write(table);
    }

    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static Table NewTable(string left, string right)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn(new TableColumn(new Text(left)).NoWrap());
        table.AddColumn(new TableColumn(new Text(right)).RightAligned());
        return table;
    }

    private static void Row(Table table, string name, long count) => table.AddRow(new Text(name), new Text(Number(count)));

    private static async Task ShowPlainAsync(IReadOnlyList<string> lines, Func<ReportProgress, Task> step)
    {
        // A line for each tenth: a log of a million recipients stays readable.
        var tenths = new int[lines.Count];
        await step((line, done, total) =>
        {
            var tenth = total == 0 ? 0 : (int)(done * 10 / total);
            if (tenth > tenths[line])
            {
                tenths[line] = tenth;
                Say(Counted(lines[line], done, total));
            }
        });
    }

    private static string Counted(string line, long done, long total) => $"{line}: {Number(done)} of {Number(total)}";
}
