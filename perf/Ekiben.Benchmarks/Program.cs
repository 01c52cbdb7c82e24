using System.Globalization;
using Ekiben.Benchmarks.Liquid;

return args switch
{
    ["liquid"] => LiquidBenchmark.Run(),
    ["liquid-fuzz", var seconds] => LiquidFuzz.Run(TimeSpan.FromSeconds(int.Parse(seconds, CultureInfo.InvariantCulture))),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: Ekiben.Benchmarks liquid | liquid-fuzz <seconds>");
    return 2;
}
