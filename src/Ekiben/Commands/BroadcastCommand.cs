using System.CommandLine;
using System.Globalization;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Sites;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Commands;

/// <summary><c>ekiben broadcast</c>: what the platform does to a broadcast, for scripts. Written to the folder; a running server sees it there.</summary>
internal static class BroadcastCommand
{
    private const int MaxListed = 500;

    private delegate Task<ActionResult> Act(BroadcastActions actions, SiteId site, BroadcastId id, CancellationToken cancel);

    private delegate Task<UncertainDecision> Decide(UncertainDecisions decisions, SiteId site, BroadcastId id, UncertainWho who, CancellationToken cancel);

    public static Command Create() => new("broadcast", "List, approve, stop and resume broadcasts.")
    {
        List(),
        Show(),
        Action("approve", "Seal what the broadcast is now and let it go out; 30 seconds pass before an unscheduled one starts.",
            (actions, site, id, cancel) => actions.ApproveAsync(site, id, Actor.Cli, cancel)),
        Action("pause", "Put nothing more on the wire until it is resumed.",
            (actions, site, id, cancel) => actions.PauseAsync(site, id, Actor.Cli, cancel)),
        Action("resume", "Go on after a pause, or release a hold.",
            (actions, site, id, cancel) => actions.ResumeAsync(site, id, Actor.Cli, cancel)),
        Action("cancel", "Stop it for good.",
            (actions, site, id, cancel) => actions.CancelAsync(site, id, Actor.Cli, cancel)),
        Rate(),
        Decision("send-again", "Send an uncertain message once more: the one second try that there is.", "sent once more",
            (decisions, site, id, who, cancel) => decisions.SendAgainAsync(site, id, who, Actor.Cli, cancel)),
        Decision("treat-as-sent", "Note that an uncertain message is taken for sent; it changes no state.", "treated as sent",
            (decisions, site, id, who, cancel) => decisions.TreatAsSentAsync(site, id, who, Actor.Cli, cancel)),
    };

    private static Command Decision(string name, string description, string done, Decide decide)
    {
        var id = IdArgument();
        var email = new Argument<string?>("EMAIL") { Description = "Whose message it is.", Arity = ArgumentArity.ZeroOrOne };
        var all = new Option<bool>("--all") { Description = "Every recipient whom it can be about." };
        var json = CommandOutput.JsonOption();
        var command = new Command(name, description) { id, email, all, json };
        command.SetAction(async (parsed, cancel) =>
        {
            var address = parsed.GetValue(email);
            if (address is null != parsed.GetValue(all))
            {
                throw new CommandFailure("Say either whose message it is, or --all.");
            }

            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var broadcast = await folder.FindBroadcastAsync(parsed.GetRequiredValue(id), cancel);
            var decision = await decide(folder.Services.GetRequiredService<UncertainDecisions>(), broadcast.SiteId, broadcast.Id, new UncertainWho(address), cancel);
            if (!decision.Result.Done)
            {
                throw new CommandFailure(decision.Result.Problem!);
            }

            var view = new UncertainDecisionView(broadcast.Id.ToString(), decision.Recipients);
            Console.Out.WriteLine(parsed.GetValue(json) ? CommandOutput.Json(view) : $"broadcast {view.BroadcastId}: {view.Recipients.ToString(CultureInfo.InvariantCulture)} {done}");
            return 0;
        });
        return command;
    }

    private static Command List()
    {
        var site = new Option<string?>("--site") { Description = "Only this site's, by uuid or name.", HelpName = "SITE" };
        var status = new Option<string?>("--status") { Description = "Only those in this state.", HelpName = "STATUS" };
        status.AcceptOnlyFromAmong([.. Enum.GetValues<BroadcastStatus>().Select(s => s.Word())]);
        var json = CommandOutput.JsonOption();
        var command = new Command("list", $"List broadcasts, the newest first, at most {MaxListed}.") { site, status, json };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            await using var db = folder.Database.OpenEverySite();
            var query = db.Broadcasts.AsNoTracking();
            if (parsed.GetValue(site) is { } named)
            {
                var owner = await folder.FindSiteAsync(named, cancel);
                query = query.Where(b => b.SiteId == owner.Id);
            }

            if (parsed.GetValue(status) is { } word)
            {
                var wanted = BroadcastTransitions.FromWord(word);
                query = query.Where(b => b.Status == wanted);
            }

            var sites = await db.Sites.ToDictionaryAsync(s => s.Id, cancel);
            var lines = (await query.OrderByDescending(b => b.Id).Take(MaxListed).ToListAsync(cancel))
                .Select(b => BroadcastLine.Of(b, sites[b.SiteId])).ToList();
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(CommandOutput.Json(lines));
                return 0;
            }

            foreach (var line in lines)
            {
                Console.Out.WriteLine($"{line.Id,6}  {line.Status,-9}  {line.Recipients,9}  {line.Name}");
            }

