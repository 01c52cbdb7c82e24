using System.Text;
using Ekiben.Liquid.Filters;
using Ekiben.Liquid.Nodes;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Parsing;

/// <summary>
/// Bento's tags. Each is written out as literals and outputs, as if the author had typed the HTML: so places, link rewriting and
/// escaping treat them like any other markup. Arguments are divided by <c>::</c> and may hold outputs and tags.
/// </summary>
internal sealed partial class Parser
{
    private readonly Dictionary<string, byte[]> _markup = new(StringComparer.Ordinal);

    // What the argument that is being read becomes; null outside of arguments.
    private ArgumentUse? _argument;

    private const string ButtonColor = "#2563eb";

    private const string ButtonStart =
        "<table role=\"presentation\" border=\"0\" cellpadding=\"0\" cellspacing=\"0\" style=\"border-collapse:separate\">"
        + "<tr><td align=\"center\" bgcolor=\"";

    private const string ButtonLinkEnd =
        "\" target=\"_blank\" style=\"display:inline-block;padding:12px 24px;font-family:Arial,Helvetica,sans-serif;font-size:16px;"
        + "line-height:20px;font-weight:bold;color:#ffffff;text-decoration:none;border-radius:4px\">";

    private enum ArgumentUse : byte
    {
        Text,
        Attribute,
    }

    private static bool IsBentoTag(ReadOnlySpan<char> name) => name is "link" or "btn" or "img" or "audio" or "promo" || IsUnsupported(name)
        || name is "greeting" or "formatted_name" or "gravatar";

    /// <summary>Tags that need Bento's sequences, shops or fetched pages.</summary>
    private static bool IsUnsupported(ReadOnlySpan<char> name) => name is "sequence_cancel" or "sequence_fast_forward" or "render_cart"
        or "render_products" or "shopify_coupon" or "stripe_coupon" or "stripe_billing_portal" or "fetch";

    private bool TryParseBento(ReadOnlySpan<char> name, int open)
    {
        if (IsUnsupported(name))
        {
            var (line, column, _) = SourcePosition.Locate(_source, open);
            _unsupported.Add(new UnsupportedTag(name.ToString(), line, column));
            Add(new NothingNode(open));
            return true;
        }

        switch (name)
        {
            case "link":
                AddLink(open);
                return true;
            case "btn":
                AddButton(open);
                return true;
            case "img":
                AddImage(open);
                return true;
            case "audio":
                AddAudio(open);
                return true;
            case "greeting":
                AddGreeting(open);
                return true;
            case "formatted_name":
                AddFormattedName(open);
                return true;
            case "gravatar":
                AddGravatar(open);
                return true;
            case "promo":
                AddPromo(open);
                return true;
            default:
                return false;
        }
    }

    private void AddLink(int open)
    {
        var arguments = SplitArguments("::", 2);
        RequireArgument(arguments, "link", open);
        AddMarkup("<a href=\"", open);
        AddArgument(arguments[0], ArgumentUse.Attribute);
        AddMarkup("\">", open);
        AddArgument(arguments.Count > 1 ? arguments[1] : arguments[0], ArgumentUse.Text);
        AddMarkup("</a>", open);
    }

    /// <summary>A button that Outlook and Gmail show alike: a one-cell table with its color on the cell and the link as a block.</summary>
    private void AddButton(int open)
    {
        var arguments = SplitArguments("::", 3);
        RequireArgument(arguments, "btn", open);
        AddMarkup(ButtonStart, open);
        AddColor(arguments, open);
        AddMarkup("\" style=\"border-radius:4px;background-color:", open);
        AddColor(arguments, open);
        AddMarkup("\"><a href=\"", open);
        AddArgument(arguments[0], ArgumentUse.Attribute);
        AddMarkup(ButtonLinkEnd, open);
        AddArgument(arguments.Count > 1 ? arguments[1] : arguments[0], ArgumentUse.Text);
        AddMarkup("</a></td></tr></table>", open);
    }

