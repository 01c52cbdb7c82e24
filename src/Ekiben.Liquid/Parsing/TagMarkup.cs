using Ekiben.Liquid.Nodes;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Parsing;

/// <summary>The markup of each standard tag.</summary>
internal sealed partial class Parser
{
    private void ParseEcho(int open)
    {
        SkipSpace();
        if (_at < _end)
        {
            AddOutput(ParseFiltered(), open, html: _argument is not null);
            return;
        }

        _block.HasOutput = true;
    }

    private void ParseAssign(int open)
    {
        var name = ReadVariableName("assign");
        if (!Take('='))
        {
            throw Error("'=' is missing: {% assign name = value %}");
        }

        var expression = ParseFiltered();
        _assigned.Add(name);
        Add(new AssignNode(name, expression, open));
    }

    private void OpenCapture(int open)
    {
        SkipSpace();
        var name = Peek() is '"' or '\'' ? Intern(ReadString()) : ReadVariableName("capture");
        ExpectEnd();
        var block = OpenBlock(BlockKind.Capture, open);
        (block.Name, block.Place) = (name, Place);
    }

    private void ParseCounter(int step, int open)
    {
        var name = ReadVariableName(step > 0 ? "increment" : "decrement");
        ExpectEnd();
        _assigned.Add(name);
        Add(new CounterNode(name, step, Place, open));
    }

    /// <summary>A name to write to: also one of digits only, which Ruby allows though nothing can read it.</summary>
    private string ReadVariableName(string tag)
    {
        SkipSpace();
        var start = _at;
        while (_at < _end && (_at == start ? IsWordPart(_source[_at]) : IsNamePart(_source[_at])))
        {
            _at++;
        }

        return _at > start ? Intern(_source.AsSpan(start, _at - start)) : throw Error($"'{tag}' needs a name");
    }

    private Expression ParseCaseSubject()
    {
        var firstUse = _uses.Count;
        var subject = ParseExpression();
        ExpectEnd();
        GuardFrom(firstUse);
        return subject;
    }

    private Expression[] ParseWhen()
    {
        var values = new List<Expression>();
        do
        {
            values.Add(ParseExpression());
        }
        while (Take(',') || TakeWord("or"));

        ExpectEnd();
        return [.. values];
    }

    private void OpenLoop(BlockKind kind, int open)
    {
        SkipSpace();
        var variable = Intern(ReadIdentifier());
        if (variable.Length == 0 || !TakeWord("in"))
        {
            throw Error("A loop is written {% for name in list %}");
        }

        SkipSpace();
        var start = _at;
        var collection = ParseExpression();
        var name = $"{variable}-{Compact(_source.AsSpan(start, _at - start))}";
        Expression? limit = null;
        Expression? offset = null;
        Expression? columns = null;
        var continues = false;
        var reversed = TakeWord("reversed");
        while (true)
        {
            Take(',');
            if (!TryReadKeyword(out var keyword))
            {
                if (kind == BlockKind.For && TakeWord("reversed"))
                {
                    reversed = true;
                    continue;
                }

                ExpectEnd();
                break;
            }

            switch (keyword)
            {
                case "limit":
                    limit = ParseExpression();
                    break;
                case "offset" when TakeWord("continue"):
                    continues = true;
                    break;
                case "offset":
                    offset = ParseExpression();
                    break;
                case "cols" when kind == BlockKind.TableRow:
                    columns = ParseExpression();
                    break;
                case "range" when kind == BlockKind.TableRow:
                    ParseExpression();
                    break;
                default:
                    throw Error($"A loop has no argument '{keyword}'");
            }
        }

        var block = OpenBlock(kind, open);
        block.Loop = new LoopHead(variable, collection, name, limit, offset, continues, reversed);
        block.Columns = columns;
        _loopNames.Add(variable);
    }

    private void CloseLoopScope(OpenBlock block)
    {
        // else has left the loop already.
        if (!block.HasElse)
        {
            _loopNames.RemoveAt(_loopNames.Count - 1);
            block.HasElse = true;
        }
    }

    private static string Compact(ReadOnlySpan<char> text)
    {
        if (!text.StartsWith("("))
        {
            return text.ToString();
        }

        var builder = new TextBuilder(null);
        foreach (var character in text)
        {
            if (!Characters.IsSpace(character))
            {
                builder.Append(character);
            }
        }

        return builder.Finish();
    }

    private void ParseCycle(int open)
    {
        SkipSpace();
        var start = _at;
        var first = ParseExpression();
        Expression? name = null;
        var items = new List<Expression>();
        if (Take(':'))
        {
            (name, start) = (first, _at);
            first = ParseExpression();
        }

        items.Add(first);
        while (Take(','))
        {
            items.Add(ParseExpression());
        }

        ExpectEnd();
        Add(new CycleNode(name, _source[start.._end].Trim(), [.. items], Place, open));
        _places?.Value();
    }

    private void ParsePartial(bool isolated, int open)
    {
        SkipSpace();
        if (isolated && Peek() is not ('"' or '\''))
        {
            throw Error("'render' needs the partial's name in quotes");
        }

        var name = ParseExpression();
        Expression? bound = null;
        string? alias = null;
        var repeats = false;
        if (TakeWord("with") || (repeats = TakeWord("for")))
        {
            bound = ParseExpression();
        }

        if (TakeWord("as"))
        {
            SkipSpace();
            alias = Intern(ReadIdentifier());
            if (alias.Length == 0)
            {
                throw Error("A name is missing after 'as'");
            }
        }

        var arguments = new List<PartialArgument>();
        while (true)
        {
            Take(',');
            if (!TryReadKeyword(out var keyword))
            {
                ExpectEnd();
                break;
            }

            arguments.Add(new PartialArgument(Intern(keyword), ParseExpression()));
        }

        Add(new PartialNode(name, bound, alias, repeats, isolated, [.. arguments], open));
        _places?.Value();
    }
}
