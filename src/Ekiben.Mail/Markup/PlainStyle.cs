using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Markdig;

namespace Ekiben.Mail.Markup;

/// <summary>
/// Our own look for content that brings none: one column of at most 600 pixels, tables and inline styles because that is what Outlook
/// reads, no web fonts, no fixed colours for text so that dark mode can choose them.
/// </summary>
internal static partial class PlainStyle
{
    private const string Head = """
        <!DOCTYPE html>
        <html xmlns="http://www.w3.org/1999/xhtml">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="supported-color-schemes" content="light dark">
        <meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
        <style>
        :root { color-scheme: light dark; supported-color-schemes: light dark; }
        body { margin: 0; padding: 0; -webkit-text-size-adjust: 100%; -ms-text-size-adjust: 100%; }
        p, ul, ol, blockquote, pre, .ekiben-text table { margin: 0 0 16px; }
        .ekiben-text table:not([role]) td, .ekiben-text table:not([role]) th { padding: 4px 16px 4px 0; text-align: start; }
        .ekiben-small p { margin: 0 0 8px; }
        h1, h2, h3 { margin: 24px 0 12px; line-height: 1.25; }
        img { max-width: 100%; height: auto; border: 0; }
        pre { white-space: pre-wrap; }
        blockquote { padding-left: 14px; border-left: 3px solid #b8b8b8; }
        @media (prefers-color-scheme: dark) {
        .ekiben-page { background-color: #16181b !important; }
        .ekiben-text { color: #e6e6e6 !important; }
        .ekiben-text a:not([style]) { color: #8ab4f8 !important; }
        .ekiben-small, .ekiben-small a { color: #a3a8ae !important; }
        }
        @media (max-width: 480px) {
        .ekiben-text { padding: 16px !important; }
        .ekiben-small { padding-left: 16px !important; padding-right: 16px !important; }
        }
        </style>
        </head>
        <body class="ekiben-page" style="margin:0;padding:0;background-color:#ffffff;">
        <table role="presentation" class="ekiben-page" width="100%" cellpadding="0" cellspacing="0" border="0" style="background-color:#ffffff;">
        <tr>
        <td align="center">
        <!--[if mso]><table role="presentation" width="600" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:600px;">
        <tr>
        <td class="ekiben-text" dir="auto" align="left" style="padding:24px;font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5;color:#222222;text-align:start;word-break:break-word;">

        """;

    private const string BeforeFooter = """

        </td>
        </tr>

        """;

    private const string Tail = """
        </table>
        <!--[if mso]></td></tr></table><![endif]-->
        </td>
        </tr>
        </table>
        </body>
        </html>

        """;

    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder()
        .UsePipeTables().UseEmphasisExtras().UseAutoLinks().Build();

    /// <summary>The page around the content; <paramref name="footer"/> stands in a row of its own.</summary>
    public static List<Piece> Around(List<Piece> content, List<Piece> footer) =>
        [Piece.Literal(Head), .. content, Piece.Literal(BeforeFooter), .. footer, Piece.Literal(Tail)];

    /// <summary>The footer as a row of the page's table.</summary>
    public static List<Piece> FooterRow(List<Piece> footer) =>
    [
        Piece.Literal("""<tr><td class="ekiben-small" dir="auto" style="padding:8px 24px;font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:13px;line-height:1.5;color:#6b6f76;">""" + "\n"),
        .. footer,
        Piece.Literal("\n</td></tr>\n"),
    ];

    /// <summary>The same footer where it can't be a row: at the end of someone else's body.</summary>
    public static List<Piece> FooterBlock(List<Piece> footer) =>
    [
        Piece.Literal("""<div class="ekiben-small" dir="auto" style="padding:16px 8px;font-family:Helvetica,Arial,sans-serif;font-size:13px;line-height:1.5;color:#6b6f76;text-align:center;">""" + "\n"),
        .. footer,
        Piece.Literal("\n</div>\n"),
    ];

    /// <summary>
    /// What clients show beside the subject. The filler keeps them from going on with the first words of the content.
    /// </summary>
    public static List<Piece> Preheader(List<Piece> text) =>
    [
        Piece.Literal("""<div style="display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all;">"""),
        .. text,
        Piece.Literal(string.Concat(Enumerable.Repeat("&#847;&zwnj;&nbsp;", 40)) + "</div>\n"),
    ];

    /// <summary>Content without any markup is read as text: blank lines part paragraphs, other line breaks stay.</summary>
    public static List<Piece> Paragraphs(List<Piece> content)
    {
        if (content.Any(piece => piece is { Kind: PieceKind.Literal } && Markup().IsMatch(piece.Text) || piece.IsMarkup))
            return content;
        var result = new List<Piece> { Piece.Literal("<p>") };
        foreach (var piece in content)
        {
            if (piece.Kind != PieceKind.Literal)
            {
                result.Add(piece);
                continue;
            }
            var text = LooseAmpersand().Replace(piece.Text.ReplaceLineEndings("\n"), "&amp;").Replace("<", "&lt;", StringComparison.Ordinal);
            text = BlankLines().Replace(text, "</p>\n<p>").Replace("\n", "<br>\n", StringComparison.Ordinal);
            result.Add(Piece.Literal(text.Replace("</p><br>\n<p>", "</p>\n<p>", StringComparison.Ordinal)));
        }
        result.Add(Piece.Literal("</p>\n"));
        return result;
    }

    /// <summary>
    /// Markdown with Liquid in it. Each construct travels as a word of letters and digits, which Markdown leaves alone in text, code and
    /// link targets; a line of nothing but tags travels as a comment, so that it neither becomes a paragraph nor joins a list item.
    /// </summary>
    public static List<Piece> Markdown(List<Piece> content)
    {
        var nonce = "ekq";
        while (content.Any(piece => piece.Text.Contains(nonce, StringComparison.Ordinal))) nonce += "x";
        var source = new StringBuilder();
        for (var i = 0; i < content.Count; i++)
        {
            if (content[i].Kind == PieceKind.Literal) source.Append(content[i].Text);
            else source.Append(nonce).Append(content[i].Kind == PieceKind.Tag ? 't' : 'o').Append(i).Append('z');
        }
        var text = Regex.Replace(source.ToString(), $"^[ \t]*((?:{nonce}t[0-9]+z[ \t]*)+)\r?$", "<!--$1-->", RegexOptions.Multiline);
        var html = Markdig.Markdown.ToHtml(text, Pipeline);
        html = Regex.Replace(html, $"<!--((?:{nonce}t[0-9]+z[ \t]*)+)-->", "$1");

        var result = new List<Piece>();
        var position = 0;
        foreach (var match in Regex.Matches(html, nonce + "[to]([0-9]+)z").Cast<Match>())
        {
            if (match.Index > position) result.Add(Piece.Literal(html[position..match.Index]));
            result.Add(content[int.Parse(match.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture)]);
            position = match.Index + match.Length;
        }
        if (position < html.Length) result.Add(Piece.Literal(html[position..]));
        return result;
    }

    /// <summary>Text for HTML, as our own words need it.</summary>
    public static string Encode(string text) => WebUtility.HtmlEncode(text);

    [GeneratedRegex("<[a-zA-Z/!]")]
    private static partial Regex Markup();

    [GeneratedRegex("&(?!#?[a-zA-Z0-9]{1,31};)")]
    private static partial Regex LooseAmpersand();

    [GeneratedRegex("\n[ \t]*(\n[ \t]*)+")]
    private static partial Regex BlankLines();
}
