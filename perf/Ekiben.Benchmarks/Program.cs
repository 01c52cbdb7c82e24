using System.Globalization;
using Ekiben.Benchmarks;
using Ekiben.Benchmarks.Liquid;
using Ekiben.Benchmarks.Mail;
using Ekiben.Benchmarks.Subscribers;

#pragma warning disable RS0030 // Benchmarks measure real time; this is where they take the clock.
var clock = TimeProvider.System;
#pragma warning restore RS0030

return args switch
{
    ["liquid"] => LiquidBenchmark.Run(),
    ["liquid-fuzz", var seconds] => LiquidFuzz.Run(TimeSpan.FromSeconds(int.Parse(seconds, CultureInfo.InvariantCulture))),
    ["mail"] => MailBenchmark.Run(clock),
    ["hostile"] => HostileBenchmark.Run(clock, 30, TimeSpan.FromSeconds(0.2)),
    ["hostile", var rounds, var milliseconds] => HostileBenchmark.Run(
        clock, int.Parse(rounds, CultureInfo.InvariantCulture), TimeSpan.FromMilliseconds(int.Parse(milliseconds, CultureInfo.InvariantCulture))),
    ["subscribers"] => await SubscribersBenchmark.RunAsync(clock),
    ["pages"] => await PagesBenchmark.RunAsync(1_000_000, 2_000, null, clock),
    ["pages", var people] => await PagesBenchmark.RunAsync(int.Parse(people, CultureInfo.InvariantCulture), 2_000, null, clock),
    ["pages", var people, var postgres] => await PagesBenchmark.RunAsync(int.Parse(people, CultureInfo.InvariantCulture), 2_000, postgres, clock),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: Ekiben.Benchmarks liquid | liquid-fuzz <seconds> | mail | hostile [<rounds> <milliseconds of a slice>] | subscribers | pages [<people> [<PostgreSQL connection>]]");
    return 2;
}
