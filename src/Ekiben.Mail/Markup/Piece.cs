namespace Ekiben.Mail.Markup;

/// <summary>What a piece of a template's source is.</summary>
internal enum PieceKind
{
    /// <summary>Text that is sent as it stands; never read as Liquid again.</summary>
    Literal,
    /// <summary><c>{{ … }}</c></summary>
    Output,
    /// <summary><c>{% … %}</c></summary>
    Tag,
    /// <summary>One noncharacter of our own, which something is put in place of at render.</summary>
    Mark,
}

/// <summary>
/// One piece of a template's source. The compiler works on lists of pieces and hands the engine a source only at the end, so that literal
/// text which looks like Liquid (out of <c>raw</c>, or an unescaped <c>&amp;#123;</c>) can't become Liquid on the way.
/// </summary>
/// <param name="Kind">See <see cref="PieceKind"/>.</param>
/// <param name="Text">A literal's text, or the whole construct with its delimiters (trim dashes already applied and blanked).</param>
/// <param name="Name">A tag's name; else empty.</param>
internal readonly record struct Piece(PieceKind Kind, string Text, string Name = "")
{
    private static readonly HashSet<string> Blocks = ["if", "unless", "case", "for", "tablerow", "capture", "ifchanged"];

    /// <summary>Tags whose arguments are split by <c>::</c> and may hold nested Liquid.</summary>
    private static readonly HashSet<string> Bento = ["link", "btn", "img", "audio", "greeting", "formatted_name", "gravatar", "promo", "fetch",
        "sequence_cancel", "sequence_fast_forward", "render_cart", "render_products", "shopify_coupon", "stripe_coupon", "stripe_billing_portal"];

    /// <summary>What the engine trims, which is less than Unicode's white space.</summary>
    private static readonly char[] Blanks = [' ', '\0', '\t', '\n', '\v', '\f', '\r'];

    public bool Opens => Kind == PieceKind.Tag && Blocks.Contains(Name);
    public bool Closes => Kind == PieceKind.Tag && Name.StartsWith("end", StringComparison.Ordinal);
    /// <summary>A tag that the engine writes out as elements, whatever they are.</summary>
    public bool IsMarkup => IsBento && Name is not ("greeting" or "formatted_name");
    public bool IsBento => Kind == PieceKind.Tag && Bento.Contains(Name);

    /// <summary>What stands between the delimiters.</summary>
    public string Inner => Kind is PieceKind.Output or PieceKind.Tag ? Text[2..^2].Trim() : Text;

    public static Piece Literal(string text) => new(PieceKind.Literal, text);
    public static Piece Mark(char mark) => new(PieceKind.Mark, mark.ToString());
    public static Piece Output(string expression) => new(PieceKind.Output, "{{ " + expression + " }}");
    public static Piece Tag(string name, string inner) => new(PieceKind.Tag, "{% " + inner + " %}", name);

    /// <summary>Cuts a source. It has been parsed by the engine before, so what doesn't close can only be literal text.</summary>
    public static List<Piece> Split(string source)
    {
        var pieces = new List<Piece>();
        var literalStart = 0;
        var position = 0;
        var trimNext = false;
        while (position < source.Length)
        {
            var open = source.IndexOf('{', position);
            if (open < 0 || open + 1 >= source.Length) break;
            if (source[open + 1] is not ('{' or '%'))
            {
                position = open + 1;
                continue;
            }
            var isTag = source[open + 1] == '%';
            var name = isTag ? TagName(source, open + 2) : "";
            var end = isTag ? TagEnd(source, open + 2, Bento.Contains(name)) : Close(source, "}}", open + 2);
            if (end < 0) break;

            var trimLeft = source[open + 2] == '-';
            var trimRight = end - 3 >= open + 2 && source[end - 3] == '-';
            AddLiteral(pieces, source[literalStart..open], trimNext, trimLeft);
            trimNext = trimRight;
            position = literalStart = end;
            if (name is "comment" or "doc" or "raw")
            {
                var (bodyEnd, blockEnd) = BlockEnd(source, end, name);
                if (name == "raw")
                    AddLiteral(pieces, source[end..bodyEnd], false, false);
                trimNext = blockEnd >= 3 && source[blockEnd - 3] == '-';
                position = literalStart = blockEnd;
                continue;
            }
            if (name == "#") continue;
            var construct = source[(open + 2)..(end - 2)];
            if (trimRight) construct = construct[..^1] + " ";
            if (trimLeft) construct = " " + construct[1..];
            pieces.Add(isTag ? new Piece(PieceKind.Tag, "{%" + construct + "%}", name) : new Piece(PieceKind.Output, "{{" + construct + "}}"));
        }
        AddLiteral(pieces, source[literalStart..], trimNext, false);
        return pieces;
    }

    /// <summary>True when every block that opens among the pieces closes there too, and none does that didn't open there.</summary>
    public static bool AreWhole(IEnumerable<Piece> pieces)
    {
        var depth = 0;
        foreach (var piece in pieces)
        {
            if (piece.Opens) depth++;
            if (piece.Closes && --depth < 0) return false;
            if (depth == 0 && piece.Name is "else" or "elsif" or "when") return false;
        }
        return depth == 0;
    }

    /// <summary>Parts of a Bento tag's arguments: split at <c>::</c> outside of nested Liquid.</summary>
    public List<List<Piece>> Arguments()
    {
        var arguments = new List<List<Piece>> { new() };
        foreach (var piece in Split(Inner[Name.Length..]))
        {
            if (piece.Kind != PieceKind.Literal)
            {
                arguments[^1].Add(piece);
                continue;
            }
            var parts = piece.Text.Split("::");
            for (var i = 0; i < parts.Length; i++)
            {
                if (i > 0) arguments.Add([]);
                var part = parts[i];
                if (i > 0 || arguments[^1].Count == 0) part = part.TrimStart();
                if (i < parts.Length - 1) part = part.TrimEnd();
                if (part.Length > 0) arguments[^1].Add(Literal(part));
            }
        }
        if (arguments[^1] is [.., { Kind: PieceKind.Literal } last]) arguments[^1][^1] = Literal(last.Text.TrimEnd());
        return arguments;
    }

    private static void AddLiteral(List<Piece> pieces, string text, bool trimStart, bool trimEnd)
    {
        if (trimStart) text = text.TrimStart(Blanks);
        if (trimEnd) text = text.TrimEnd(Blanks);
        if (text.Length > 0) pieces.Add(Literal(text));
    }

    private static string TagName(string source, int at)
    {
        if (at < source.Length && source[at] == '-') at++;
        while (at < source.Length && char.IsWhiteSpace(source[at])) at++;
        if (at < source.Length && source[at] == '#') return "#";
        var start = at;
        while (at < source.Length && (char.IsAsciiLetterOrDigit(source[at]) || source[at] == '_')) at++;
        return source[start..at];
    }

    private static int Close(string source, string delimiter, int from)
    {
        var at = source.IndexOf(delimiter, from, StringComparison.Ordinal);
        return at < 0 ? -1 : at + 2;
    }

    private static int TagEnd(string source, int from, bool nests)
    {
        if (!nests) return Close(source, "%}", from);
        for (var at = from; at + 1 < source.Length; at++)
        {
            if (source[at] == '%' && source[at + 1] == '}') return at + 2;
            if (source[at] != '{' || source[at + 1] is not ('{' or '%')) continue;
            at = Close(source, source[at + 1] == '{' ? "}}" : "%}", at + 2) - 1;
            if (at < 0) return -1;
        }
        return -1;
    }

    /// <summary>Where the body of a verbatim block ends, and where its end tag does. Comments nest, raw and doc don't.</summary>
    private static (int Body, int Block) BlockEnd(string source, int from, string name)
    {
        var depth = 1;
        for (var at = source.IndexOf("{%", from, StringComparison.Ordinal); at >= 0 && at < source.Length; at = source.IndexOf("{%", at + 2, StringComparison.Ordinal))
        {
            var inner = TagName(source, at + 2);
            if (inner == "raw" && name == "comment") at = BlockEnd(source, at + 2, "raw").Block - 2;
            if (inner == name && name == "comment") depth++;
            if (inner != "end" + name || --depth > 0) continue;
            var end = Close(source, "%}", at + 2);
            return end < 0 ? (source.Length, source.Length) : (at, end);
        }
        return (source.Length, source.Length);
    }
}
