using System.CommandLine;
using Ekiben.Accounts;
using Ekiben.Instances;

namespace Ekiben.Commands;

/// <summary><c>ekiben instance adopt</c>: what the platform's banner does, for a server without a browser at hand.</summary>
internal static class InstanceCommand
{
    public static Command Create()
    {
        var adopt = new Command("adopt", "Say that this data folder is the one that sends for its database, after it was copied, moved or restored.");
        adopt.SetAction(async (parsed, cancel) =>
        {
            var options = CommonOptions.Read(parsed);
            await using var folder = await DataFolder.OpenAsync(options, cancel);
            await folder.Services.GetRequiredService<InstanceGuard>().AdoptAsync(Actor.Cli, cancel);
            Console.Out.WriteLine($"{options.DataFolder} is the one that sends");
            return 0;
        });
        return new Command("instance", "Which data folder sends for a database.") { adopt };
    }
}
