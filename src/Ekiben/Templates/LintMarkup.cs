using System.Text.RegularExpressions;

namespace Ekiben.Templates;

/// <summary>
/// Links and images as the author wrote them, with their places. Liquid is blanked out first, letter by letter, so that quotes within it
/// don't end an attribute and places stay what they are. No pattern backtracks; finding many matches may still take long in a text made for it, hence the time limit.
/// </summary>
internal static class LintMarkup
{
    /// <summary>Stands for a letter of Liquid: a letter that no markup means anything by.</summary>
    private const char Blank = '\uFFFD';

    /// <summary>Of one pattern on one field; an honest megabyte takes tens of milliseconds.</summary>
    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(1);

    private static readonly Regex Liquid = Linear(@"\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}");
    private static readonly Regex Comment = Linear(@"<!--[\s\S]*?-->");
    private static readonly Regex Tag = Linear(@"<(?<name>[a-zA-Z][a-zA-Z0-9]*)(?<attributes>(?:""[^""]*""|'[^']*'|[^""'>])*)>");
    private static readonly Regex Attribute = Linear(@"(?<name>[a-zA-Z-]+)(?:\s*=\s*(?:""(?<value>[^""]*)""|'(?<value>[^']*)'|(?<value>[^\s""'>]+)))?");
    private static readonly Regex ContentTag = Linear(@"\{%-?\s*(?<name>link|btn|img)\s(?<arguments>(?:\{\{[\s\S]*?\}\}|[^%]|%[^}])*)%\}");
    private static readonly Regex BareLink = Linear(@"(?i)http://[^\s<>""'\)\]]*");
    private static readonly Regex MarkdownImage = Linear(@"!\[\s*\]\(");
    private static readonly string[] Allowed = ["https://", "mailto:", "tel:", "sms:", "#"];

    /// <param name="field">For the findings.</param>
    /// <param name="source">HTML, or text and Markdown, which may hold HTML too.</param>
    /// <param name="isHtml">False where an address standing in the text becomes a link.</param>
    public static IEnumerable<LintFinding> Read(string field, string source, bool isHtml)
    {
        var text = source.ToCharArray();
        foreach (Match tag in ContentTag.Matches(source))
        {
            foreach (var finding in OfContentTag(field, source, tag))
            {
                yield return finding;
            }
        }

        Erase(Liquid, source, text);
        Erase(Comment, new string(text), text);
        var markup = new string(text);
        foreach (Match tag in Tag.Matches(markup))
        {
            if (OfTag(field, source, tag) is { } finding)
            {
                yield return finding;
            }
        }

        if (isHtml)
        {
            yield break;
        }

        Erase(Tag, markup, text);
        markup = new string(text);
        foreach (Match link in BareLink.Matches(markup))
        {
            yield return NotHttps(field, source, link.Index, link.Value);
        }

        foreach (Match image in MarkdownImage.Matches(markup))
        {
            yield return NoAlt(field, source, image.Index);
        }
    }

    /// <summary>The text that is there whatever the data.</summary>
    public static string WithoutLiquid(string source) => Liquid.Replace(source, "");

    private static LintFinding? OfTag(string field, string source, Match tag)
    {
        var name = tag.Groups["name"].Value.ToLowerInvariant();
        if (name is not ("a" or "area" or "img"))
        {
            return null;
        }

        var attributes = Attribute.Matches(tag.Groups["attributes"].Value);
        if (name == "img")
        {
            return Value(attributes, "alt") is null ? NoAlt(field, source, tag.Index)
                : Value(attributes, "src") is { } image && image.StartsWith("http://", StringComparison.OrdinalIgnoreCase) ? NotHttps(field, source, tag.Index, image)
                : null;
        }

        return Value(attributes, "href") is { } target && !IsFine(target) ? NotHttps(field, source, tag.Index, target) : null;
    }

    /// <summary><c>{% link URL :: text %}</c>, <c>{% btn URL :: text %}</c>, <c>{% img URL :: class, id, alt, width, height %}</c>.</summary>
    private static IEnumerable<LintFinding> OfContentTag(string field, string source, Match tag)
    {
        var arguments = tag.Groups["arguments"].Value.TrimEnd('-').Split("::", 2, StringSplitOptions.TrimEntries);
        if (!arguments[0].StartsWith('{') && !IsFine(arguments[0]))
        {
            yield return NotHttps(field, source, tag.Index, arguments[0]);
        }

        if (tag.Groups["name"].Value == "img" && (arguments.Length < 2 || arguments[1].Split(',') is not [_, _, var alt, ..] || string.IsNullOrWhiteSpace(alt)))
        {
            yield return NoAlt(field, source, tag.Index);
        }
    }

    private static bool IsFine(string target)
    {
        var trimmed = target.Trim();
        return trimmed.StartsWith(Blank) || Array.Exists(Allowed, start => trimmed.StartsWith(start, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Null when the tag has no such attribute; blank when it has no value.</summary>
    private static string? Value(MatchCollection attributes, string name)
    {
        foreach (Match attribute in attributes)
        {
            if (attribute.Groups["name"].Value.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return attribute.Groups["value"].Value;
            }
        }

        return null;
    }

    private static LintFinding NotHttps(string field, string source, int at, string target)
    {
        var (line, column) = Place(source, at);
        var shown = target.Replace(new string(Blank, 2), "", StringComparison.Ordinal).Replace(Blank.ToString(), "…", StringComparison.Ordinal);
        return LintFinding.Warning("insecure_link", field, $"The address \"{(shown.Length <= 80 ? shown : shown[..80] + "…")}\" does not begin with https://.", line, column);
    }

    private static LintFinding NoAlt(string field, string source, int at)
    {
        var (line, column) = Place(source, at);
        return LintFinding.Warning("missing_alt", field, "The image has no alt text: who does not see images learns nothing of it.", line, column);
    }

    private static (int Line, int Column) Place(string source, int at)
    {
        var before = source.AsSpan(0, at);
        return (before.Count('\n') + 1, at - before.LastIndexOf('\n'));
    }

    private static void Erase(Regex what, string source, char[] text)
    {
        foreach (Match match in what.Matches(source))
        {
            text.AsSpan(match.Index, match.Length).Fill(Blank);
        }
    }

    private static Regex Linear(string pattern) => new(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, MaxTime);
}
