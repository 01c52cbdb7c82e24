namespace Ekiben.Mail.Markup;

/// <summary>The places a value can stand in; each has its own way of being harmless (see <see cref="PlaceEscaper"/>).</summary>
internal static class Place
{
    /// <summary>Between tags, or in a title or textarea.</summary>
    public const int Html = 0;
    public const int Attribute = 1;
    /// <summary>The value begins a URL, so it may carry a scheme.</summary>
    public const int UrlStart = 2;
    public const int UrlPath = 3;
    /// <summary>A value within the query or fragment.</summary>
    public const int UrlQuery = 4;
    public const int Css = 5;
    /// <summary>Within <c>url(…)</c>.</summary>
    public const int CssUrl = 6;
    public const int Script = 7;
    /// <summary>A comment, a tag's or attribute's name: only letters, digits, blanks and - _ . pass.</summary>
    public const int Name = 8;
    /// <summary>The plain text part.</summary>
    public const int PlainText = 9;
    /// <summary>A header's value; line breaks are refused when the header is written.</summary>
    public const int Header = 10;
    /// <summary>A link's whole target, to be signed and tracked.</summary>
    public const int SignedTarget = 11;
    /// <summary>Added where an attribute's value has no quotes.</summary>
    public const int Unquoted = 64;
}

/// <summary>Follows the literals of an HTML template and says in which place the next value stands.</summary>
internal sealed class HtmlPlaces : HtmlLexer
{
    private static readonly HashSet<string> Urls = ["href", "src", "action", "formaction", "background", "poster", "cite", "longdesc", "data",
        "xlink:href", "srcset", "lowsrc", "dynsrc"];

    private string _css = "";

    public int Place
    {
        get
        {
            // To be asked is the only sign that a value stands here.
            Hole();
            return State switch
            {
                HtmlState.Text => Markup.Place.Html,
                HtmlState.RawText => Tag switch { "style" => InCss(_css), "script" => Markup.Place.Script, _ => Markup.Place.Html },
                HtmlState.DoubleQuoted or HtmlState.SingleQuoted => InAttribute(),
                HtmlState.Unquoted => InAttribute() | Markup.Place.Unquoted,
                _ => Markup.Place.Name,
            };
        }
    }

    protected override void OnText(ReadOnlySpan<char> text)
    {
        if (Tag != "style" || State != HtmlState.RawText) return;
        // Only an open "url(" matters, and it is near.
        _css += text.ToString();
        if (_css.Length > 256) _css = _css[^256..];
    }

    private int InAttribute()
    {
        if (Urls.Contains(Attribute)) return InUrl(Value.ToString());
        if (Attribute == "style") return InCss(Value.ToString());
        if (Attribute.StartsWith("on", StringComparison.Ordinal)) return Markup.Place.Script;
        return Attribute == "srcdoc" ? Markup.Place.Name : Markup.Place.Attribute;
    }

    private static int InUrl(string before)
    {
        if (string.IsNullOrWhiteSpace(before)) return Markup.Place.UrlStart;
        // Right after the ? a whole query may stand; anywhere later in it only a value.
        var query = before.AsSpan().IndexOfAny('?', '#');
        return query < 0 || query == before.Length - 1 ? Markup.Place.UrlPath : Markup.Place.UrlQuery;
    }

    private static int InCss(string before)
    {
        var open = before.LastIndexOf("url(", StringComparison.OrdinalIgnoreCase);
        return open >= 0 && before.IndexOf(')', open) < 0 ? Markup.Place.CssUrl : Markup.Place.Css;
    }
}
