namespace Ekiben.Mail.Markup;

/// <summary>Finds the body of an HTML page and puts our own markup into it, without touching anything else.</summary>
internal sealed class Page : HtmlLexer
{
    private readonly record struct Spot(int Piece, int Offset);

    private int _piece;
    private int _depth;
    private Spot _open;
    private Spot? _bodyStart;
    private Spot? _headEnd;
    private Spot? _htmlStart;
    private Spot? _bodyEnd;
    private Spot? _htmlEnd;

    private Page() { }

    /// <summary>The page with <paramref name="first"/> as the body's first and <paramref name="last"/> as its last content.</summary>
    public static List<Piece> With(List<Piece> page, List<Piece> first, List<Piece> last)
    {
        var result = new List<Piece>(page);
        if (first.Count == 0 && last.Count == 0) return result;
        var lexer = new Page();
        for (; lexer._piece < page.Count; lexer._piece++)
        {
            var piece = page[lexer._piece];
            if (piece.Opens) lexer._depth++;
            if (piece.Closes) lexer._depth--;
            lexer.Pass(piece);
        }
        // A fragment has no body: then it begins where the page does and ends where it ends.
        var start = lexer._bodyStart ?? lexer._headEnd ?? lexer._htmlStart ?? new Spot(0, 0);
        var end = lexer._bodyEnd ?? lexer._htmlEnd ?? new Spot(page.Count, 0);
        if (end.Piece < start.Piece || (end.Piece == start.Piece && end.Offset < start.Offset)) end = new Spot(page.Count, 0);
        // The later spot first, so that the earlier one stays where it is.
        Insert(result, end, last);
        Insert(result, start, first);
        return result;
    }

    protected override void OnTagOpen() => _open = new Spot(_piece, Position);

    protected override void OnStartTag()
    {
        // What stands in a block may not be rendered, or be rendered twice.
        if (_depth > 0) return;
        if (Tag == "body") _bodyStart ??= Here;
        if (Tag == "html") _htmlStart ??= Here;
    }

    protected override void OnEndTag(string name)
    {
        if (_depth > 0) return;
        switch (name)
        {
            case "head": _headEnd ??= Here; break;
            case "body": _bodyEnd = _open; break;
            case "html": _htmlEnd = _open; break;
        }
    }

    private Spot Here => new(_piece, Position + 1);

    private static void Insert(List<Piece> pieces, Spot at, List<Piece> inserted)
    {
        if (at.Offset == 0)
        {
            pieces.InsertRange(at.Piece, inserted);
            return;
        }
        var text = pieces[at.Piece].Text;
        pieces.RemoveAt(at.Piece);
        pieces.InsertRange(at.Piece, [Piece.Literal(text[..at.Offset]), .. inserted, Piece.Literal(text[at.Offset..])]);
    }
}
