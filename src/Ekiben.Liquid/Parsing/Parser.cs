using System.Text;
using Ekiben.Liquid.Nodes;

namespace Ekiben.Liquid.Parsing;

/// <summary>
/// Source to nodes in one pass. Open blocks live on a list and not on the call stack, so nesting costs memory only and is
/// refused at its limit; the one recursion left (brackets, arguments of Bento's tags) is counted against the same limit.
/// </summary>
internal sealed partial class Parser
{
    private readonly string _source;
    private readonly TemplateLimits _limits;
    private readonly PlaceTracker? _places;
    private readonly byte[] _utf8;
    private readonly List<OpenBlock> _open = [];
    private readonly List<UnsupportedTag> _unsupported = [];
    private OpenBlock _block;
    private int _utf8Length;
    private bool _trimsNext;

    // Blocks below this depth belong to the text around a liquid tag or a Bento argument and cannot be closed inside it.
    private int _floor;

    public Parser(string source, TemplateOptions options)
    {
        _source = source;
        _limits = options.Limits;
        _places = options.Places;
        var length = source.Length <= _limits.SourceBytes ? Encoding.UTF8.GetByteCount(source) : int.MaxValue;
        if (length > _limits.SourceBytes)
        {
            throw OverBudget(nameof(TemplateLimits.SourceBytes), _limits.SourceBytes, 0);
        }

        _utf8 = new byte[length];
        _block = new OpenBlock(BlockKind.Root, 0);
    }

    public Template Parse()
    {
        ParseText(0, _source.Length);
        if (_open.Count > 0)
        {
            throw Unclosed(_block);
        }

        return new Template(_source, _block.TakeBody(dropsSpace: false), _uses, _unsupported);
    }

    private int Place => _places?.Place ?? 0;

    /// <summary>Text, outputs and tags from <paramref name="start"/> to <paramref name="end"/>.</summary>
    private void ParseText(int start, int end)
    {
        var at = start;
        while (at < end)
        {
            var open = FindOpening(at, end);
            if (open < 0)
            {
                AddText(at, end, trimsEnd: false);
                return;
            }

            AddText(at, open, trimsEnd: open + 2 < end && _source[open + 2] == '-');
            at = _source[open + 1] == '{' ? ParseOutput(open, end) : ParseTag(open, end);
        }
    }

    private int FindOpening(int at, int end)
    {
        while (_source.IndexOf('{', at, end - at) is var open && open >= 0 && open + 1 < end)
        {
            if (_source[open + 1] is '{' or '%')
            {
                return open;
            }

            at = open + 1;
        }

        return -1;
    }

    private int ParseOutput(int open, int end)
    {
        var close = _source.IndexOf("}}", open + 2, end - open - 2, StringComparison.Ordinal);
        if (close < 0)
        {
            throw Error(TemplateErrors.Syntax, "'{{' is not closed", open);
        }

        SetMarkup(open, close);
        SkipSpace();
        if (_at < _end)
        {
            AddOutput(ParseFiltered(), open, html: _argument is not null);
        }
        else
        {
            _block.HasOutput = true;
        }

        return close + 2;
    }

    /// <summary>Sets the markup between delimiters, less the hyphens that trim.</summary>
    private void SetMarkup(int open, int close)
    {
        _at = open + 2;
        _end = close;
        if (_at < _end && _source[_at] == '-')
        {
            _at++;
        }

        _trimsNext = _end > open + 2 && _source[_end - 1] == '-';
        if (_trimsNext && _end > _at)
        {
            _end--;
        }

        if (_end - _at > _limits.ExpressionLength && _source[open + 1] == '{')
        {
            throw OverBudget(nameof(TemplateLimits.ExpressionLength), _limits.ExpressionLength, open);
        }

        _brackets = 0;
    }

    private void AddOutput(Expression expression, int offset, bool html)
    {
        _block.Nodes.Add(new OutputNode(expression, Place, html, offset));
        _block.HasOutput = true;
        _places?.Value();
    }

    private void Add(Node node)
    {
        _block.Nodes.Add(node);
        _block.HasOutput |= !node.IsBlank;
    }

    private void AddText(int start, int end, bool trimsEnd)
    {
        if (_trimsNext)
        {
            while (start < end && IsTrimmed(_source[start]))
            {
                start++;
            }

            _trimsNext = false;
        }

        while (trimsEnd && end > start && IsTrimmed(_source[end - 1]))
        {
            end--;
        }

        AddLiteral(start, end);
    }

    /// <summary>Literal text of the source, not trimmed.</summary>
    private void AddLiteral(int start, int end)
    {
        if (end <= start)
        {
            return;
        }

        var text = _source.AsSpan(start, end - start);
        if (_argument is not null)
        {
            AddArgumentText(text, start);
            return;
        }

        _places?.Text(text);
        var length = Encoding.UTF8.GetBytes(text, _utf8.AsSpan(_utf8Length));
        Add(new TextNode(_utf8, _utf8Length, length, text.Trim().IsEmpty, start));
        _utf8Length += length;
    }

    private static bool IsTrimmed(char character) => character is ' ' or '\0' or (>= '\t' and <= '\r');

    private TemplateException Error(string message) => Error(TemplateErrors.Syntax, message, _at);

    private TemplateException Error(string code, string message, int offset) => new(code, message, _source, offset);

    private TemplateException OverBudget(string budget, int limit, int offset) =>
        new(TemplateErrors.OverBudget, $"The template exceeds its limit {budget} of {limit}", _source, offset, null, budget);

    private TemplateException Unclosed(OpenBlock block) =>
        Error(TemplateErrors.UnclosedBlock, $"The block '{block.Kind.ToString().ToLowerInvariant()}' is not closed", block.Offset);
}
