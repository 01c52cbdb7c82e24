using System.CommandLine;
using System.Globalization;
using Ekiben.Broadcasts;
using Ekiben.Storage;

namespace Ekiben.Commands;

/// <summary><c>ekiben receipt</c>: the account of one broadcast, counted afresh from the ledger's rows.</summary>
internal static class ReceiptCommand
{
    public static Command Create()
    {
        var id = BroadcastCommand.IdArgument();
        var json = CommandOutput.JsonOption();
        var command = new Command("receipt", "Print the account of a broadcast: everyone matched, and what became of them.") { id, json };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var broadcast = await folder.FindBroadcastAsync(parsed.GetRequiredValue(id), cancel);
            var receipt = await folder.Services.GetRequiredService<Receipts>().ReadAsync(broadcast, cancel);
            Console.Out.WriteLine(parsed.GetValue(json) ? CommandOutput.Json(receipt) : ToText(broadcast, receipt));
            return 0;
        });
        return command;
    }

    /// <summary>The lines of a receipt in the order in which they add up; the names are the JSON's.</summary>
    public static IReadOnlyList<(string Name, long Count)> Lines(Receipt r) =>
    [
        ("matched", r.Matched), ("excluded", r.Excluded), ("unsubscribed", r.Unsubscribed), ("suppressed_before", r.SuppressedBefore),
        ("duplicate_addresses", r.DuplicateAddresses), ("recipients", r.Recipients), ("pending", r.Pending), ("sending", r.Sending),
        ("deferred", r.Deferred), ("accepted", r.Accepted), ("refused", r.Refused), ("expired", r.Expired), ("suppressed", r.Suppressed),
        ("render_failed", r.RenderFailed), ("canceled", r.Canceled), ("uncertain", r.Uncertain), ("uncertain_ever", r.UncertainEver), ("resent", r.Resent),
        ("treated_as_sent", r.TreatedAsSent),
    ];

    private static string ToText(Broadcast broadcast, Receipt receipt)
    {
        var lines = new List<string> { $"broadcast {receipt.BroadcastId}, {receipt.Status}: {broadcast.Name}" };
        foreach (var (name, count) in Lines(receipt))
        {
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"  {(name is "matched" or "recipients" ? name : "  " + name),-23}{count,12:N0}"));
        }

        lines.Add(receipt.Balanced ? "  balanced: both sums hold" : "  NOT BALANCED: the sums and the rows disagree");
        return string.Join(Environment.NewLine, lines);
    }
}
