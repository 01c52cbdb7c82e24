using System.Net;

namespace Ekiben.Mail.Markup;

/// <summary>
/// Replaces the targets of links. A literal one becomes <c>{{ ekiben.click }}N</c>, N being its number in the list of targets. One that
/// Liquid makes is captured at render and written by <see cref="ValueEscaper"/> as a signed target. The links by which people leave or read
/// are never touched.
/// </summary>
internal sealed class TrackedLinks : HtmlLexer
{
    /// <summary>Stands before the output whose value is a whole target to be signed (a noncharacter, as in <see cref="LiteralPool"/>).</summary>
    public const char SignedTarget = '\uFDD2';

    private const string Captured = "ekiben_link";
    private static readonly string[] Untouched = ["visitor.unsubscribe_url", "visitor.confirmation_url", "browser_url"];

    private readonly bool _signs;
    private readonly List<Piece> _pieces = [];
    private readonly List<string> _targets = [];
    private string _literal = "";
    private int _copied;
    private List<Piece>? _value;
    private int _inValueFrom;

    private TrackedLinks(bool signs) => _signs = signs;

    /// <summary>The page with its links rewritten, and the literal targets by number.</summary>
    public static (List<Piece> Page, IReadOnlyList<string> Targets) In(IReadOnlyList<Piece> page, bool signs)
    {
        var links = new TrackedLinks(signs);
        foreach (var piece in page) links.Read(piece);
        // A value that never ends is kept as it was.
        if (links._value is not null) links._pieces.AddRange(links._value);
        return (links._pieces, links._targets);
    }

    private void Read(Piece piece)
    {
        if (piece.Kind != PieceKind.Literal)
        {
            if (piece.IsMarkup && _value is not null)
            {
                // Elements within a value: no target that anyone meant.
                _pieces.AddRange(_value);
                _value = null;
            }
            var isText = State == HtmlState.Text;
            Pass(piece);
            (_value ?? _pieces).Add(piece.Name is "link" or "btn" && isText ? BentoTag(piece) : piece);
            return;
        }
        (_literal, _copied, _inValueFrom) = (piece.Text, 0, 0);
        Feed(piece.Text);
        var rest = piece.Text[(_value is null ? _copied : _inValueFrom)..];
        if (rest.Length > 0) (_value ?? _pieces).Add(Piece.Literal(rest));
        _copied = piece.Text.Length;
    }

    protected override void OnValueStart()
    {
        if (Tag is not ("a" or "area") || Attribute != "href") return;
        _value = [];
        CopyTo(Position);
        _inValueFrom = Position;
    }

    protected override void OnValueEnd()
    {
        if (_value is null) return;
        if (Position > _inValueFrom) _value.Add(Piece.Literal(_literal[_inValueFrom..Position]));
        _pieces.AddRange(Rewrite(_value));
        _copied = Position;
        _value = null;
    }

    private void CopyTo(int position)
    {
        if (position > _copied) _pieces.Add(Piece.Literal(_literal[_copied..position]));
        _copied = position;
    }

    /// <summary><c>{% btn URL :: label %}</c> with its target rewritten like that of an anchor.</summary>
    private Piece BentoTag(Piece tag)
    {
        var arguments = tag.Arguments();
        if (arguments.Count < 2 || arguments[0].Count == 0) return tag;
        var target = string.Concat(Rewrite(arguments[0]).Select(piece => piece.Text));
        var rest = tag.Inner[(tag.Inner.IndexOf("::", ArgumentLength(arguments[0]), StringComparison.Ordinal))..];
        return Piece.Tag(tag.Name, $"{tag.Name} {target} {rest}");
    }

    private static int ArgumentLength(List<Piece> argument) => argument.Sum(piece => piece.Text.Length);

    private List<Piece> Rewrite(List<Piece> value)
    {
        if (value.All(piece => piece.Kind == PieceKind.Literal))
        {
            var target = WebUtility.HtmlDecode(string.Concat(value.Select(piece => piece.Text))).Trim();
            if (!IsWeb(target)) return value;
            var number = _targets.IndexOf(target);
            if (number < 0)
            {
                number = _targets.Count;
                _targets.Add(target);
            }
            return [Piece.Output("ekiben.click"), Piece.Literal(number.ToString(System.Globalization.CultureInfo.InvariantCulture))];
        }
        if (!_signs || !Piece.AreWhole(value) || value.Exists(piece => Array.Exists(Untouched, name => piece.Text.Contains(name, StringComparison.Ordinal)))) return value;
        return
        [
            Piece.Tag("capture", "capture " + Captured), .. value, Piece.Tag("endcapture", "endcapture"),
            Piece.Mark(SignedTarget), Piece.Output(Captured),
        ];
    }

    /// <summary>True for what a click can be counted on.</summary>
    public static bool IsWeb(string target) => Uri.TryCreate(target, UriKind.Absolute, out var uri) && uri.Scheme is ("http" or "https")
        && target.StartsWith("http", StringComparison.OrdinalIgnoreCase);
}
