using System.Globalization;
using System.Net;
using System.Text;

namespace Ekiben.Mail.Markup;

/// <summary>
/// Derives the plain text part from the HTML, both of them templates. It walks the source and not a tree: Liquid tags come out in the order
/// in which they went in, so a loop around table rows stays a loop. Links are kept: numbered notes at the end, or on the spot where the
/// link stands in a loop or condition and a note could not know about it.
/// </summary>
internal sealed class TextPart : HtmlLexer
{
    private static readonly HashSet<string> Paragraphs = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table", "hr",
        "dl", "figure", "address", "form"];
    private static readonly HashSet<string> Lines = ["div", "li", "tr", "dt", "dd", "section", "article", "header", "footer", "main", "nav", "aside",
        "figcaption", "center", "tbody", "thead", "tfoot", "caption", "fieldset", "body", "option"];
    private static readonly HashSet<string> Void = ["img", "br", "hr", "meta", "link", "input", "col", "area", "base", "source", "wbr", "embed", "track"];
    private static readonly HashSet<string> Unseen = ["head", "style", "script", "title", "template", "noscript", "select", "object", "svg", "o:p"];
    /// <summary>Tags that print; where nothing is shown they go, all others stay to keep blocks whole.</summary>
    private static readonly HashSet<string> Printing = ["echo", "cycle", "increment", "decrement", "render", "include"];

    private readonly List<Piece> _pieces = [];
    private readonly StringBuilder _text = new();
    private readonly List<List<Piece>> _notes = [];
    private readonly Stack<Link> _links = new();
    private readonly Stack<(bool Ordered, int Next)> _lists = new();
    private readonly List<Piece> _inTag = [];
    private readonly Dictionary<string, List<Piece>> _attributes = new(StringComparer.Ordinal);
    private readonly IReadOnlyList<string> _targets;
    private List<Piece>? _value;
    private int _breaks;
    private bool _blank;
    private bool _started;
    /// <summary>Line breaks that stand at the end of what was written.</summary>
    private int _newlines = 2;
    private int _quotes;
    private int _pre;
    private int _depth;
    private string? _unseen;
    private int _unseenDepth;

    private sealed record Link(List<Piece> Url, int Depth, StringBuilder Shown)
    {
        public bool ShowsMore { get; set; }
    }

    private TextPart(IReadOnlyList<string> targets) => _targets = targets;

    /// <summary>The text template of an HTML template.</summary>
    public static List<Piece> From(IEnumerable<Piece> html, IReadOnlyList<string> targets)
    {
        var part = new TextPart(targets);
        foreach (var piece in html) part.Read(piece);
        part.Finish();
        return part._pieces;
    }

    private void Read(Piece piece)
    {
        if (piece.Opens) _depth++;
        if (piece.Closes) _depth--;
        if (piece.Kind == PieceKind.Mark) return;
        if (piece.Kind == PieceKind.Literal)
        {
            Feed(piece.Text);
        }
        else if (InTag)
        {
            Pass(piece);
            if (_value is not null) _value.Add(piece);
            else if (piece.Kind == PieceKind.Tag && !piece.IsBento) _inTag.Add(piece);
        }
        else if (State is HtmlState.RawText or not HtmlState.Text || _unseen is not null)
        {
            if (piece.Kind == PieceKind.Tag && !piece.IsBento && !Printing.Contains(piece.Name)) Construct(piece);
        }
        else if (piece.IsBento)
        {
            BentoTag(piece);
        }
        else if (piece.Kind == PieceKind.Tag && !Printing.Contains(piece.Name))
        {
            // Breaks so far belong to what stands before the tag: a loop's body then begins and ends at the start of a line.
            if (_started) Separate();
            Construct(piece);
        }
        else
        {
            Shown(piece);
        }
    }

    protected override void OnText(ReadOnlySpan<char> text)
    {
        if (State == HtmlState.RawText || _unseen is not null) return;
        Words(WebUtility.HtmlDecode(text.ToString()));
    }

    protected override void OnTagName()
    {
        _attributes.Clear();
    }

    protected override void OnTagOpen() => _inTag.Clear();

    protected override void OnAttribute()
    {
        if (Attribute == "hidden") _attributes.TryAdd(Attribute, []);
    }

    protected override void OnValueStart() => _value = [];

    protected override void OnValue(char c)
    {
        if (_value is [.., { Kind: PieceKind.Literal } last]) _value[^1] = Piece.Literal(last.Text + c);
        else _value?.Add(Piece.Literal(c.ToString()));
    }

    protected override void OnValueEnd()
    {
        // A block that opens in a value and closes elsewhere is kept for its sake; the value it makes can't be known here.
        if (_value is not null && !Piece.AreWhole(_value)) _inTag.AddRange(_value.Where(piece => piece.Kind == PieceKind.Tag));
        else if (_value is not null) _attributes.TryAdd(Attribute, [.. _value.Select(Decode)]);
        _value = null;
    }

    protected override void OnStartTag()
    {
        var tag = Tag;
        KeepBlocks();
        if (_unseen is not null)
        {
            if (tag == _unseen) _unseenDepth++;
            return;
        }
        if (!Void.Contains(tag) && (Unseen.Contains(tag) || Hidden()))
        {
            (_unseen, _unseenDepth) = (tag, 1);
            return;
        }
        Block(tag);
        switch (tag)
        {
            case "br": Break(); break;
            case "hr": Words("---"); Block(tag); break;
            case "img": Image(); break;
            case "pre": _pre++; break;
            case "blockquote": _quotes++; break;
            case "ul" or "ol": _lists.Push((tag == "ol", 1)); break;
            case "li": Item(); break;
            case "td" or "th": _blank = true; break;
            case "a" when _attributes.TryGetValue("href", out var url):
                // An anchor ends where the next one begins (HTML §13.2.6.4.7).
                if (_links.Count > 0) EndLink(_links.Pop());
                _links.Push(new Link(url, _depth, new StringBuilder()));
                break;
        }
    }

    protected override void OnEndTag(string name)
    {
        KeepBlocks();
        if (_unseen is not null)
        {
            if (name == _unseen && --_unseenDepth == 0) _unseen = null;
            return;
        }
        switch (name)
        {
            case "pre" when _pre > 0: _pre--; break;
            case "blockquote" when _quotes > 0: _quotes--; break;
            case "ul" or "ol" when _lists.Count > 0: _lists.Pop(); break;
            case "a" when _links.Count > 0: EndLink(_links.Pop()); break;
        }
        Block(name);
    }

    /// <summary>A block that opens in one tag and closes in another must stay; one that is whole within the tag has done its work there.</summary>
    private void KeepBlocks()
    {
        if (Piece.AreWhole(_inTag)) return;
        foreach (var piece in _inTag) Construct(piece);
    }

    private bool Hidden() =>
        _attributes.ContainsKey("hidden") || (_attributes.TryGetValue("style", out var style)
            && string.Concat(style.Select(piece => piece.Text)).Replace(" ", "", StringComparison.Ordinal).Contains("display:none", StringComparison.OrdinalIgnoreCase));

    private void Block(string tag)
    {
        if (Paragraphs.Contains(tag)) _breaks = Math.Max(_breaks, tag is "ul" or "ol" && _lists.Count > 0 ? 1 : 2);
        else if (Lines.Contains(tag)) _breaks = Math.Max(_breaks, 1);
    }

    private void Break()
    {
        if (_started) _breaks = Math.Min(_breaks + 1, 2);
    }

    private void Item()
    {
        var indent = new string(' ', 2 * Math.Max(0, _lists.Count - 1));
        if (!_lists.TryPop(out var list))
        {
            Words("- ", verbatim: true);
            return;
        }
        // Numbers can't be counted in a loop that runs later.
        Words(list.Ordered && _depth == 0 ? $"{indent}{list.Next}. " : indent + "- ", verbatim: true);
        _lists.Push((list.Ordered, list.Next + 1));
    }

    private void Image()
    {
        if (!_attributes.TryGetValue("alt", out var alt) || alt.Count == 0) return;
        Words("[", verbatim: true);
        foreach (var piece in alt) Inline(piece);
        Words("]", verbatim: true);
    }

    private void EndLink(Link link)
    {
        var url = link.Url;
        if (url is [] || url[0] is { Kind: PieceKind.Literal } first && (first.Text.StartsWith('#') || first.Text.Length == 0)) return;
        // A tracked link still shows, and is compared by, the target that its author wrote.
        var target = url is [{ Kind: PieceKind.Output }, { Kind: PieceKind.Literal }] && url[0].Inner == MessageData.Own + "click"
            ? _targets[int.Parse(url[1].Text, CultureInfo.InvariantCulture)]
            : string.Concat(url.Select(piece => piece.Text)).Trim();
        var shown = link.Shown.ToString().Trim();
        if (target == shown || target == "mailto:" + shown || target.TrimEnd('/') == shown.TrimEnd('/')) return;
        if (link.Depth == 0 && _depth == 0 && url.All(IsSameEverywhere))
        {
            var number = _notes.FindIndex(note => note.SequenceEqual(url)) + 1;
            if (number == 0)
            {
                _notes.Add(url);
                number = _notes.Count;
            }
            Words($"{(link.ShowsMore ? " " : "")}[{number.ToString(CultureInfo.InvariantCulture)}]", verbatim: true);
            return;
        }
        Words(link.ShowsMore ? " (" : "", verbatim: true);
        foreach (var piece in url) Inline(piece);
        if (link.ShowsMore) Words(")", verbatim: true);
    }

    /// <summary>A value that no assign or loop can change between the link and the notes.</summary>
    private static bool IsSameEverywhere(Piece piece) => piece.Kind == PieceKind.Literal
        || (piece.Kind == PieceKind.Output && (piece.Inner.StartsWith("visitor.", StringComparison.Ordinal) || piece.Inner.StartsWith("site.", StringComparison.Ordinal)
            || piece.Inner.StartsWith("broadcast.", StringComparison.Ordinal) || piece.Inner.StartsWith("browser_url", StringComparison.Ordinal)
            || piece.Inner.StartsWith(MessageData.Own, StringComparison.Ordinal)));

    private void BentoTag(Piece piece)
    {
        var arguments = piece.Arguments();
        switch (piece.Name)
        {
            case "greeting" or "formatted_name":
                Shown(piece);
                break;
            case "link" or "btn" or "audio":
                if (piece.Name == "btn") _breaks = Math.Max(_breaks, 2);
                var link = new Link(arguments[0], _depth, new StringBuilder());
                _links.Push(link);
                if (arguments.Count > 1) foreach (var part in arguments[1]) Inline(part);
                EndLink(_links.Pop());
                if (piece.Name == "btn") _breaks = Math.Max(_breaks, 2);
                break;
            // "URL :: class, id, alt, width, height"; an alt that Liquid makes is not worth guessing its commas.
            case "img" when arguments.Count > 1 && arguments[1] is [{ Kind: PieceKind.Literal } attributes]
                && attributes.Text.Split(',') is { Length: > 2 } parts && parts[2].Trim() is { Length: > 0 } alt:
                Words($"[{alt}]", verbatim: true);
                break;
        }
    }

    private void Inline(Piece piece)
    {
        if (piece.Kind == PieceKind.Literal) Words(piece.Text, verbatim: true);
        else if (piece.Kind == PieceKind.Output) Shown(piece);
        else Construct(piece);
    }

    private static Piece Decode(Piece piece) => piece.Kind == PieceKind.Literal ? Piece.Literal(WebUtility.HtmlDecode(piece.Text)) : piece;

    private void Words(string text, bool verbatim = false)
    {
        foreach (var c in text)
        {
            if (c is TrackedLinks.SignedTarget or '\u00AD' or '\u034F' or '\u200B' or '\uFEFF') continue;
            if (_pre > 0 && c == '\n')
            {
                Break();
                continue;
            }
            if (_pre == 0 && !verbatim && c != '\u00A0' && char.IsWhiteSpace(c))
            {
                _blank = true;
                continue;
            }
            Separate();
            var shown = c == '\u00A0' ? ' ' : c;
            _text.Append(shown);
            _newlines = 0;
            Note(shown);
        }
    }

    private void Note(char c)
    {
        foreach (var link in _links)
        {
            link.Shown.Append(c);
            link.ShowsMore = true;
        }
    }

    private void Shown(Piece piece)
    {
        Separate();
        foreach (var link in _links)
        {
            link.Shown.Append(piece.Text);
            link.ShowsMore = true;
        }
        _newlines = 0;
        Construct(piece);
    }

    /// <summary>Writes the line breaks or the blank that stand between what was written and what comes.</summary>
    private void Separate()
    {
        if (_breaks > 0 || !_started)
        {
            if (_started && _newlines < _breaks) _text.Append('\n', _breaks - _newlines);
            _newlines = Math.Max(_newlines, _breaks);
            if (_quotes > 0) _text.Insert(_text.Length, "> ", _quotes);
        }
        else if (_blank && _newlines == 0)
        {
            _text.Append(' ');
        }
        _started = true;
        _breaks = 0;
        _blank = false;
    }

    private void Construct(Piece piece)
    {
        FlushText();
        _pieces.Add(piece);
    }

    private void FlushText()
    {
        if (_text.Length == 0) return;
        _pieces.Add(Piece.Literal(_text.ToString()));
        _text.Clear();
    }

    private void Finish()
    {
        while (_links.Count > 0) EndLink(_links.Pop());
        if (_notes.Count > 0)
        {
            (_breaks, _quotes, _pre) = (2, 0, 0);
            for (var i = 0; i < _notes.Count; i++)
            {
                Words($"[{(i + 1).ToString(CultureInfo.InvariantCulture)}] ", verbatim: true);
                foreach (var piece in _notes[i]) Inline(piece);
                _breaks = 1;
            }
        }
        if (_newlines == 0) _text.Append('\n');
        FlushText();
    }
}
