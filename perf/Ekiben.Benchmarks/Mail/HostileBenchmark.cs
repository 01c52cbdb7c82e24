using System.Globalization;
using Ekiben.Delivery;
using Ekiben.Mail;

namespace Ekiben.Benchmarks.Mail;

/// <summary>
/// One broadcast's throughput beside a broadcast whose every message spends its budgets. Both compose on a thread of their own, as two
/// lanes do. Two questions, one ratio each. What does the hostility cost? Messages a second beside it, against beside a neighbour that
/// sends a newsletter, measured just before and after: each time two threads are busy, so caches, the collector and the machine's other
/// work count for neither. What does the neighbour cost at all? Messages for each second that the good one's thread really ran, against
/// alone: where cores are free that is its throughput, and where they are not it leaves out the wait for one. That ratio does not see the
/// collector's pauses, which are their own column. The first neighbour is the control, one more newsletter: what its ratios are off from 1
/// is the machine's noise.
/// </summary>
internal static class HostileBenchmark
{
    /// <summary>What a hostile neighbour must leave, in the median.</summary>
    private const double Bar = 0.90;

    private static readonly string Newsletter = SampleBroadcast.Newsletter();

    private static readonly (string Name, string Content)[] Neighbours =
    [
        ("control: one more newsletter", Newsletter),
        ("endless loops", "{% for i in (1..10000) %}{% for j in (1..10000) %}{% endfor %}{% endfor %}"),
        ("a megabyte and more", "{% for i in (1..10000) %}" + new string('x', 200) + "{% endfor %}"),
        ("doubled strings", "{% assign s = 'xxxxxxxxxxxxxxxx' %}{% for i in (1..40) %}{% assign s = s | append: s %}{% endfor %}"),
        ("long strings, over and over", "{% capture s %}" + new string('x', 16_000) + "{% endcapture %}{% for i in (1..10000) %}{% assign t = s | append: s %}{% endfor %}"),
        ("replaced strings", "{% assign s = 'x' %}{% for i in (1..60) %}{% assign s = s | replace: 'x', 'xx' %}{% endfor %}"),
        ("split lists", "{% capture s %}" + string.Concat(Enumerable.Repeat("a,", 4_000)) + "{% endcapture %}{% for i in (1..10000) %}{% assign l = s | split: ',' %}{% endfor %}"),
        ("sorted lists", "{% assign l = (1..3000) | reverse %}{% for i in (1..10000) %}{% assign m = l | sort %}{% endfor %}"),
        ("lists without doubles", "{% for i in (1..10000) %}{% assign l = (1..3000) | uniq %}{% endfor %}"),
        ("doubled lists", "{% for i in (1..10000) %}{% assign l = (1..500) | concat: (1..500) %}{% for j in (1..3) %}{% assign l = l | concat: l %}{% endfor %}{% endfor %}"),
    ];

