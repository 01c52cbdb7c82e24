using System.Text.Json;

namespace Ekiben.Mail.Tests;

public class DeterminismTests
{
    private static readonly MessageSource Source = Sample.Source with
    {
        Subject = "{{ visitor.first_name }}, {{ 'a,b,c,d,e' | split: ',' | lottery }}",
        Style = MessageStyle.Markdown,
        PreviewText = "For {{ visitor.email }}",
        FooterHtml = "<p>{{ site.name }}</p>",
        Content = """
            # Hi {{ visitor.first_name | default: "friend" }}

            {% for item in visitor.items %}
            - [{{ item }}](https://x.example/{{ item }})
            {% endfor %}

            It is {{ "now" | date: "%Y-%m-%d %H:%M" }}; your number is {{ "1,2,3,4,5,6,7,8,9" | split: "," | lottery }}.
            """,
    };

    private static Person Person(int number) => new()
    {
        Address = Sample.Address($"p{number}@example.org"),
        Uuid = number.ToString("x32", System.Globalization.CultureInfo.InvariantCulture),
        FirstName = number % 3 == 0 ? null : "Ünal " + number,
        Fields = new Dictionary<string, JsonElement> { ["items"] = JsonSerializer.SerializeToElement(Enumerable.Range(0, number % 7)) },
    };

    private static MessageIdentity Identity(int number) => Sample.Identity with { MessageId = $"m{number}@shop.example", UnsubscribeUrl = $"https://mail.shop.example/u/{number}" };

    [Fact]
    public void Same_recipient_gives_the_same_bytes_each_time()
    {
        var compiled = CompiledMessage.Compile(Source);
        var again = CompiledMessage.Compile(Source);
        var reused = new MessageBuffer();
        var first = new byte[1_000][];
        for (var i = 0; i < first.Length; i++)
        {
            compiled.Compose(Person(i), Identity(i), reused);
            first[i] = reused.Bytes.ToArray();
        }
        // Backwards, from another compilation, in fresh buffers, on several threads: nothing may be left over from the one before.
        Parallel.For(0, first.Length, i =>
        {
            var buffer = new MessageBuffer();
            again.Compose(Person(first.Length - 1 - i), Identity(first.Length - 1 - i), buffer);
            Assert.True(buffer.Bytes.Span.SequenceEqual(first[first.Length - 1 - i]));
        });
        Assert.Equal(1_000, first.Select(Convert.ToHexString).Distinct().Count());
        Assert.All(first.Where((_, index) => index % 50 == 0), Linter.Check);
    }

    [Fact]
    public void Lottery_depends_on_the_recipient_and_the_broadcast()
    {
        static string Drawn(MessageSource source, int number) => CompiledMessage.Compile(source).Preview(Person(number), Identity(number)).Subject;
        var byPerson = Enumerable.Range(0, 50).Select(number => Drawn(Source, number)[^1]).Distinct().Count();
        var byBroadcast = Enumerable.Range(0, 50).Select(id => Drawn(Source with { Broadcast = Source.Broadcast with { Id = id.ToString(System.Globalization.CultureInfo.InvariantCulture) } }, 1)[^1]).Distinct().Count();
        Assert.Equal(5, byPerson);
        Assert.Equal(5, byBroadcast);
    }

    [Fact]
    public void Date_and_message_id_are_the_only_lines_that_follow_the_attempt()
    {
        var one = Sample.Ascii(Sample.Compose(Source)).Split("\r\n");
        var other = Sample.Ascii(Sample.Compose(Source, identity: Sample.Identity with { Date = Sample.Start.AddHours(1), MessageId = "other@shop.example" })).Split("\r\n");
        Assert.Equal(["Date", "Message-ID"], one.Zip(other).Where(pair => pair.First != pair.Second).Select(pair => pair.First.Split(':')[0]));
    }
}
