using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Ekiben.Delivery;
using Microsoft.Data.Sqlite;

namespace Ekiben.Commands;

/// <summary>
/// <c>ekiben bench</c>: how fast this machine sends, beside Postfix's own <c>smtp-source -d</c> into the same <c>smtp-sink</c>. Senders take turns
/// within each round, so that other work on the machine strikes them alike; ratios hold better than rates.
/// </summary>
internal static class BenchCommand
{
    /// <summary>The names of the variants.</summary>
    private static readonly Dictionary<string, BenchVariant> Variants = new(StringComparer.Ordinal)
    {
        ["no-ledger"] = BenchVariant.NoLedger,
        ["ledger"] = BenchVariant.Ledger,
        ["signed"] = BenchVariant.Signed,
    };

    private const int Small = 10_000;
    private const int Large = 1_000_000;

    public static Command Create()
    {
        var recipients = new Option<int>("--recipients") { Description = "Messages a sender and round.", HelpName = "N", DefaultValueFactory = _ => Small };
        var rounds = new Option<int>("--rounds") { Description = "How many rounds, after one that warms up.", HelpName = "N", DefaultValueFactory = _ => 5 };
        var connections = new Option<int>("--connections") { Description = "Connections to the relay.", HelpName = "N", DefaultValueFactory = _ => RelayOptions.DefaultConnections };
        var variants = new Option<string>("--variants") { Description = $"Which of ours, with commas: {string.Join(", ", Variants.Keys)}.", HelpName = "LIST", DefaultValueFactory = _ => "no-ledger,ledger" };
        var postfix = new Option<string?>("--postfix") { Description = "Postfix's package, unpacked with dpkg-deb -x; otherwise its tools are looked for on the PATH.", HelpName = "DIR" };
        var growth = new Option<bool>("--growth") { Description = "Instead compare CPU and memory at 1,000,000 recipients with 10,000." };
        var command = new Command("bench", "Measure sending on this machine, beside Postfix's smtp-source.") { recipients, rounds, connections, variants, postfix, growth };
        command.SetAction(async (parsed, cancel) =>
        {
            var named = parsed.GetRequiredValue(variants).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            var plan = new BenchPlan(
                Within(parsed.GetValue(recipients), 100, Large, "--recipients"),
                Within(parsed.GetValue(rounds), 1, 100, "--rounds"),
                Within(parsed.GetValue(connections), 1, RelayOptions.MaxConnections, "--connections"),
                [.. named.Select(name => Variants.TryGetValue(name, out var variant) ? variant : throw CommandFailure.Usage($"--variants knows {string.Join(", ", Variants.Keys)}, not \"{name}\""))]);
            if (!OperatingSystem.IsLinux())
            {
                throw new CommandFailure("bench reads what things cost from /proc, which only Linux has");
            }

            var tools = PostfixTools.Find(parsed.GetValue(postfix));
            await (parsed.GetValue(growth) ? GrowthAsync(tools, parsed, plan, cancel) : CompareAsync(tools, parsed, plan, cancel));
            return 0;
        });
        return command;
    }

    private static async Task CompareAsync(PostfixTools tools, ParseResult parsed, BenchPlan plan, CancellationToken cancel)
    {
        await using var bench = await Bench.StartAsync(tools, parsed, plan.Recipients, plan.Connections, cancel);
        var table = new BenchTable(bench.W, bench.MessageSize);
        for (var round = 0; round <= plan.Rounds; round++)
        {
            var source = await bench.SourceAsync(cancel);
            var ours = new List<(BenchVariant Variant, BenchRound Round)>();
            foreach (var variant in plan.Variants)
            {
                ours.Add((variant, await bench.OursAsync(variant, cancel)));
            }

            double? signs = plan.Variants.Contains(BenchVariant.Signed) ? await OpenSslSpeed.SignsPerSecondAsync(cancel) : null;

            // The first warms caches and the compiler up, on both sides.
            if (round > 0)
            {
                table.Add(source, ours, signs);
            }
        }

        table.Write(Console.Out);
    }

