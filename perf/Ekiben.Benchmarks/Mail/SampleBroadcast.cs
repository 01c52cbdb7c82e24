using System.Globalization;
using System.Text;
using System.Text.Json;
using Ekiben.Mail;

namespace Ekiben.Benchmarks.Mail;

/// <summary>A newsletter of 4 KB of HTML with seven look-ups, and 256 people to write to.</summary>
internal static class SampleBroadcast
{
    public const int People = 256;

    private const int Size = 4_096;

    private static readonly DateTimeOffset Start = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);

    public static CompiledMessage Compile(string content, TimeProvider clock) => CompiledMessage.Compile(new MessageSource
    {
        Subject = "News for {{ visitor.first_name | default: 'you' }}",
        Content = content,
        Style = MessageStyle.Html,
        FromEmail = "news@shop.example",
        FromName = "The Shop",
        SiteName = "Shop news",
        SiteId = "0123456789abcdef0123456789abcdef",
        Broadcast = new BroadcastFacts("42", "Spring", Start),
        Clock = clock,
    });

    public static string Newsletter()
    {
        const string Head = """
            <html><body><h1>{{ broadcast.name }}</h1><p>Dear {{ visitor.first_name | default: "friend" }} {{ visitor.last_name | capitalize }},</p>
            {% if visitor.plan == "pro" %}<p>Thank you for being with us in {{ visitor.city }}.</p>{% else %}<p>You have {{ visitor.points }} points.</p>{% endif %}
            <p><a href="https://shop.example/spring?c={{ visitor.uuid }}">See what is new</a></p>
            """;
        const string Tail = """<p><a href="{{ visitor.unsubscribe_url }}">unsubscribe</a></p></body></html>""";
        const string Filler = "<p>Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt.</p>\n";
        var builder = new StringBuilder(Head);
        while (builder.Length + Filler.Length + Tail.Length < Size)
        {
            builder.Append(Filler);
        }

        return builder.Append(Tail).ToString();
    }

    public static (Person Person, MessageIdentity Identity)[] Recipients() => [.. Enumerable.Range(0, People).Select(Recipient)];

    private static (Person, MessageIdentity) Recipient(int number)
    {
        var name = number.ToString(CultureInfo.InvariantCulture);
        if (!EmailAddress.TryParse($"person{name}@example.org", out var address, out var error))
        {
            throw new InvalidOperationException(error);
        }

        var person = new Person
        {
            Address = address,
            Uuid = "fedcba9876543210fedcba9876543210",
            FirstName = number % 3 == 0 ? null : "Name" + name,
            LastName = "family" + name,
            Fields = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>($$"""{"plan":"{{(number % 2 == 0 ? "pro" : "free")}}","city":"Lisbon","points":{{name}}}""")!,
            Tags = ["lead"],
        };
        return (person, new MessageIdentity
        {
            MessageId = $"b42.r{name}@shop.example",
            EnvelopeSender = "news@shop.example",
            Date = Start,
            UnsubscribeUrl = $"https://mail.shop.example/u/token{name}",
            RenderClock = Start,
        });
    }
}
