namespace Ekiben.Liquid.Parsing;

/// <summary>The liquid tag, which holds one tag a line.</summary>
internal sealed partial class Parser
{
    /// <summary>Tags line by line. Blocks opened here close here.</summary>
    private void ParseLiquid(int open)
    {
        var (line, last, trims, floor) = (_at, _end, _trimsNext, _floor);
        _floor = _open.Count;
        var comments = 0;
        while (line < last)
        {
            var newline = _source.IndexOf('\n', line, last - line);
            var lineEnd = newline < 0 ? last : newline;
            ParseLiquidLine(line, lineEnd, ref comments);
            line = lineEnd + 1;
        }

        if (_open.Count > _floor || comments > 0)
        {
            throw comments > 0 ? Error(TemplateErrors.UnclosedBlock, "The block 'comment' is not closed", open) : Unclosed(_block);
        }

        _floor = floor;
        _trimsNext = trims;
    }

    private void ParseLiquidLine(int start, int end, ref int comments)
    {
        (_at, _end, _brackets) = (start, end, 0);
        while (true)
        {
            SkipSpace();
            var nameStart = _at;
            while (_at < _end && IsWordPart(_source[_at]))
            {
                _at++;
            }

            var name = _source.AsSpan(nameStart, _at - nameStart);
            if (comments > 0 || name is "comment")
            {
                comments += name is "comment" ? 1 : name is "endcomment" ? -1 : 0;
                return;
            }

            if (name is "liquid")
            {
                continue;
            }

            if (name.IsEmpty)
            {
                if (_at < _end && _source[_at] != '#')
                {
                    throw Error("A tag's name is missing");
                }

                return;
            }

            if (name is "raw" or "doc")
            {
                throw Error(TemplateErrors.Syntax, $"'{name}' cannot stand in a liquid tag", nameStart);
            }

            ParseNamedTag(name, nameStart);
            return;
        }
    }
}