    private void AddColor(List<(int Start, int End)> arguments, int open)
    {
        if (arguments.Count > 2 && arguments[2].End > arguments[2].Start)
        {
            AddArgument(arguments[2], ArgumentUse.Attribute);
            return;
        }

        AddMarkup(ButtonColor, open);
    }

    /// <summary><c>img URL :: class, id, alt, width, height</c>; empty attributes are left out, except alt.</summary>
    private void AddImage(int open)
    {
        var arguments = SplitArguments("::", 2);
        RequireArgument(arguments, "img", open);
        var attributes = arguments.Count > 1 ? SplitRange(arguments[1].Start, arguments[1].End, ",", 5) : [];
        AddMarkup("<img src=\"", open);
        AddArgument(arguments[0], ArgumentUse.Attribute);
        AddMarkup("\"", open);
        ReadOnlySpan<string> names = ["class", "id", "alt", "width", "height"];
        for (var index = 0; index < names.Length; index++)
        {
            var isGiven = index < attributes.Count && attributes[index].End > attributes[index].Start;
            if (isGiven)
            {
                AddMarkup($" {names[index]}=\"", open);
                AddArgument(attributes[index], ArgumentUse.Attribute);
                AddMarkup("\"", open);
            }
            else if (names[index] == "alt")
            {
                AddMarkup(" alt=\"\"", open);
            }
        }

        AddMarkup(" style=\"border:0;max-width:100%\">", open);
    }

    /// <summary>Few mail readers play audio: those that don't show the link inside.</summary>
    private void AddAudio(int open)
    {
        var arguments = SplitArguments("::", 2);
        RequireArgument(arguments, "audio", open);
        AddMarkup("<audio controls src=\"", open);
        AddArgument(arguments[0], ArgumentUse.Attribute);
        AddMarkup("\"><a href=\"", open);
        AddArgument(arguments[0], ArgumentUse.Attribute);
        AddMarkup("\">", open);
        var isLabelled = arguments.Count > 1 && _source.AsSpan(arguments[1].Start, arguments[1].End - arguments[1].Start) is not ("audio" or "");
        if (isLabelled)
        {
            AddArgument(arguments[1], ArgumentUse.Text);
        }
        else
        {
            AddMarkup("Listen", open);
        }

        AddMarkup("</a></audio>", open);
    }

    private void AddGreeting(int open)
    {
        var firstName = Visitor("first_name", open);
        OpenTest(firstName, open);
        AddMarkup("Hi ", open);
        AddOutput(firstName, open, html: true);
        AddMarkup(",", open);
        CloseTest("Hi there,", open);
    }

    private void AddFormattedName(int open)
    {
        var (firstName, lastName) = (Visitor("first_name", open), Visitor("last_name", open));
        AddOutput(firstName, open, html: true);
        OpenTest(lastName, open);
        OpenTest(firstName, open);
        AddMarkup(" ", open);
        CloseTest(null, open);
        AddOutput(lastName, open, html: true);
        CloseTest(null, open);
    }

    private void AddGravatar(int open)
    {
        var hash = new FilteredExpression(Visitor("email", open), [Call("strip", open), Call("downcase", open), Call("md5", open)]);
        AddMarkup("<img src=\"https://www.gravatar.com/avatar/", open);
        AddOutput(hash, open, html: true);
        AddMarkup("?s=80&amp;d=mp\" width=\"80\" height=\"80\" alt=\"\" style=\"border:0;border-radius:40px\">", open);
    }

    /// <summary>Gmail's annotation in the promotions tab, as microdata (schema.org/DiscountOffer).</summary>
    private void AddPromo(int open)
    {
        var arguments = SplitArguments("::", 2);
        RequireArgument(arguments, "promo", open);
        AddMarkup("<div itemscope itemtype=\"http://schema.org/DiscountOffer\"><meta itemprop=\"name\" content=\"", open);
        AddArgument(arguments[0], ArgumentUse.Attribute);
        AddMarkup("\"><meta itemprop=\"description\" content=\"", open);
        AddArgument(arguments.Count > 1 ? arguments[1] : arguments[0], ArgumentUse.Attribute);
        AddMarkup("\"></div>", open);
    }

