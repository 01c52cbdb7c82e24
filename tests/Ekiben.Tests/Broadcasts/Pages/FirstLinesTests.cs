using Ekiben.Broadcasts.Pages;

namespace Ekiben.Tests.Broadcasts.Pages;

public sealed class FirstLinesTests
{
    [Theory]
    [InlineData("<h1>Spring &amp; summer</h1><p>All is new.</p>", "Spring & summer All is new.")]
    [InlineData("<style>p { color: red }</style><!-- no --><p>Yes</p>", "Yes")]
    [InlineData("{% if visitor.first_name %}Hi {{ visitor.first_name }},{% endif %} news", "Hi {{ visitor.first_name }}, news")]
    [InlineData("Plain text\n\n with   lines", "Plain text with lines")]
    [InlineData("<p>Cut in a tag <a href=\"https://example.com/", "Cut in a tag")]
    [InlineData("<style>never closed", "")]
    [InlineData("", "")]
    public void They_are_the_words_without_markup(string content, string lines) => Assert.Equal(lines, FirstLines.Of(content));

    [Fact]
    public void A_long_text_is_cut_between_words()
    {
        var lines = FirstLines.Of(string.Join(' ', Enumerable.Repeat("word", 200)));

        Assert.EndsWith("word…", lines, StringComparison.Ordinal);
        Assert.InRange(lines.Length, 150, 181);
    }
}
