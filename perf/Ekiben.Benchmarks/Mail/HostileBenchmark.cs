using System.Globalization;
using Ekiben.Mail;

namespace Ekiben.Benchmarks.Mail;

/// <summary>
/// One broadcast's throughput beside a broadcast whose every message spends its budgets. Both compose on a thread of their own, as two
/// lanes do. Two questions, one ratio each. What does the hostility cost? Messages a second beside it, against beside a neighbour that
/// sends a newsletter: both times two threads are busy, so caches, the collector and the machine's other work count for neither. What does
/// the neighbour cost at all? Messages for each second that the good one's thread really ran, against alone: where cores are free that is
/// its throughput, and where they are not it leaves out the wait for one.
/// </summary>
internal static class HostileBenchmark
{
    private const int RoundCount = 15;

    /// <summary>What a hostile neighbour must leave, by either measure.</summary>
    private const double Bar = 0.90;

    /// <summary>Short, and many of them by turns, so that a machine's drift is the same for all.</summary>
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(0.4);

    private static readonly string Newsletter = SampleBroadcast.Newsletter();

    private static readonly (string Name, string Content)[] Neighbours =
    [
        ("endless loops (steps)", "{% for i in (1..10000) %}{% for j in (1..10000) %}{% endfor %}{% endfor %}"),
        ("a megabyte and more (output)", "{% for i in (1..10000) %}" + new string('x', 200) + "{% endfor %}"),
        ("doubled strings (memory)", "{% assign s = 'xxxxxxxxxxxxxxxx' %}{% for i in (1..40) %}{% assign s = s | append: s %}{% endfor %}"),
    ];

    public static int Run(TimeProvider clock)
    {
        var good = SampleBroadcast.Compile(Newsletter, clock);
        var harmless = SampleBroadcast.Compile(Newsletter, clock);
        var hostile = Array.ConvertAll(Neighbours, neighbour => SampleBroadcast.Compile(neighbour.Content, clock));
        var recipients = SampleBroadcast.Recipients();
        Measure(good, harmless);

        var (aloneRate, harmlessRate, harmlessWork) = (new Rounds(), new Rounds(), new Rounds());
        var (rates, ratios, works, refusals) = (NewRounds(), NewRounds(), NewRounds(), new long[hostile.Length]);
        for (var round = 0; round < RoundCount; round++)
        {
            var alone = Measure(good, null);
            var before = Measure(good, harmless);
            aloneRate.Add(alone.Wall);
            harmlessRate.Add(before.Wall);
            harmlessWork.Add(before.Running / alone.Running);
            for (var index = 0; index < hostile.Length; index++)
            {
                var measured = Measure(good, hostile[index]);
                var after = Measure(good, harmless);
                rates[index].Add(measured.Wall);
                ratios[index].Add(measured.Wall / ((before.Wall + after.Wall) / 2));
                works[index].Add(measured.Running / alone.Running);
                refusals[index] += measured.Refused;
                before = after;
            }
        }

        Console.WriteLine($"{"alone",-30} {aloneRate.Shown("#,0")} messages/s");
        Console.WriteLine($"{"beside a newsletter",-30} {harmlessRate.Shown("#,0")} messages/s; for its time on a core {harmlessWork.Shown("0.00")} of alone");
        var holds = true;
        for (var index = 0; index < hostile.Length; index++)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{Neighbours[index].Name,-30} {rates[index].Shown("#,0")} messages/s, {ratios[index].Shown("0.00")} of beside a newsletter; for its time on a core {works[index].Shown("0.00")} of alone; {refusals[index]:#,0} messages over budget"));
            holds &= ratios[index].Median >= Bar && works[index].Median >= Bar && refusals[index] > 0;
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{RoundCount} rounds of {Slice.TotalSeconds} s slices by turns: median (lowest to highest); bar: both ratios at least {Bar:0.00} beside each: {(holds ? "holds" : "MISSED")}"));
        return holds ? 0 : 1;

        (double Wall, double Running, long Refused) Measure(CompiledMessage message, CompiledMessage? neighbour) =>
            HostileBenchmark.Measure(message, neighbour, recipients, clock);
    }

    private static Rounds[] NewRounds() => [.. Neighbours.Select(_ => new Rounds())];

    /// <summary>Messages of the good broadcast a second, and a second that its thread ran, with or without a neighbour that composes all the while.</summary>
    private static (double Wall, double Running, long Refused) Measure(
        CompiledMessage good, CompiledMessage? neighbour, (Person Person, MessageIdentity Identity)[] recipients, TimeProvider clock)
    {
        using var started = new ManualResetEventSlim();
        var isOver = false;
        long overBudget = 0;
        var thread = new Thread(() =>
        {
            var buffer = new MessageBuffer();
            started.Set();
            for (var index = 0; !Volatile.Read(ref isOver); index++)
            {
                var (person, identity) = recipients[index % recipients.Length];
                try
                {
                    neighbour!.Compose(person, identity, buffer);
                }
                catch (RenderException)
                {
                    // What the run does with it: this recipient's message cannot be made, on to the next.
                    overBudget++;
                }
            }
        });
        if (neighbour is not null)
        {
            thread.Start();
            started.Wait();
        }

        var own = new MessageBuffer();
        var count = 0;
        var ran = Running();
        var start = clock.GetTimestamp();
        while (clock.GetElapsedTime(start) < Slice)
        {
            for (var turn = 0; turn < 64; turn++, count++)
            {
                var (person, identity) = recipients[count % recipients.Length];
                good.Compose(person, identity, own);
            }
        }

        var wall = count / clock.GetElapsedTime(start).TotalSeconds;
        var running = count / (Running() - ran).TotalSeconds;
        Volatile.Write(ref isOver, true);
        if (neighbour is not null)
        {
            thread.Join();
        }

        return (wall, running, overBudget);
    }

    /// <summary>How long this thread has been on a core: the first number of Linux's schedstat, in nanoseconds.</summary>
    private static TimeSpan Running() =>
        TimeSpan.FromMicroseconds(long.Parse(File.ReadAllText("/proc/thread-self/schedstat").Split(' ')[0], CultureInfo.InvariantCulture) / 1_000.0);
}
