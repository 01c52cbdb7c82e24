using Ekiben.Liquid.Nodes;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Parsing;

/// <summary>Tags: where they end, what their names mean, and blocks opening and closing.</summary>
internal sealed partial class Parser
{
    /// <summary>Reads the tag at <paramref name="open"/>; returns where the text goes on.</summary>
    private int ParseTag(int open, int end)
    {
        var nameStart = open + 2;
        if (nameStart < end && _source[nameStart] == '-')
        {
            nameStart++;
        }

        while (nameStart < end && Characters.IsSpace(_source[nameStart]))
        {
            nameStart++;
        }

        var nameEnd = nameStart;
        while (nameEnd < end && IsWordPart(_source[nameEnd]))
        {
            nameEnd++;
        }

        var name = _source.AsSpan(nameStart, nameEnd - nameStart);
        var takesTemplates = IsBentoTag(name);
        var close = takesTemplates ? FindNestedClose(nameEnd, end) : _source.IndexOf("%}", open + 2, end - open - 2, StringComparison.Ordinal);
        if (close < 0)
        {
            throw Error(TemplateErrors.Syntax, "'{%' is not closed", open);
        }

        SetMarkup(open, close);
        _at = Math.Min(nameEnd, _end);
        var next = close + 2;
        switch (name)
        {
            case "raw":
                return ParseRaw(open, next, end);
            case "comment":
                return SkipComment(open, next, end);
            case "doc":
                return SkipDoc(open, next, end);
            case "liquid":
                ParseLiquid(open);
                return next;
            case "":
                SkipEmptyTag(nameStart, open);
                return next;
            default:
                ParseNamedTag(name, open);
                return next;
        }
    }

    private static bool IsWordPart(char character) => char.IsAsciiLetterOrDigit(character) || character == '_';

    /// <summary>The end of a tag whose arguments may hold outputs and tags themselves.</summary>
    private int FindNestedClose(int at, int end)
    {
        while (at + 1 < end)
        {
            var pair = _source.AsSpan(at, 2);
            if (pair is "%}")
            {
                return at;
            }

            if (pair is "{{" or "{%")
            {
                var close = _source.IndexOf(pair is "{{" ? "}}" : "%}", at + 2, end - at - 2, StringComparison.Ordinal);
                if (close < 0)
                {
                    return -1;
                }

                at = close + 2;
                continue;
            }

            at++;
        }

        return -1;
    }

    private void SkipEmptyTag(int at, int open)
    {
        if (at >= _end || _source[at] != '#')
        {
            throw Error(TemplateErrors.Syntax, "A tag's name is missing", open);
        }

        foreach (var line in _source.AsSpan(at, _end - at).Split('\n'))
        {
            var text = _source.AsSpan(at, _end - at)[line].Trim();
            if (!text.IsEmpty && text[0] != '#')
            {
                throw Error(TemplateErrors.Syntax, "Each line of an inline comment starts with #", at + line.Start.Value);
            }
        }

        Add(new NothingNode(open));
    }

    /// <summary>The tags that end where their markup ends. <c>_at</c> stands behind the name.</summary>
    private void ParseNamedTag(ReadOnlySpan<char> name, int open)
    {
        if (_end - _at > _limits.ExpressionLength && !IsBentoTag(name))
        {
            throw OverBudget(nameof(TemplateLimits.ExpressionLength), _limits.ExpressionLength, open);
        }

        switch (name)
        {
            case "if":
                OpenBlock(BlockKind.If, open).Condition = ParseCondition();
                return;
            case "unless":
                OpenBlock(BlockKind.Unless, open).Condition = ParseCondition();
                return;
            case "case":
                OpenBlock(BlockKind.Case, open).Subject = ParseCaseSubject();
                return;
            case "elsif" or "else" or "when":
                ParseBranch(name, open);
                return;
            case "for":
                OpenLoop(BlockKind.For, open);
                return;
            case "tablerow":
                OpenLoop(BlockKind.TableRow, open);
                return;
            case "capture":
                OpenCapture(open);
                return;
            case "ifchanged":
                OpenBlock(BlockKind.IfChanged, open).Place = Place;
                return;
            case "assign":
                ParseAssign(open);
                return;
            case "echo":
                ParseEcho(open);
                return;
            case "increment" or "decrement":
                ParseCounter(name is "increment" ? 1 : -1, open);
                return;
            case "cycle":
                ParseCycle(open);
                return;
            case "break" or "continue":
                ExpectEnd();
                Add(new InterruptNode(name is "break" ? Signal.Break : Signal.Continue, open));
                return;
            case "include" or "render":
                ParsePartial(name is "render", open);
                return;
            default:
                if (name.StartsWith("end", StringComparison.Ordinal) && TryCloseBlock(name[3..], open))
                {
                    return;
                }

                if (!TryParseBento(name, open))
                {
                    throw Error(TemplateErrors.UnknownTag, $"There is no tag '{name}'", open);
                }

                return;
        }
    }

