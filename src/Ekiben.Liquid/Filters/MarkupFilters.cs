using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Filters;

/// <summary>
/// Filters about HTML. Their results are marked as safe, so that output that is escaped for its place isn't escaped twice.
/// </summary>
internal static class MarkupFilters
{
    public static Value Raw(Renderer renderer, in Value input, in FilterArguments arguments) =>
        Value.Of(ValueText.Of(input, renderer), Safety.Raw);

    public static Value Escape(Renderer renderer, in Value input, in FilterArguments arguments) =>
        input.IsNil ? input : Escape(renderer, ValueText.Of(input, renderer), once: false);

    public static Value EscapeOnce(Renderer renderer, in Value input, in FilterArguments arguments) =>
        Escape(renderer, ValueText.Of(input, renderer), once: true);

    public static Value NewlineToBr(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        // Where output is escaped, the breaks must survive: the text is escaped here instead, once.
        var safe = renderer.Escapes && input.Safety == Safety.None
            ? Escape(renderer, ValueText.Of(input, renderer), once: false)
            : Value.Of(ValueText.Of(input, renderer), input.Safety);
        var text = safe.Text;
        renderer.Work(text.Length);
        if (!text.Contains('\n', StringComparison.Ordinal))
        {
            return safe;
        }

        var builder = new TextBuilder(renderer);
        var rest = text.AsSpan();
        while (rest.IndexOf('\n') is var at && at >= 0)
        {
            builder.Append(at > 0 && rest[at - 1] == '\r' ? rest[..(at - 1)] : rest[..at]);
            builder.Append("<br />\n");
            rest = rest[(at + 1)..];
        }

        builder.Append(rest);
        return builder.FinishValue(renderer.Escapes && safe.Safety == Safety.None ? Safety.Html : safe.Safety);
    }

    /// <summary>Drops scripts, comments, styles, then tags; an opening without its end stays as it is.</summary>
    public static Value StripHtml(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        renderer.Work(text.Length);
        if (!text.Contains('<', StringComparison.Ordinal))
        {
            return Value.Of(text);
        }

        text = RemoveAll(renderer, text, "<script", "</script>");
        text = RemoveAll(renderer, text, "<!--", "-->");
        text = RemoveAll(renderer, text, "<style", "</style>");
        return Value.Of(RemoveAll(renderer, text, "<", ">"));
    }

    private static Value Escape(Renderer renderer, string text, bool once)
    {
        renderer.Work(text.Length);
        if (text.AsSpan().IndexOfAny(HtmlText.Specials) < 0)
        {
            return Value.Of(text, Safety.Html);
        }

        var builder = new TextBuilder(renderer);
        AppendEscaped(ref builder, text, once);
        return builder.FinishValue(Safety.Html);
    }

    public static void AppendEscaped(ref TextBuilder builder, ReadOnlySpan<char> text, bool once)
    {
        while (text.IndexOfAny(HtmlText.Specials) is var at && at >= 0)
        {
            builder.Append(text[..at]);
            if (once && text[at] == '&' && HtmlText.IsEntity(text[at..]))
            {
                builder.Append('&');
            }
            else
            {
                builder.Append(HtmlText.Entity(text[at]));
            }

            text = text[(at + 1)..];
        }

        builder.Append(text);
    }

    /// <summary>The text itself where there is nothing to drop.</summary>
    private static string RemoveAll(Renderer renderer, string text, string opening, string closing)
    {
        renderer.Work(text.Length);
        if (!text.Contains(opening, StringComparison.OrdinalIgnoreCase))
        {
            return text;
        }

        var builder = new TextBuilder(renderer);
        var index = 0;
        while (text.IndexOf(opening, index, StringComparison.OrdinalIgnoreCase) is var start && start >= 0)
        {
            var end = text.IndexOf(closing, start + opening.Length, StringComparison.OrdinalIgnoreCase);
            if (end < 0)
            {
                break;
            }

            builder.Append(text.AsSpan(index, start - index));
            index = end + closing.Length;
        }

        builder.Append(text.AsSpan(index));
        return builder.Finish();
    }
}
