using System.Text;
using Ekiben.Mail.Markup;

namespace Ekiben.Mail;

/// <summary>The HTML page of a broadcast as a template: the content in its style or layout, with footer and preheader.</summary>
/// <param name="Pieces">The page.</param>
/// <param name="HasLink">True when every rendering has the unsubscribe link, whatever the recipient's data; else there is a slot for it.</param>
/// <param name="SlotOpen">What stands before the URL when the slot is filled.</param>
/// <param name="SlotClose">What stands after it.</param>
internal sealed record MessagePage(List<Piece> Pieces, bool HasLink, byte[] SlotOpen, byte[] SlotClose)
{
    private const string UnsubscribeUrl = "visitor.unsubscribe_url";

    public static MessagePage Assemble(MessageSource source)
    {
        var content = Split(source.Content);
        content = source.Style switch
        {
            MessageStyle.Markdown => PlainStyle.Markdown(content),
            MessageStyle.Plain => PlainStyle.Paragraphs(content),
            _ => content,
        };
        var footer = string.IsNullOrWhiteSpace(source.FooterHtml) ? [] : Split(source.FooterHtml);
        RequireWhole("content", source.Content, content);
        RequireWhole("footer", source.FooterHtml, footer);
        // A mail that is of no list gets no way out of one.
        if (source.IsTransactional) footer = [];
        List<Piece> slot = source.IsTransactional ? [] : [Piece.Mark(LiteralPool.Slot)];
        List<Piece> page;
        bool hasLink;
        Func<List<Piece>, List<Piece>> around;
        if (source.Layout is null && source.Style != MessageStyle.Html)
        {
            hasLink = source.IsTransactional || AlwaysLinks(content) || AlwaysLinks(footer);
            page = PlainStyle.Around(content, [.. footer.Count > 0 ? PlainStyle.FooterRow(footer) : [], .. hasLink ? [] : slot]);
            around = PlainStyle.FooterRow;
        }
        else
        {
            page = source.Layout is null ? content : InLayout(source.Layout, content);
            hasLink = source.IsTransactional || AlwaysLinks(page);
            if (!hasLink)
            {
                var withFooter = footer.Count > 0 ? PlainStyle.FooterBlock(footer) : [];
                hasLink = AlwaysLinks(withFooter);
                page = Page.With(page, [], [.. withFooter, .. hasLink ? [] : slot]);
            }
            around = PlainStyle.FooterBlock;
        }
        var (open, close) = SlotMarkup(around);
        if (string.IsNullOrWhiteSpace(source.PreviewText)) return new MessagePage(page, hasLink, open, close);
        var preview = Split(source.PreviewText).ConvertAll(piece => piece.Kind == PieceKind.Literal ? Piece.Literal(PlainStyle.Encode(piece.Text)) : piece);
        return new MessagePage(Page.With(page, PlainStyle.Preheader(preview), []), hasLink, open, close);
    }

    /// <summary>What we put behind an open comment, tag or style would be swallowed by it, the unsubscribe link first.</summary>
    private static void RequireWhole(string field, string? source, List<Piece> pieces)
    {
        var lexer = new HtmlLexer();
        foreach (var piece in pieces) lexer.Pass(piece);
        if (lexer.State is HtmlState.Text or HtmlState.TagOpen) return;
        var inside = lexer.State switch
        {
            HtmlState.RawText => $"a <{lexer.Tag}>",
            HtmlState.Declaration or HtmlState.CommentStart or HtmlState.Comment or HtmlState.Conditional or HtmlState.Bogus => "a comment",
            _ => "a tag",
        };
        throw new CompileException(field, source!.AsSpan().Count('\n') + 1, source!.Length - source.LastIndexOf('\n'), $"The HTML ends inside {inside} that is not closed.");
    }

    private static List<Piece> InLayout(string source, List<Piece> content)
    {
        var layout = Split(source);
        RequireWhole("layout", source, layout);
        if (!layout.Exists(IsSlot)) throw new CompileException("layout", 0, 0, "The layout has no {{ content }} slot.");
        return [.. layout.SelectMany(piece => IsSlot(piece) ? content : [piece])];

        static bool IsSlot(Piece piece) => piece.Kind == PieceKind.Output && piece.Inner.Split('|')[0].Trim() == "content";
    }

    /// <summary>True when every rendering has the unsubscribe link, whatever the recipient's data.</summary>
    public static bool AlwaysLinks(List<Piece> pieces)
    {
        var depth = 0;
        var places = new HtmlPlaces();
        foreach (var piece in pieces)
        {
            if (piece.Opens) depth++;
            if (piece.Closes) depth--;
            var isLink = piece.Kind == PieceKind.Output
                ? piece.Inner == UnsubscribeUrl
                : piece.Name is "link" or "btn" && piece.Arguments()[0] is [{ Kind: PieceKind.Output } target] && target.Inner == UnsubscribeUrl;
            if (isLink && depth == 0 && (places.Place & ~Place.Unquoted) is Place.Html or Place.UrlStart && (piece.Kind == PieceKind.Output || places.State == HtmlState.Text)) return true;
            places.Pass(piece);
        }
        return false;
    }

    private static List<Piece> Split(string field)
    {
        // Our marks mean something to us alone; a source that holds them holds rubbish (Unicode §23.7).
        field = field.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        var pieces = Piece.Split(field.Replace(LiteralPool.Marker, '\uFFFD').Replace(LiteralPool.Slot, '\uFFFD').Replace(TrackedLinks.SignedTarget, '\uFFFD'));
        // What url_encode gives is safe in every place, and its + (a blank) must not be encoded again within a URL.
        return pieces.ConvertAll(piece => piece.Kind == PieceKind.Output && piece.Inner.EndsWith("url_encode", StringComparison.Ordinal)
            ? Piece.Output(piece.Inner + " | raw")
            : piece);
    }

    private static (byte[] Open, byte[] Close) SlotMarkup(Func<List<Piece>, List<Piece>> around)
    {
        var markup = string.Concat(around([Piece.Literal("<a href=\"\uFDD1\" style=\"color:#6b6f76;\">Unsubscribe</a>")]).Select(piece => piece.Text)).Split('\uFDD1');
        return (Encoding.UTF8.GetBytes(markup[0]), Encoding.UTF8.GetBytes(markup[1]));
    }
}