    /// <param name="clock">Measures.</param>
    /// <param name="roundCount">Rounds of slices; short ones and many of them by turns, so that a machine's drift is the same for all.</param>
    /// <param name="slice">How long each neighbour is beside the newsletter in a round.</param>
    public static int Run(TimeProvider clock, int roundCount, TimeSpan slice)
    {
        var good = SampleBroadcast.Compile(Newsletter, clock);
        var harmless = SampleBroadcast.Compile(Newsletter, clock);
        var hostile = Array.ConvertAll(Neighbours, neighbour => SampleBroadcast.Compile(neighbour.Content, clock));
        var recipients = SampleBroadcast.Recipients();
        Array.ForEach(hostile, neighbour => Measure(good, neighbour));

        var (aloneRate, harmlessRate) = (new Rounds(), new Rounds());
        var (ratios, works, pauses, refusals) = (NewRounds(), NewRounds(), NewRounds(), new long[hostile.Length]);
        for (var round = 0; round < roundCount; round++)
        {
            var alone = Measure(good, null);
            var before = Measure(good, harmless);
            aloneRate.Add(alone.Wall);
            harmlessRate.Add(before.Wall);
            for (var index = 0; index < hostile.Length; index++)
            {
                var measured = Measure(good, hostile[index]);
                var after = Measure(good, harmless);
                ratios[index].Add(measured.Wall / ((before.Wall + after.Wall) / 2));
                works[index].Add(measured.Running / alone.Running);
                pauses[index].Add(measured.Paused * 100);
                refusals[index] += measured.Refused;
                before = after;
            }
        }

        Console.WriteLine($"{"alone",-30} {aloneRate.Shown("#,0")} messages/s");
        Console.WriteLine($"{"beside a newsletter",-30} {harmlessRate.Shown("#,0")} messages/s");
        Console.WriteLine($"{"beside",-30} {"of beside a newsletter",-22} {"of alone, on a core",-22} {"% paused",-22} over budget");
        var holds = true;
        for (var index = 0; index < hostile.Length; index++)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{Neighbours[index].Name,-30} {ratios[index].Shown("0.00"),-22} {works[index].Shown("0.00"),-22} {pauses[index].Shown("0.00"),-22} {refusals[index]:#,0}"));
            holds &= index == 0 || (ratios[index].Median >= Bar && works[index].Median >= Bar && refusals[index] > 0);
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{roundCount} rounds of {slice.TotalSeconds} s slices by turns: median (lowest to highest); bar: both medians at least {Bar:0.00} beside each: {(holds ? "holds" : "MISSED")}"));
        return holds ? 0 : 1;

        (double Wall, double Running, double Paused, long Refused) Measure(CompiledMessage message, CompiledMessage? neighbour) =>
            HostileBenchmark.Measure(message, neighbour, recipients, clock, slice);
    }

    private static Rounds[] NewRounds() => [.. Neighbours.Select(_ => new Rounds())];

    /// <summary>Messages of the good broadcast a second, and a second that its thread ran, with or without a neighbour that composes all the while.</summary>
    private static (double Wall, double Running, double Paused, long Refused) Measure(
        CompiledMessage good, CompiledMessage? neighbour, (Person Person, MessageIdentity Identity)[] recipients, TimeProvider clock, TimeSpan slice)
    {
        using var started = new ManualResetEventSlim();
        using var over = new ManualResetEventSlim();
        var isOver = false;
        var pace = new ComposePace(clock);
        long overBudget = 0;
        var thread = new Thread(() =>
        {
            var buffer = new MessageBuffer();
            started.Set();
            for (var index = 0; !Volatile.Read(ref isOver); index++)
            {
                var (person, identity) = recipients[index % recipients.Length];
                var before = GC.GetAllocatedBytesForCurrentThread();
                try
                {
                    neighbour!.Compose(person, identity, buffer);
                }
                catch (RenderException)
                {
                    // What the run does with it: this recipient's message cannot be made, on to the next.
                    overBudget++;
                }

                // As a lane of the server does.
                var wait = pace.Pay(GC.GetAllocatedBytesForCurrentThread() - before);
                if (wait > TimeSpan.Zero)
                {
                    over.Wait(wait);
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
        var paused = GC.GetTotalPauseDuration();
        var start = clock.GetTimestamp();
        while (clock.GetElapsedTime(start) < slice)
        {
            for (var turn = 0; turn < 64; turn++, count++)
            {
                var (person, identity) = recipients[count % recipients.Length];
                good.Compose(person, identity, own);
            }
        }

        var elapsed = clock.GetElapsedTime(start);
        var wall = count / elapsed.TotalSeconds;
        var running = count / (Running() - ran).TotalSeconds;
        var pauses = (GC.GetTotalPauseDuration() - paused) / elapsed;
        Volatile.Write(ref isOver, true);
        over.Set();
        if (neighbour is not null)
        {
            thread.Join();
        }

        return (wall, running, pauses, overBudget);
    }

    /// <summary>How long this thread has been on a core: the first number of Linux's schedstat, in nanoseconds.</summary>
    private static TimeSpan Running() =>
        TimeSpan.FromMicroseconds(long.Parse(File.ReadAllText("/proc/thread-self/schedstat").Split(' ')[0], CultureInfo.InvariantCulture) / 1_000.0);
}