    private static async Task GrowthAsync(PostfixTools tools, ParseResult parsed, BenchPlan plan, CancellationToken cancel)
    {
        BenchRound small, large;
        await using (var bench = await Bench.StartAsync(tools, parsed, Small, plan.Connections, cancel))
        {
            await bench.OursAsync(BenchVariant.Ledger, cancel);
            small = await bench.OursAsync(BenchVariant.Ledger, cancel);
        }

        await using (var bench = await Bench.StartAsync(tools, parsed, Large, plan.Connections, cancel))
        {
            large = await bench.OursAsync(BenchVariant.Ledger, cancel);
        }

        foreach (var round in new[] { small, large })
        {
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{round.Messages,9:n0} recipients: {round.Rate,8:n0} msg/s, {round.OwnCpuUs:0.0} us CPU a message, {round.Allocated:n0} B allocated a message, peak {round.PeakMb:0} MB, foreign CPU {round.ForeignCpu:p0}"));
        }

        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"CPU a message x {large.OwnCpuUs / small.OwnCpuUs:0.00}, peak memory x {large.PeakMb / small.PeakMb:0.00}"));
    }

    private static int Within(int value, int least, int most, string option) => value >= least && value <= most
        ? value
        : throw CommandFailure.Usage(string.Create(CultureInfo.InvariantCulture, $"{option} takes {least} to {most:n0}"));

    private sealed record BenchPlan(int Recipients, int Rounds, int Connections, IReadOnlyList<BenchVariant> Variants);

    /// <summary>A sink, a data folder that goes with the bench, and the two kinds of senders.</summary>
    private sealed class Bench : IAsyncDisposable
    {
        private readonly PostfixTools _tools;
        private readonly EkibenOptions _options;
        private readonly Process _sink;
        private readonly BenchSender _sender;
        private readonly int _people;

        private Bench(PostfixTools tools, EkibenOptions options, Process sink, BenchSender sender, int people, int size) =>
            (_tools, _options, _sink, _sender, _people, MessageSize) = (tools, options, sink, sender, people, size);

        public int MessageSize { get; }

        public int W => _options.Relay!.MaxOnTheWire;

        public static async Task<Bench> StartAsync(PostfixTools tools, ParseResult parsed, int people, int connections, CancellationToken cancel)
        {
            // Until a command first waits, Ctrl+C ends the process without cleaning up.
            await Task.Yield();
            var folder = Directory.CreateTempSubdirectory("ekiben-bench-").FullName;
            var options = CommonOptions.Read(parsed, folder) with
            {
                PublicUrl = new Uri("https://mail.bench.example"),
                Relay = new RelayOptions { Host = "127.0.0.1", Port = PostfixTools.FreePort(), Tls = RelayTls.None, Connections = connections },
            };
            Process? sink = null;
            try
            {
                sink = await tools.StartSinkAsync(options.Relay.Port, options.Clock, cancel);
                var sender = await BenchSender.CreateAsync(options, people, cancel);
                var size = await sender.MessageSizeAsync(await sender.PrepareAsync(signed: false, cancel), cancel);
                return new Bench(tools, options, sink, sender, people, size);
            }
            catch
            {
                sink?.Kill();
                Remove(folder);
                throw;
            }
        }

        public async Task<BenchRound> SourceAsync(CancellationToken cancel)
        {
            var meter = new BenchMeter(_sink.Id, _options.Clock);
            await _tools.RunSourceAsync(_options.Relay!.Port, _people, MessageSize, cancel);
            return meter.Read(_people);
        }

        public async Task<BenchRound> OursAsync(BenchVariant variant, CancellationToken cancel)
        {
            var id = await _sender.PrepareAsync(variant == BenchVariant.Signed, cancel);
            GC.Collect();
            BenchMeter.ForgetPeak();
            var meter = new BenchMeter(_sink.Id, _options.Clock);
            await _sender.SendAsync(id, variant != BenchVariant.NoLedger, cancel);
            return meter.Read(_people);
        }

        public async ValueTask DisposeAsync()
        {
            await _sender.DisposeAsync();
            _sink.Kill();
            await _sink.WaitForExitAsync(CancellationToken.None);
            _sink.Dispose();
            Remove(_options.DataFolder);
        }

        private static void Remove(string folder)
        {
            SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }
    }
}
