using System.Buffers;

namespace Ekiben.Liquid.Values;

/// <summary>The five characters that HTML text and attributes may not hold, and their entities as Ruby's CGI writes them.</summary>
internal static class HtmlText
{
    public static SearchValues<char> Specials { get; } = SearchValues.Create("&<>\"'");

    public static string Entity(char special) => special switch
    {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        _ => "&#39;",
    };

    /// <summary>Whether the ampersand at the start of <paramref name="text"/> begins an entity (<c>&amp;name;</c> or <c>&amp;#123;</c>).</summary>
    public static bool IsEntity(ReadOnlySpan<char> text)
    {
        var at = 1;
        var digits = at < text.Length && text[at] == '#';
        if (digits)
        {
            at++;
        }

        // No entity's name is longer than 31 characters: a bound keeps a text of ampersands linear.
        var start = at;
        while (at < text.Length && at - start < 32 && (digits ? char.IsAsciiDigit(text[at]) : char.IsAsciiLetter(text[at])))
        {
            at++;
        }

        return at > start && at < text.Length && text[at] == ';';
    }
}
