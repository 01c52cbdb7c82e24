using System.Buffers;
using System.Text;
using AngleSharp.Dom;
using AngleSharp.Html.Parser;
using CsCheck;
using Ekiben.Mail.Markup;

namespace Ekiben.Mail.Tests;

public class PlacesTests
{
    private const char Hole = '§';

    private static int PlaceIn(string html)
    {
        var places = new HtmlPlaces();
        places.Feed(html.AsSpan(0, html.IndexOf(Hole, StringComparison.Ordinal)));
        return places.Place;
    }

    private static string Escape(int place, string value)
    {
        var output = new ArrayBufferWriter<byte>();
        PlaceEscaper.Write(place, value, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    /// <summary>The page with the value escaped for wherever the hole is.</summary>
    private static string Fill(string html, string value)
    {
        var places = new HtmlPlaces();
        var result = new StringBuilder();
        foreach (var (literal, index) in html.Split(Hole).Select((literal, index) => (literal, index)))
        {
            if (index > 0) result.Append(Escape(places.Place, value));
            places.Feed(literal);
            result.Append(literal);
        }
        return result.ToString();
    }

    [Theory]
    [InlineData("§", Place.Html)]
    [InlineData("<p>§", Place.Html)]
    [InlineData("<p class=\"a\">x < y §", Place.Html)]
    [InlineData("<title>§", Place.Html)]
    [InlineData("<p title=\"§", Place.Attribute)]
    [InlineData("<p title='§", Place.Attribute)]
    [InlineData("<p title=§", Place.Attribute | Place.Unquoted)]
    [InlineData("<p title=a§", Place.Attribute | Place.Unquoted)]
    [InlineData("<a title=\"x>y\" href=\"§", Place.UrlStart)]
    [InlineData("<a href=§", Place.UrlStart | Place.Unquoted)]
    [InlineData("<A HREF='https://x.example/§", Place.UrlPath)]
    [InlineData("<a href=\"https://x.example/?§", Place.UrlPath)]
    [InlineData("<a href=\"https://x.example/?a=§", Place.UrlQuery)]
    [InlineData("<img src=\"§", Place.UrlStart)]
    [InlineData("<td background=\"§", Place.UrlStart)]
    [InlineData("<p style=\"color:§", Place.Css)]
    [InlineData("<p style=\"background:url(§", Place.CssUrl)]
    [InlineData("<p style=\"background:url(a.png);color:§", Place.Css)]
    [InlineData("<style>p{color:§", Place.Css)]
    [InlineData("<style>p{background:url('§", Place.CssUrl)]
    [InlineData("<style>a > b{}</style>§", Place.Html)]
    [InlineData("<script>var a = '</b>§", Place.Script)]
    [InlineData("<script></script >§", Place.Html)]
    [InlineData("<p onclick=\"§", Place.Script)]
    [InlineData("<!-- §", Place.Name)]
    [InlineData("<!-- a > b -- §", Place.Name)]
    [InlineData("<!-- a --><p>§", Place.Html)]
    [InlineData("<!--><p>§", Place.Html)]
    [InlineData("<!--[if mso]><v:rect href=\"§", Place.UrlStart)]
    [InlineData("<!--[if mso]><table><![endif]-->§", Place.Html)]
    [InlineData("<!--[if !mso]><!-->§", Place.Html)]
    [InlineData("<!--[if !mso]><!--><p>a</p><!--<![endif]-->§", Place.Html)]
    [InlineData("<!DOCTYPE html>§", Place.Html)]
    [InlineData("<§", Place.Name)]
    [InlineData("<p §", Place.Name)]
    [InlineData("<p a§", Place.Name)]
    [InlineData("</§", Place.Name)]
    [InlineData("<iframe srcdoc=\"§", Place.Name)]
    [InlineData("<br/>§", Place.Html)]
    [InlineData("<input disabled value=\"§", Place.Attribute)]
    public void Place_follows_the_markup(string html, int place)
    {
        Assert.Equal(place, PlaceIn(html));
        // The same, fed one character at a time: Liquid may stand anywhere.
        var places = new HtmlPlaces();
        foreach (var c in html[..html.IndexOf(Hole, StringComparison.Ordinal)]) places.Feed([c]);
        Assert.Equal(place, places.Place);
    }

    [Fact]
    public void Attribute_after_an_unquoted_hole_is_an_attribute() =>
        Assert.Equal("<p lang=a&#32;b title=\"a b\">a b", Fill("<p lang=§ title=\"§\">§", "a b"));

    [Theory]
    [InlineData("<p>§</p>", "<b>&\"'", "<p>&lt;b&gt;&amp;&quot;&#39;</p>")]
    [InlineData("<a href=\"§\">", "https://x.example/a b?c=d&e=\"f'", "<a href=\"https://x.example/a%20b?c=d&amp;e=%22f%27\">")]
    [InlineData("<a href=\"§\">", "JavaScript:alert(1)", "<a href=\"#\">")]
    [InlineData("<a href=\"§\">", " java\nscript:alert(1)", "<a href=\"#\">")]
    [InlineData("<a href=\"§\">", "data:text/html,x", "<a href=\"#\">")]
    [InlineData("<a href=\"§\">", "verylongschemename:x", "<a href=\"#\">")]
    [InlineData("<a href=\"§\">", "mailto:ann@example.org", "<a href=\"mailto:ann@example.org\">")]
    [InlineData("<a href=\"§\">", "a/b:c", "<a href=\"a/b:c\">")]
    [InlineData("<a href=\"§\">", "https://x.example/?a=1&amp;b=2", "<a href=\"https://x.example/?a=1&amp;b=2\">")]
    [InlineData("<a href=\"https://x.example/?m=§&n=1\">", "a+b@x.example&m=2", "<a href=\"https://x.example/?m=a%2Bb%40x.example%26m%3D2&n=1\">")]
    [InlineData("<a href=\"https://x.example/?m=§\">", "50%25 100%", "<a href=\"https://x.example/?m=50%25%20100%25\">")]
    [InlineData("<a href=\"https://x.example/§\">", "ü/ö", "<a href=\"https://x.example/%C3%BC/%C3%B6\">")]
    [InlineData("<p title=§>", "a b>c", "<p title=a&#32;b&#62;c>")]
    [InlineData("<p style=\"color:§\">", "red;background:url(x)\"", "<p style=\"color:redbackgroundurlx\">")]
    [InlineData("<p style=\"background:url(§)\">", "https://x.example/a).png", "<p style=\"background:url(https://x.example/a%29.png)\">")]
    [InlineData("<script>var a = '§';</script>", "</script>'\\", "<script>var a = '\\u003c/script\\u003e\\u0027\\u005c';</script>")]
    [InlineData("<!-- § -->", "--><b>", "<!-- --b -->")]
    public void Value_is_escaped_for_its_place(string html, string value, string filled) => Assert.Equal(filled, Fill(html, value));

    [Fact]
    public void Plain_text_keeps_everything_but_controls() =>
        Assert.Equal("<b>&\n\ta\nb\nc", Escape(Place.PlainText, "<b>&\n\ta\r\nb\rc\0\u001B\uFDD0"));

    [Fact]
    public void No_value_changes_the_page_around_it()
    {
        // An independent parser must see the same elements and attributes whatever the value is.
        var pages = OneOf(
            "<p>§</p>", "<p title=\"§\" id=a>x</p>", "<p title='§' id=a>x</p>", "<p title=§ id=a>x</p>", "<a href=\"§\" id=a>x</a>", "<a href='https://x.example/§' id=a>x</a>",
            "<a href=https://x.example/?q=§ id=a>x</a>", "<p style=\"color:§\" id=a>x</p>", "<p style='background:url(§)' id=a>x</p>", "<style>p { color: § }</style><p>x</p>",
            "<script>var a = \"§\";</script><p>x</p>", "<!-- a § b --><p>x</p>", "<title>§</title><p>x</p>", "<textarea>§</textarea><p>x</p>", "<p onclick='f(\"§\")' id=a>x</p>",
            "<table><tr><td width=§>§</td></tr></table>");
        var values = Gen.String[Gen.OneOf(Gen.Char["<>\"'&=/ `-!\n\t;:(){}\\#%?"], Gen.Char['a', 'z'], Gen.Char['\u00A1', '\u024F']), 0, 30];
        var payloads = OneOf("\"><script>alert(1)</script>", "' onmouseover='x", "--><img src=x>", "</style><b>", "</script><b>", "javascript:alert(1)", "]]><b>", "x onload=y");
        var parser = new HtmlParser();
        Gen.Select(pages, Gen.OneOf(values, payloads)).Sample((page, value) =>
        {
            var expected = Shape(parser.ParseDocument(Fill(page, "x")));
            Assert.Equal(expected, Shape(parser.ParseDocument(Fill(page, value.Length == 0 ? "x" : value))));
        }, iter: 20_000, threads: 1);
    }

    private static Gen<string> OneOf(params string[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);

    private static string Shape(IDocument document) =>
        string.Join(' ', document.All.Select(element => element.LocalName + "[" + string.Join(',', element.Attributes.Select(attribute => attribute.Name)) + "]"));
}
