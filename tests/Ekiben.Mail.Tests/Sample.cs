using System.Text;
using System.Text.Json;
using MimeKit;

namespace Ekiben.Mail.Tests;

/// <summary>A broadcast, a person and an identity that tests vary with <c>with</c>.</summary>
internal static class Sample
{
    public static readonly DateTimeOffset Start = new(2026, 3, 4, 5, 6, 7, TimeSpan.FromHours(2));

    public static readonly MessageSource Source = new()
    {
        Subject = "Hello {{ visitor.first_name }}",
        Content = "<p>Hi {{ visitor.first_name }}</p>",
        Style = MessageStyle.Plain,
        FromEmail = "news@shop.example",
        FromName = "The Shop",
        SiteName = "Shop news",
        SiteId = "0123456789abcdef0123456789abcdef",
        Broadcast = new BroadcastFacts("42", "Spring", Start),
    };

    public static readonly Person Ann = new()
    {
        Address = Address("ann@example.org"),
        Uuid = "fedcba9876543210fedcba9876543210",
        FirstName = "Ann",
        LastName = "Bee",
        Fields = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>("""{"plan":"pro","age":41,"path":"a b/c?d=1","items":["x","y"],"html":"<b>bold</b>"}""")!,
        Tags = ["lead", "mql"],
    };

    public static readonly MessageIdentity Identity = new()
    {
        MessageId = "b42.r7@shop.example",
        EnvelopeSender = "b+abc@bounce.shop.example",
        Date = Start,
        UnsubscribeUrl = "https://mail.shop.example/u/tok?x=1&y=2",
        BrowserUrl = new Uri("https://mail.shop.example/w/tok"),
        RenderClock = Start,
        FeedbackId = "42:shop:bulk:ekiben",
    };

    public static EmailAddress Address(string text) =>
        EmailAddress.TryParse(text, out var address, out var error) ? address : throw new InvalidOperationException(error);

    public static byte[] Compose(MessageSource source, Person? person = null, MessageIdentity? identity = null)
    {
        var buffer = new MessageBuffer();
        CompiledMessage.Compile(source).Compose(person ?? Ann, identity ?? Identity, buffer);
        return buffer.Bytes.ToArray();
    }

    public static MimeMessage Read(byte[] message)
    {
        Linter.Check(message);
        return MimeMessage.Load(new MemoryStream(message));
    }

    public static MimeMessage Message(MessageSource source, Person? person = null, MessageIdentity? identity = null) =>
        Read(Compose(source, person, identity));

    public static string Html(MessageSource source, Person? person = null, MessageIdentity? identity = null) =>
        Message(source, person, identity).HtmlBody!.ReplaceLineEndings("\n");

    public static string Text(MessageSource source, Person? person = null, MessageIdentity? identity = null) =>
        Message(source, person, identity).TextBody!.ReplaceLineEndings("\n");

    /// <summary>The author's HTML as it is, without the footer that a message without a link would get.</summary>
    public static MessageSource HtmlSource(string content) =>
        Source with { Style = MessageStyle.Html, Content = content + "<a href=\"{{ visitor.unsubscribe_url }}\">out</a>" };

    public static string Ascii(byte[] message) => Encoding.Latin1.GetString(message);
}
