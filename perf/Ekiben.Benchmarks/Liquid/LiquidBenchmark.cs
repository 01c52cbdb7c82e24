using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Ekiben.Liquid;

namespace Ekiben.Benchmarks.Liquid;

/// <summary>
/// Parse and render of a mail of 4,096 bytes with eight variables, an if, a for and filters, beside the hand-written yardstick.
/// Rounds alternate, so that a busy machine slows both alike; the best round of each counts.
/// </summary>
internal static class LiquidBenchmark
{
    private const int Size = 4_096;
    private const int Rounds = 7;
    private const int Renders = 60_000;
    private const int Parses = 8_000;

    public static int Run()
    {
        var source = Source();
        var recipients = Enumerable.Range(0, 256).Select(Recipient).ToArray();
        var template = Template.Parse(source);
        var yardstick = HandWritten.Parse(source);
        var output = new ArrayBufferWriter<byte>(64 * 1024);
        AssertEqual(template, yardstick, recipients[0], output);

        var (engineRender, handRender, engineParse, handParse) = (double.MaxValue, double.MaxValue, double.MaxValue, double.MaxValue);
        long allocated = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            engineRender = Math.Min(engineRender, Time(Renders, index => Render(template, recipients[index & 255], output)));
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            handRender = Math.Min(handRender, Time(Renders, index => Render(yardstick, recipients[index & 255], output)));
            engineParse = Math.Min(engineParse, Time(Parses, _ => Template.Parse(source)));
            handParse = Math.Min(handParse, Time(Parses, _ => HandWritten.Parse(source)));
        }

        Print("render, engine", engineRender);
        Print("render, hand-written", handRender);
        Print("parse, engine", engineParse);
        Print("parse, hand-written", handParse);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"render ratio {engineRender / handRender:0.00} (bar 4), parse ratio {engineParse / handParse:0.00} (bar 3)"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"allocated by {Renders} renders: {allocated} B"));
        return engineRender <= handRender * 4 && engineParse <= handParse * 3 && engineRender <= 5_000 && allocated < 1_000 ? 0 : 1;
    }

    private static void Render(Template template, Dictionary<string, object?> data, ArrayBufferWriter<byte> output)
    {
        output.ResetWrittenCount();
        template.Render(data, output, default);
    }

    private static void Render(HandWritten template, Dictionary<string, object?> data, ArrayBufferWriter<byte> output)
    {
        output.ResetWrittenCount();
        template.Render(data, output);
    }

    /// <summary>Nanoseconds a call.</summary>
    private static double Time(int count, Action<int> action)
    {
        var start = Stopwatch.GetTimestamp();
        for (var index = 0; index < count; index++)
        {
            action(index);
        }

        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / count;
    }

    private static void Print(string name, double nanoseconds) => Console.WriteLine(
        string.Create(CultureInfo.InvariantCulture, $"{name,-22} {nanoseconds / 1_000,8:0.00} µs {1e9 / nanoseconds,12:#,0}/s"));

    private static void AssertEqual(Template template, HandWritten yardstick, Dictionary<string, object?> data, ArrayBufferWriter<byte> output)
    {
        Render(template, data, output);
        var engine = Encoding.UTF8.GetString(output.WrittenSpan);
        Render(yardstick, data, output);
        var hand = Encoding.UTF8.GetString(output.WrittenSpan);
        if (engine != hand)
        {
            throw new InvalidOperationException("The yardstick does not render what the engine renders");
        }
    }

    private static Dictionary<string, object?> Recipient(int number) => new()
    {
        ["visitor"] = new Dictionary<string, object?>
        {
            ["first_name"] = number % 3 == 0 ? "" : $"Name{number}",
            ["last_name"] = $"Family{number}",
            ["city"] = "Lisbon",
            ["plan"] = number % 2 == 0 ? "pro" : "free",
            ["points"] = number,
            ["unsubscribe_url"] = $"https://mail.example/u/{number}",
        },
        ["broadcast"] = new Dictionary<string, object?> { ["name"] = "Spring news", ["subject"] = "News for you" },
        ["items"] = Enumerable.Range(0, 5)
            .Select(item => (object?)new Dictionary<string, object?> { ["title"] = $"Item {item}", ["price"] = item * 10 }).ToList(),
    };

    private static string Source()
    {
        const string Head = """
            <html><body><h1>{{ broadcast.subject }}</h1><p>Dear {{ visitor.first_name | default: "friend" }} {{ visitor.last_name | capitalize }},</p>
            {% if visitor.plan == "pro" %}<p>Thank you for being with us in {{ visitor.city }}.</p>{% else %}<p>You have {{ visitor.points }} points.</p>{% endif %}
            <ul>{% for item in items %}<li>{{ item.title }} costs {{ item.price }}</li>{% endfor %}</ul>
            """;
        const string Tail = """<p>{{ broadcast.name }}: <a href="{{ visitor.unsubscribe_url }}">unsubscribe</a></p></body></html>""";
        const string Filler = "<p>Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt.</p>\n";
        var builder = new StringBuilder(Head);
        while (builder.Length + Tail.Length < Size)
        {
            builder.Append(Filler.AsSpan(0, Math.Min(Filler.Length, Size - Tail.Length - builder.Length)));
        }

        return builder.Append(Tail).ToString();
    }
}
