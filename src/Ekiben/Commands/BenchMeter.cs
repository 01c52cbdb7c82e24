using System.Globalization;

namespace Ekiben.Commands;

/// <summary>
/// What a stretch of time cost, from <c>/proc</c> (Linux): this process, the sink, children that have ended (<c>smtp-source</c>), and all else
/// on the machine, which says how far the figures can be trusted.
/// </summary>
internal sealed class BenchMeter(int sink, TimeProvider clock)
{
    /// <summary>USER_HZ: the kernel gives times to programs in hundredths of a second, whatever it counts in.</summary>
    private const double TicksPerSecond = 100;

    private readonly long _at = clock.GetTimestamp();
    private readonly long _allocated = GC.GetTotalAllocatedBytes(precise: true);
    private readonly int _collections = GC.CollectionCount(0);
    private readonly TimeSpan _own = OwnCpu();
    private readonly double _children = Children();
    private readonly double _sink = Cpu(sink);
    private readonly double _all = All();

    /// <summary>Forgets the peak of this process's memory up to now.</summary>
    public static void ForgetPeak() => File.WriteAllText("/proc/self/clear_refs", "5");

    public BenchRound Read(int messages)
    {
        var seconds = clock.GetElapsedTime(_at).TotalSeconds;
        var (own, children, sinks) = ((OwnCpu() - _own).TotalSeconds, Children() - _children, Cpu(sink) - _sink);
        return new BenchRound
        {
            Messages = messages,
            Seconds = seconds,
            OwnCpuUs = own / messages * 1e6,
            SourceCpuUs = children / messages * 1e6,
            SinkCpuUs = sinks / messages * 1e6,
            ForeignCpu = Math.Max(0, All() - _all - own - children - sinks) / seconds / Environment.ProcessorCount,
            Allocated = (double)(GC.GetTotalAllocatedBytes(precise: true) - _allocated) / messages,
            Collections = GC.CollectionCount(0) - _collections,
            PeakMb = PeakKb() / 1024.0,
        };
    }

    private static TimeSpan OwnCpu() => Environment.CpuUsage.TotalTime;

    /// <summary>cutime and cstime of proc(5): children that were waited for.</summary>
    private static double Children()
    {
        var fields = Stat("self");
        return (Number(fields[13]) + Number(fields[14])) / TicksPerSecond;
    }

    private static double Cpu(int process)
    {
        var fields = Stat(process.ToString(CultureInfo.InvariantCulture));
        return (Number(fields[11]) + Number(fields[12])) / TicksPerSecond;
    }

    /// <summary>Fields after the program's name, which may hold blanks itself: the first is the state, the third field of proc(5).</summary>
    private static string[] Stat(string process)
    {
        var line = File.ReadAllText($"/proc/{process}/stat");
        return line[(line.LastIndexOf(')') + 2)..].Split(' ');
    }

    /// <summary>User, nice, system, irq and softirq time of all cores.</summary>
    private static double All()
    {
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return (Number(fields[1]) + Number(fields[2]) + Number(fields[3]) + Number(fields[6]) + Number(fields[7])) / TicksPerSecond;
    }

    private static double PeakKb()
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return Number(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}

/// <summary>One sender in one round; CPU in microseconds a message, the foreign share as part of all cores.</summary>
internal sealed record BenchRound
{
    public required int Messages { get; init; }

    public required double Seconds { get; init; }

    public double Rate => Messages / Seconds;

    public required double OwnCpuUs { get; init; }

    public required double SourceCpuUs { get; init; }

    public required double SinkCpuUs { get; init; }

    public required double ForeignCpu { get; init; }

    /// <summary>Bytes a message.</summary>
    public required double Allocated { get; init; }

    public required int Collections { get; init; }

    public required double PeakMb { get; init; }
}