    private OpenBlock OpenBlock(BlockKind kind, int open)
    {
        if (_open.Count >= _limits.Nesting)
        {
            throw OverBudget(nameof(TemplateLimits.Nesting), _limits.Nesting, open);
        }

        _open.Add(_block);
        _block = new OpenBlock(kind, open) { Guards = _guards.Count };
        return _block;
    }

    /// <summary>Closes the innermost block if <paramref name="name"/> is its name; false when there is no block of that name at all.</summary>
    private bool TryCloseBlock(ReadOnlySpan<char> name, int open)
    {
        var kind = name switch
        {
            "if" => BlockKind.If,
            "unless" => BlockKind.Unless,
            "case" => BlockKind.Case,
            "for" => BlockKind.For,
            "tablerow" => BlockKind.TableRow,
            "capture" => BlockKind.Capture,
            "ifchanged" => BlockKind.IfChanged,
            _ => BlockKind.Root,
        };
        if (kind == BlockKind.Root)
        {
            return false;
        }

        if (_open.Count == _floor || _block.Kind != kind)
        {
            var inside = _open.Count == _floor ? "there is no open block" : $"the open block is '{_block.Kind.ToString().ToLowerInvariant()}'";
            throw Error(TemplateErrors.UnclosedBlock, $"'end{name}' is unexpected: {inside}", open);
        }

        var block = _block;
        _block = _open[^1];
        _open.RemoveAt(_open.Count - 1);
        _guards.RemoveRange(block.Guards, _guards.Count - block.Guards);
        Add(Close(block));
        return true;
    }

    private Node Close(OpenBlock block)
    {
        var isBlank = !block.HasOutput;
        switch (block.Kind)
        {
            case BlockKind.If or BlockKind.Unless:
                EndIfBranch(block);
                var branches = new Branch[block.Branches.Count];
                for (var index = 0; index < branches.Length; index++)
                {
                    branches[index] = new Branch(block.Branches[index].Condition, block.Branches[index].Negated, block.BranchBody(index));
                }

                return new IfNode(branches, isBlank, block.Offset);
            case BlockKind.Case:
                block.EndBranch(negated: false);

                // What stands before the first when is never shown.
                var cases = new CaseBranch[block.Branches.Count - 1];
                for (var index = 0; index < cases.Length; index++)
                {
                    cases[index] = new CaseBranch(block.Branches[index + 1].Values, block.BranchBody(index + 1));
                }

                return new CaseNode(block.Subject!, cases, isBlank, block.Offset);
            case BlockKind.For:
                CloseLoopScope(block);
                block.EndBranch(negated: false);
                var otherwise = block.Branches.Count > 1 ? block.BranchBody(1) : Body.None;
                return new ForNode(block.Loop!, block.BranchBody(0), otherwise, isBlank, block.Offset);
            case BlockKind.TableRow:
                CloseLoopScope(block);
                return new TableRowNode(block.Loop!, block.Columns, block.TakeBody(dropsSpace: false), block.Offset);
            case BlockKind.Capture:
                _assigned.Add(block.Name);
                return new CaptureNode(block.Name, block.TakeBody(dropsSpace: false), block.Place, block.Offset);
            default:
                return new IfChangedNode(block.TakeBody(dropsSpace: false), block.Place, block.Offset);
        }
    }

    private static void EndIfBranch(OpenBlock block) => block.EndBranch(negated: block.Kind == BlockKind.Unless && block.Branches.Count == 0);

    private void ParseBranch(ReadOnlySpan<char> name, int open)
    {
        if (_open.Count == _floor)
        {
            throw Error(TemplateErrors.UnclosedBlock, $"'{name}' is unexpected: there is no open block", open);
        }

        var isElse = name is "else";
        switch (_block.Kind)
        {
            case BlockKind.If or BlockKind.Unless when name is not "when":
                EndIfBranch(_block);
                _block.Condition = isElse || _block.HasElse ? null : ParseCondition();
                _block.HasElse |= isElse;
                return;
            case BlockKind.Case when name is not "elsif":
                _block.EndBranch(negated: false);
                _block.Values = isElse ? null : ParseWhen();
                return;
            case BlockKind.For when isElse:
                CloseLoopScope(_block);
                _block.EndBranch(negated: false);
                return;
            default:
                throw Error(TemplateErrors.UnclosedBlock, $"'{name}' does not belong in '{_block.Kind.ToString().ToLowerInvariant()}'", open);
        }
    }
}