            return 0;
        });
        return command;
    }

    private static Command Show()
    {
        var id = IdArgument();
        var json = CommandOutput.JsonOption();
        var command = new Command("show", "Show one broadcast.") { id, json };
        command.SetAction(async (parsed, cancel) =>
        {
            await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
            var line = await ReadAsync(folder, parsed.GetRequiredValue(id), cancel);
            Console.Out.WriteLine(parsed.GetValue(json) ? CommandOutput.Json(line) : line.ToText());
            return 0;
        });
        return command;
    }

    private static Command Action(string name, string description, Act act)
    {
        var id = IdArgument();
        var json = CommandOutput.JsonOption();
        var command = new Command(name, description) { id, json };
        command.SetAction((parsed, cancel) => ActAsync(parsed, id, json, act, line => $"broadcast {line.Id} is {line.Status}", cancel));
        return command;
    }

    private static Command Rate()
    {
        var id = IdArgument();
        var perHour = new Argument<string>("PER-HOUR") { Description = $"{BroadcastItemReader.MinPerHour} to {BroadcastItemReader.MaxPerHour}, or none." };
        var json = CommandOutput.JsonOption();
        var command = new Command("rate", "Change how many messages an hour it sends, also while it is being sent.") { id, perHour, json };
        command.SetAction((parsed, cancel) =>
        {
            int? rate = parsed.GetRequiredValue(perHour) switch
            {
                "none" => null,
                var text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => number,
                var text => throw new CommandFailure($"{text} is no rate: give a whole number of messages an hour, or none."),
            };
            return ActAsync(
                parsed, id, json, (actions, site, broadcast, token) => actions.ChangeRateAsync(site, broadcast, rate, Actor.Cli, token),
                line => $"broadcast {line.Id} sends {(line.BatchSizePerHour is { } now ? $"{now} an hour" : "as fast as the relay takes")}", cancel);
        });
        return command;
    }

    private static async Task<int> ActAsync(
        ParseResult parsed, Argument<long> id, Option<bool> json, Act act, Func<BroadcastLine, string> sentence, CancellationToken cancel)
    {
        await using var folder = await DataFolder.OpenAsync(CommonOptions.Read(parsed), cancel);
        var broadcast = await folder.FindBroadcastAsync(parsed.GetRequiredValue(id), cancel);
        var result = await act(folder.Services.GetRequiredService<BroadcastActions>(), broadcast.SiteId, broadcast.Id, cancel);
        if (!result.Done)
        {
            throw new CommandFailure(result.Problem!);
        }

        var line = await ReadAsync(folder, broadcast.Id.Value, cancel);
        Console.Out.WriteLine(parsed.GetValue(json) ? CommandOutput.Json(line) : sentence(line));
        return 0;
    }

    internal static Argument<long> IdArgument() => new("ID") { Description = "The broadcast's number." };

    private static async Task<BroadcastLine> ReadAsync(DataFolder folder, long id, CancellationToken cancel)
    {
        var broadcast = await folder.FindBroadcastAsync(id, cancel);
        await using var db = folder.Database.OpenEverySite();
        return BroadcastLine.Of(broadcast, await db.Sites.SingleAsync(s => s.Id == broadcast.SiteId, cancel));
    }
}

/// <summary>A broadcast as the command line shows it.</summary>
internal sealed record BroadcastLine(
    string Id, string SiteUuid, string Name, string Subject, string Type, string Status, string? StatusReason, string From,
    string InclusiveTags, string ExclusiveTags, string SegmentId, int? BatchSizePerHour, DateTimeOffset? SendAt, string CreatedBy,
    DateTimeOffset CreatedAt, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt, long Recipients)
{
    public static BroadcastLine Of(Broadcast b, Site site) => new(
        b.Id.ToString(), site.Uuid, b.Name, b.Subject, b.Type, b.Status.Word(), b.StatusReason, $"{b.FromName} <{b.FromEmail}>",
        b.InclusiveTags, b.ExclusiveTags, b.SegmentId, b.BatchSizePerHour, b.SendAt, b.CreatedBy, b.CreatedAt, b.StartedAt, b.FinishedAt, b.Recipients);

    public string ToText()
    {
        var lines = new List<string>();
        Add("id", Id);
        Add("name", Name);
        Add("subject", Subject);
        Add("type", Type);
        Add("status", StatusReason is null ? Status : $"{Status}: {StatusReason}");
        Add("from", From);
        Add("with a tag of", InclusiveTags);
        Add("without", ExclusiveTags);
        Add("segment", SegmentId);
        Add("per hour", BatchSizePerHour?.ToString(CultureInfo.InvariantCulture));
        Add("send at", Time(SendAt));
        Add("created", $"{Time(CreatedAt)} by {CreatedBy}");
        Add("started", Time(StartedAt));
        Add("finished", Time(FinishedAt));
        Add("recipients", StartedAt is null ? null : Recipients.ToString(CultureInfo.InvariantCulture));
        return string.Join(Environment.NewLine, lines);

        void Add(string label, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                lines.Add($"{label,-14}{value}");
            }
        }
    }

    private static string? Time(DateTimeOffset? at) => at?.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
