using System.Globalization;
using Ekiben.Mail;

namespace Ekiben.Benchmarks.Mail;

/// <summary>Composing one message after the other into one buffer, as a sender does: time, memory, octets of the message.</summary>
internal static class MailBenchmark
{
    private const int RoundCount = 9;
    private const int Messages = 20_000;

    public static int Run(TimeProvider clock)
    {
        var message = SampleBroadcast.Compile(SampleBroadcast.Newsletter(), clock);
        var recipients = SampleBroadcast.Recipients();
        var buffer = new MessageBuffer();
        Compose(message, recipients, buffer);

        var (time, memory) = (new Rounds(), new Rounds());
        long octets = 0;
        for (var round = 0; round < RoundCount; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            var start = clock.GetTimestamp();
            octets = Compose(message, recipients, buffer);
            time.Add(clock.GetElapsedTime(start).TotalMicroseconds / Messages);
            memory.Add((GC.GetAllocatedBytesForCurrentThread() - before) / (double)Messages);
        }

        Console.WriteLine($"compose, µs a message                  {time.Shown("0.00")}");
        Console.WriteLine($"compose, bytes of memory a message     {memory.Shown("0")}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"compose, messages a second, one core   {1e6 / time.Median:#,0}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"octets of a message                    {octets / Messages:#,0}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{RoundCount} rounds of {Messages:#,0} messages: median (lowest to highest)"));
        return 0;
    }

    private static long Compose(CompiledMessage message, (Person Person, MessageIdentity Identity)[] recipients, MessageBuffer buffer)
    {
        long octets = 0;
        for (var index = 0; index < Messages; index++)
        {
            var (person, identity) = recipients[index % SampleBroadcast.People];
            message.Compose(person, identity, buffer);
            octets += buffer.Bytes.Length;
        }

        return octets;
    }
}
