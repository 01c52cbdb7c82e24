using System.Buffers.Text;
using System.Text;
using AngleSharp.Html.Parser;

namespace Ekiben.Mail.Tests;

public class TrackingTests
{
    private static readonly Tracking Tracking = new() { Base = new Uri("https://t.shop.example/") };
    private static readonly Tracking Signing = Tracking with { SignTarget = (token, target) => $"s{token.Length}x{target.Length}" };
    private static readonly MessageIdentity Identity = Sample.Identity with { TrackingToken = "TOK" };

    private static MessageSource Source(string content, Tracking? tracking = null) => Sample.HtmlSource(content) with { Tracking = tracking ?? Tracking };

    private static string[] Targets(string content, Tracking? tracking = null) =>
        [.. new HtmlParser().ParseDocument(Sample.Html(Source(content, tracking), identity: Identity)).QuerySelectorAll("a").Select(link => link.GetAttribute("href")!)];

    [Fact]
    public void Literal_links_become_numbers_and_the_same_target_the_same_number()
    {
        const string content = "<a href=\"https://x.example/?a=1&amp;b=2\">1</a><a class=b href='https://y.example/' id=c>2</a><a href=https://x.example/?a=1&b=2>3</a>";
        Assert.Equal(["https://t.shop.example/c/TOK/0", "https://t.shop.example/c/TOK/1", "https://t.shop.example/c/TOK/0", "https://mail.shop.example/u/tok?x=1&y=2"], Targets(content));
        Assert.Equal(["https://x.example/?a=1&b=2", "https://y.example/"], CompiledMessage.Compile(Source(content)).Links);
    }

    [Theory]
    [InlineData("<a href=\"mailto:a@x.example\">x</a>", "mailto:a@x.example")]
    [InlineData("<a href=\"#top\">x</a>", "#top")]
    [InlineData("<a href=\"{{ browser_url }}\">x</a>", "https://mail.shop.example/w/tok")]
    [InlineData("<a href=\"{{ visitor.unsubscribe_url }}\">x</a>", "https://mail.shop.example/u/tok?x=1&y=2")]
    [InlineData("<a href=\"https://x.example/{{ visitor.plan }}\">x</a>", "https://x.example/pro")]
    public void Other_links_stay_as_they_are(string content, string target) => Assert.Equal(target, Targets(content)[0]);

    [Fact]
    public void Link_made_by_liquid_carries_its_signed_target()
    {
        const string content = "<a href=\"https://x.example/{{ visitor.path }}?p={{ visitor.plan }}&amp;{% if visitor.plan %}q=1{% endif %}\">x</a>{% for i in visitor.items %}<a href='https://x.example/{{ i }}'>y</a>{% endfor %}<a href=\"mailto:{{ visitor.email }}\">z</a>";
        var targets = Targets(content, Signing);
        const string first = "https://x.example/a%20b/c?d=1?p=pro&q=1";
        Assert.Equal($"https://t.shop.example/c/TOK/u/{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(first))}/s3x{first.Length}", targets[0]);
        Assert.Equal("https://x.example/y", Encoding.UTF8.GetString(Base64Url.DecodeFromChars(targets[2].Split('/')[^2])));
        Assert.Equal("mailto:ann@example.org", targets[3]);
    }

    [Fact]
    public void Buttons_are_tracked_like_links()
    {
        var targets = Targets("{% btn https://x.example/a :: Buy %}{% link https://x.example/{{ visitor.plan }} :: more %}{% btn {{ visitor.unsubscribe_url }} :: leave %}", Signing);
        Assert.Equal("https://t.shop.example/c/TOK/0", targets[0]);
        Assert.Equal("https://x.example/pro", Encoding.UTF8.GetString(Base64Url.DecodeFromChars(targets[1].Split('/')[^2])));
        Assert.Equal("https://mail.shop.example/u/tok?x=1&y=2", targets[2]);
    }

    [Fact]
    public void Text_part_has_the_tracked_links_too()
    {
        var text = Sample.Text(Source("<p><a href=\"https://x.example/\">page</a> <a href=\"https://y.example/\">https://y.example</a></p>"), identity: Identity);
        Assert.Equal("page [1] https://y.example\n\nout [2]\n\n[1] https://t.shop.example/c/TOK/0\n[2] https://mail.shop.example/u/tok?x=1&y=2\n", text);
    }

    [Fact]
    public void Pixel_is_the_last_thing_in_the_body_and_can_be_left_out()
    {
        var image = Assert.Single(new HtmlParser().ParseDocument(Sample.Html(Source("<p>x</p>"), identity: Identity)).QuerySelectorAll("img"));
        Assert.Equal("https://t.shop.example/o/TOK", image.GetAttribute("src"));
        Assert.DoesNotContain("<img", Sample.Html(Source("<p>x</p>", Tracking with { Pixel = false }), identity: Identity), StringComparison.Ordinal);
    }

    [Fact]
    public void Message_without_a_token_is_not_made() =>
        Assert.Throws<RenderException>(() => Sample.Compose(Source("x"), identity: Sample.Identity));
}
