using System.CommandLine;
using Ekiben.Broadcasts;
using Microsoft.Data.Sqlite;

namespace Ekiben.Commands;

/// <summary>
/// <c>ekiben prove</c>: the promise of the ledger, tried out on this machine. A real server is killed (kill -9) again and again in the middle of
/// a real send, and what it wrote down is compared with what the receiving side wrote down before it answered.
/// </summary>
internal static class ProveCommand
{
    private const int MaxKills = 1000;
    private const int MaxRecipients = 1_000_000;

    /// <summary>Fewer recipients a kill and the send would be over before the last one.</summary>
    private const int RecipientsPerKill = 20;

    public static Command Create()
    {
        var kills = new Option<int>("--kills") { Description = "How often the server is killed.", HelpName = "N", DefaultValueFactory = _ => 10 };
        var recipients = new Option<int>("--recipients") { Description = "How many people the broadcast goes to.", HelpName = "N", DefaultValueFactory = _ => 4000 };
        var pauses = new Option<int>("--pauses") { Description = "How often it is paused and resumed in between.", HelpName = "N", DefaultValueFactory = _ => 5 };
        var policy = new Option<string>("--policy") { Description = "What becomes of uncertain messages: resend or hold.", DefaultValueFactory = _ => "resend" };
        policy.AcceptOnlyFromAmong("resend", "hold");
        var journal = new Option<string?>("--journal") { Description = "With --relay: the journal of the 'ekiben sink' behind it.", HelpName = "FILE" };
        var json = CommandOutput.JsonOption();
        var command = new Command("prove", "Kill a real server again and again while it sends, and count who was lost and who got two copies.")
        {
            kills, recipients, pauses, policy, journal, json,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            var (times, people, file) = (parsed.GetValue(kills), parsed.GetValue(recipients), parsed.GetValue(journal));
            if (times is < 1 or > MaxKills)
            {
                throw CommandFailure.Usage($"--kills takes 1 to {MaxKills}");
            }

            if (people > MaxRecipients || people < times * RecipientsPerKill)
            {
                throw CommandFailure.Usage($"--recipients takes {RecipientsPerKill} for each kill to {MaxRecipients}");
            }

            if (parsed.GetValue(pauses) is < 0 or > MaxKills)
            {
                throw CommandFailure.Usage($"--pauses takes 0 to {MaxKills}");
            }

            if (new[] { CommonOptions.Data, CommonOptions.Urls, CommonOptions.PublicUrl }.FirstOrDefault(option => parsed.GetValue(option) is not null) is { } given)
            {
                throw CommandFailure.Usage($"{given.Name}: prove works on a folder and an address of its own; leave the option out.");
            }

            // Until a command first waits Ctrl+C ends the process without cleaning up.
            await Task.Yield();
            var folder = Directory.CreateTempSubdirectory("ekiben-prove-").FullName;
            return await RunAndCleanAsync(folder, parsed.GetValue(json), () =>
            {
                // Relay and database are taken from the command line alone: an environment's are real ones.
                var options = CommonOptions.Read(parsed, Path.Combine(folder, "data"));
                if (options.Database is not null && parsed.GetValue(CommonOptions.Database) is null)
                {
                    throw CommandFailure.Usage("EKIBEN_DATABASE: prove fills a database with made-up people, so it takes one from the command line alone; unset the variable.");
                }

                var relay = parsed.GetValue(CommonOptions.Relay);
                if (relay is null != file is null)
                {
                    throw CommandFailure.Usage("--relay and --journal go together: only the journal of a sink behind the relay says who got what");
                }

                if (relay is not null && options.Relay is { IsLoopback: false })
                {
                    throw CommandFailure.Usage("--relay: the addresses are made up, so the relay must be on this machine and pass everything on to a sink");
                }

                var plan = new ProvePlan(times, people, parsed.GetValue(pauses), parsed.GetValue(policy) == "hold" ? UncertainPolicy.Hold : UncertainPolicy.Resend);
                return new ProveRun(plan, options, folder, relay, file).RunAsync(cancel);
            });
        });
        return command;
    }

    /// <summary>The folder goes, also after Ctrl+C. When the promise was broken it stays and is named: it holds what went wrong.</summary>
    private static async Task<int> RunAndCleanAsync(string folder, bool json, Func<Task<ProveResult>> run)
    {
        ProveResult result;
        try
        {
            result = await run();
        }
        catch
        {
            Remove(folder);
            throw;
        }

        Console.Out.WriteLine(json ? CommandOutput.Json(result) : result.ToText());
        if (!result.PromiseKept)
        {
            throw new CommandFailure($"promise broken: {string.Join("; ", result.Broken)}. The journal and the database are kept in {folder}");
        }

        Remove(folder);
        return 0;
    }

    private static void Remove(string folder)
    {
        // Pooled connections keep files open, and some systems do not delete those.
        SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }
}
