using System.Net;
using System.Text.RegularExpressions;

namespace Ekiben.Broadcasts.Pages;

/// <summary>How a message begins, for a list: its first words without markup and Liquid. For people alone; nothing rests on it.</summary>
internal static partial class FirstLines
{
    /// <summary>Characters of the content that are looked at.</summary>
    public const int Reads = 2_000;

    private const int Shows = 180;

    public static string Of(string content)
    {
        var text = Noise().Replace(content, " ");
        text = WebUtility.HtmlDecode(Markup().Replace(text, " "));
        // Cut in the middle of a tag, since only the beginning was read.
        var open = text.LastIndexOf('<');
        text = Blanks().Replace(open >= 0 && !text[open..].Contains('>', StringComparison.Ordinal) ? text[..open] : text, " ").Trim();
        if (text.Length <= Shows)
        {
            return text;
        }

        var end = text.LastIndexOf(' ', Shows, Shows / 2);
        return text[..(end > 0 ? end : Shows)] + "…";
    }

    /// <summary>What is between is no text.</summary>
    [GeneratedRegex(@"<(style|script|head|title)\b[\s\S]*?(</\1>|$)|<!--[\s\S]*?(-->|$)|\{%[\s\S]*?(%\}|$)", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 200)]
    private static partial Regex Noise();

    [GeneratedRegex(@"<[^<>]*>", RegexOptions.None, matchTimeoutMilliseconds: 200)]
    private static partial Regex Markup();

    [GeneratedRegex(@"\s+", RegexOptions.None, matchTimeoutMilliseconds: 200)]
    private static partial Regex Blanks();
}
