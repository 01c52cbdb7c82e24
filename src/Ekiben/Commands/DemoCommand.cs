using System.CommandLine;
using Microsoft.Data.Sqlite;

namespace Ekiben.Commands;

/// <summary>
/// <c>ekiben demo</c>: the whole product in one command, on a folder that goes with it. The real server and engine run in this process,
/// and everything that a client would do comes over HTTP.
/// </summary>
internal static class DemoCommand
{
    private const int MaxRecipients = 1_000_000;

    public static Command Create()
    {
        var recipients = new Option<int>("--recipients") { Description = "How many sample subscribers.", HelpName = "N", DefaultValueFactory = _ => 2000 };
        var exit = new Option<bool>("--exit") { Description = "End when all is sent, with 1 if anything does not add up. Otherwise it serves until Ctrl+C." };
        var command = new Command("demo", "Show everything at once: sample subscribers, five campaigns, receipts, the platform.") { recipients, exit };
        command.SetAction(async (parsed, cancel) =>
        {
            var people = parsed.GetValue(recipients);
            if (people is < 1 or > MaxRecipients)
            {
                throw CommandFailure.Usage($"--recipients takes 1 to {DemoScreen.Number(MaxRecipients)}");
            }

            if (new[] { CommonOptions.Data, CommonOptions.Database, CommonOptions.PublicUrl, CommonOptions.Relay }.FirstOrDefault(option => parsed.GetValue(option) is not null) is { } given)
            {
                throw CommandFailure.Usage($"{given.Name}: demo works on a folder of its own and sends into the built-in mailbox only; leave the option out.");
            }

            // Much of what follows completes without waiting, and until a command first waits Ctrl+C ends the process without cleaning up.
            await Task.Yield();
            var folder = Directory.CreateTempSubdirectory("ekiben-demo-").FullName;
            var run = new DemoRun(OptionsFor(parsed, folder), people, parsed.GetValue(exit));
            return await RunAndCleanAsync(run, folder, cancel);
        });
        return command;
    }

    private static EkibenOptions OptionsFor(ParseResult parsed, string folder)
    {
        try
        {
            var options = CommonOptions.Read(parsed, folder) with { Database = null, PublicUrl = null, Relay = null };
            // Only where nobody asked for a port may another one be taken.
            return CommonOptions.UrlsGiven(parsed) || RunningServer.WhatKeepsFrom(options.Urls) is null ? options : options with { Urls = "http://localhost:0" };
        }
        catch (CommandFailure)
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    /// <summary>The folder goes, also after Ctrl+C. After a failure it stays and is named: it holds what went wrong.</summary>
    private static async Task<int> RunAndCleanAsync(DemoRun run, string folder, CancellationToken cancel)
    {
        string? wrong;
        try
        {
            wrong = await run.RunAsync(cancel);
        }
        catch (OperationCanceledException stopped) when (stopped.InnerException is not TimeoutException)
        {
            Remove(folder);
            throw;
        }
        catch (CommandFailure) when (!run.HasServed)
        {
            Remove(folder);
            throw;
        }
        catch (Exception world) when (world is CommandFailure or OperationCanceledException or HttpRequestException or IOException or System.Data.Common.DbException)
        {
            throw new CommandFailure($"{world.Message}{KeptIn(folder)}");
        }
        catch
        {
            Console.Error.WriteLine($"ekiben: the demo failed{KeptIn(folder)}");
            throw;
        }

        if (wrong is not null)
        {
            throw new CommandFailure($"{wrong}{KeptIn(folder)}");
        }

        Remove(folder);
        return 0;
    }

    private static string KeptIn(string folder) => $"; the demo's data is kept in {folder}";

    private static void Remove(string folder)
    {
        // Pooled connections keep files open, and some systems do not delete those.
        SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }
}
