using Ekiben.Liquid.Nodes;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Parsing;

/// <summary>Tags whose content is not Liquid: raw, comment and doc, which are searched for their ends only.</summary>
internal sealed partial class Parser
{
    /// <summary>The verbatim text up to <c>endraw</c>; hyphens trim outside of it, never inside.</summary>
    private int ParseRaw(int open, int start, int end)
    {
        ExpectEnd();
        for (var at = start; _source.IndexOf("{%", at, end - at, StringComparison.Ordinal) is var tag && tag >= 0; at = tag + 2)
        {
            if (TryReadEnd(tag, end, "endraw", out var close))
            {
                _trimsNext = false;
                AddLiteral(start, tag);
                _block.HasOutput |= tag > start;
                _trimsNext = _source[close - 1] == '-';
                return close + 2;
            }
        }

        throw Error(TemplateErrors.UnclosedBlock, "The block 'raw' is not closed", open);
    }

    /// <summary>Skips to the matching <c>endcomment</c>: comments nest, and raw inside hides what it holds.</summary>
    private int SkipComment(int open, int start, int end)
    {
        var depth = 1;
        var at = start;
        while (_source.IndexOf("{%", at, end - at, StringComparison.Ordinal) is var tag && tag >= 0)
        {
            var close = _source.IndexOf("%}", tag + 2, end - tag - 2, StringComparison.Ordinal);
            if (close < 0)
            {
                break;
            }

            at = close + 2;
            var name = TagName(tag, close);
            depth += name is "comment" ? 1 : name is "endcomment" ? -1 : 0;
            if (depth == 0)
            {
                _trimsNext = _source[close - 1] == '-';
                Add(new NothingNode(open));
                return at;
            }

            if (name is "raw")
            {
                at = SkipRaw(at, end);
            }
        }

        throw Error(TemplateErrors.UnclosedBlock, "The block 'comment' is not closed", open);
    }

    private int SkipRaw(int at, int end)
    {
        while (_source.IndexOf("{%", at, end - at, StringComparison.Ordinal) is var tag && tag >= 0)
        {
            if (TryReadEnd(tag, end, "endraw", out var close))
            {
                return close + 2;
            }

            at = tag + 2;
        }

        return end;
    }

    private int SkipDoc(int open, int start, int end)
    {
        ExpectEnd();
        for (var at = start; _source.IndexOf("{%", at, end - at, StringComparison.Ordinal) is var tag && tag >= 0; at = tag + 2)
        {
            if (TryReadEnd(tag, end, "enddoc", out var close))
            {
                _trimsNext = _source[close - 1] == '-';
                Add(new NothingNode(open));
                return close + 2;
            }

            if (TryReadEnd(tag, end, "doc", out _))
            {
                throw Error(TemplateErrors.Syntax, "A doc cannot stand in a doc", tag);
            }
        }

        throw Error(TemplateErrors.UnclosedBlock, "The block 'doc' is not closed", open);
    }

    /// <summary>Whether a tag without markup and with this name starts here: <c>{%- name -%}</c>.</summary>
    private bool TryReadEnd(int tag, int end, string name, out int close)
    {
        close = -1;
        var at = tag + 2;
        if (at < end && _source[at] == '-')
        {
            at++;
        }

        while (at < end && Characters.IsSpace(_source[at]))
        {
            at++;
        }

        if (string.CompareOrdinal(_source, at, name, 0, name.Length) != 0)
        {
            return false;
        }

        at += name.Length;
        while (at < end && Characters.IsSpace(_source[at]))
        {
            at++;
        }

        if (at < end && _source[at] == '-')
        {
            at++;
        }

        if (at + 1 >= end || _source[at] != '%' || _source[at + 1] != '}')
        {
            return false;
        }

        close = at;
        return true;
    }

    private ReadOnlySpan<char> TagName(int tag, int close)
    {
        var text = _source.AsSpan(tag + 2, close - tag - 2);
        if (text.StartsWith("-"))
        {
            text = text[1..];
        }

        text = text.TrimStart();
        var length = 0;
        while (length < text.Length && IsWordPart(text[length]))
        {
            length++;
        }

        return text[..length];
    }
}