    private PathExpression Visitor(string field, int open)
    {
        var path = new PathExpression("visitor", null, [new PathStep(field, null, IsDotted: true)], open);
        _uses.Add(new PathUse(path, isLocal: false) { IsGuarded = true });
        return path;
    }

    private static FilterCall Call(string filter, int open) => new(FilterTable.Find(filter)!, null, null, null, 0, open);

    private void OpenTest(Expression value, int open) =>
        OpenBlock(BlockKind.If, open).Condition = new Condition([new Clause(value, Comparator.NotEqual, LiteralBlank, open, false)]);

    private void CloseTest(string? otherwise, int open)
    {
        if (otherwise is not null)
        {
            EndIfBranch(_block);
            AddMarkup(otherwise, open);
        }

        TryCloseBlock("if", open);
    }

    private void RequireArgument(List<(int Start, int End)> arguments, string tag, int open)
    {
        if (arguments.Count == 0 || arguments[0].End == arguments[0].Start)
        {
            throw Error(TemplateErrors.Argument, $"'{tag}' needs an argument", open);
        }
    }

    private List<(int Start, int End)> SplitArguments(string separator, int most) => SplitRange(_at, _end, separator, most);

    /// <summary>Splits at the separator outside of outputs and tags; the last part keeps what is left.</summary>
    private List<(int Start, int End)> SplitRange(int start, int end, string separator, int most)
    {
        var parts = new List<(int Start, int End)>();
        var at = start;
        while (at < end && parts.Count < most - 1)
        {
            if (at + 1 < end && _source[at] == '{' && _source[at + 1] is '{' or '%')
            {
                var close = _source.IndexOf(_source[at + 1] == '{' ? "}}" : "%}", at + 2, end - at - 2, StringComparison.Ordinal);
                at = close < 0 ? end : close + 2;
                continue;
            }

            if (at + separator.Length <= end && string.CompareOrdinal(_source, at, separator, 0, separator.Length) == 0)
            {
                parts.Add(TrimRange(start, at));
                at = start = at + separator.Length;
                continue;
            }

            at++;
        }

        parts.Add(TrimRange(start, end));
        return parts;
    }

    private (int Start, int End) TrimRange(int start, int end)
    {
        while (start < end && Characters.IsSpace(_source[start]))
        {
            start++;
        }

        while (end > start && Characters.IsSpace(_source[end - 1]))
        {
            end--;
        }

        return (start, end);
    }

    /// <summary>Writes an argument: its literal text as HTML of the right kind, its outputs escaped, its tags as they are.</summary>
    private void AddArgument((int Start, int End) range, ArgumentUse use)
    {
        var outer = (_floor, _trimsNext, _argument);
        (_floor, _trimsNext, _argument) = (_open.Count, false, use);
        ParseText(range.Start, range.End);
        if (_open.Count > _floor)
        {
            throw Unclosed(_block);
        }

        (_floor, _trimsNext, _argument) = outer;
    }

    /// <summary>Literal text of an argument. In an attribute, what is no entity yet becomes one.</summary>
    private void AddArgumentText(ReadOnlySpan<char> text, int offset)
    {
        var builder = new TextBuilder(null);
        if (_argument == ArgumentUse.Attribute)
        {
            MarkupFilters.AppendEscaped(ref builder, text, once: true);
        }
        else
        {
            builder.Append(text);
        }

        var markup = builder.Finish();
        _places?.Text(markup);
        AddUtf8(Encoding.UTF8.GetBytes(markup), offset);
    }

    /// <summary>Markup that a tag brings along. Encoded once per template: a mail has many buttons.</summary>
    private void AddMarkup(string markup, int offset)
    {
        _places?.Text(markup);
        if (!_markup.TryGetValue(markup, out var utf8))
        {
            utf8 = Encoding.UTF8.GetBytes(markup);
            _markup.Add(markup, utf8);
        }

        AddUtf8(utf8, offset);
    }

    private void AddUtf8(byte[] utf8, int offset) => Add(new TextNode(utf8, 0, utf8.Length, isSpace: false, offset));
}
