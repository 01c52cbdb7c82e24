using Ekiben.Liquid.Filters;
using Ekiben.Liquid.Nodes;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Parsing;

/// <summary>Expressions, filters and conditions: one pass over the source between <c>_at</c> and <c>_end</c>, no tokens in between.</summary>
internal sealed partial class Parser
{
    private const int MaxGuards = 64;

    private readonly List<PathUse> _uses = [];
    private readonly List<PathExpression> _guards = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly HashSet<string> _assigned = new(StringComparer.Ordinal);
    private readonly List<string> _loopNames = [];
    private int _at;
    private int _end;
    private int _brackets;

    /// <summary>An expression with its filters, up to the end of the markup.</summary>
    private Expression ParseFiltered()
    {
        var firstUse = _uses.Count;
        var expression = ParseExpression();
        SkipSpace();
        if (_at == _end)
        {
            return expression;
        }

        var calls = new List<FilterCall>();
        while (Take('|'))
        {
            var guarded = _uses.Count;
            var call = ParseFilter();
            calls.Add(call);
            if (call.Filter.GuardsInput)
            {
                for (var index = firstUse; index < guarded; index++)
                {
                    _uses[index].IsGuarded = true;
                }
            }
        }

        ExpectEnd();
        return new FilteredExpression(expression, [.. calls]);
    }

    private FilterCall ParseFilter()
    {
        SkipSpace();
        var offset = _at;
        var span = ReadIdentifier();
        var filter = FilterTable.Find(span);
        if (span.IsEmpty)
        {
            throw Error("A filter's name is missing");
        }

        if (filter is null)
        {
            throw Error(TemplateErrors.UnknownFilter, $"There is no filter '{span}'", offset);
        }

        Expression? first = null;
        Expression? second = null;
        Expression? allowFalse = null;
        var count = 0;
        if (Take(':'))
        {
            do
            {
                if (TryReadKeyword(out var keyword))
                {
                    if (!filter.GuardsInput || keyword is not "allow_false")
                    {
                        throw Error(TemplateErrors.Argument, $"The filter '{filter.Name}' has no argument '{keyword}'", offset);
                    }

                    allowFalse = ParseExpression();
                    continue;
                }

                var argument = ParseExpression();
                count++;
                (first, second) = count == 1 ? (argument, second) : (first, argument);
                CheckArguments(filter, Math.Max(count, filter.MinArguments), offset);
            }
            while (Take(','));
        }

        CheckArguments(filter, count, offset);
        return new FilterCall(filter, first, second, allowFalse, count, offset);
    }

    private void CheckArguments(FilterDefinition filter, int count, int offset)
    {
        if (count < filter.MinArguments || count > filter.MaxArguments)
        {
            var wanted = filter.MinArguments == filter.MaxArguments ? $"{filter.MinArguments}" : $"{filter.MinArguments} to {filter.MaxArguments}";
            throw Error(TemplateErrors.Argument, $"The filter '{filter.Name}' takes {wanted} arguments", offset);
        }
    }

    /// <summary>A literal, range or look-up.</summary>
    private Expression ParseExpression()
    {
        SkipSpace();
        var next = Peek();
        if (next is '"' or '\'')
        {
            return new Literal(Value.Of(ReadString()));
        }

        if (char.IsAsciiDigit(next) || (next == '-' && _at + 1 < _end && char.IsAsciiDigit(_source[_at + 1])))
        {
            return new Literal(ReadNumber());
        }

        if (next == '(')
        {
            return ParseRange();
        }

        return next == '[' || IsNameStart(next) ? ParsePath() : throw Error("An expression is missing");
    }

    private Expression ParseRange()
    {
        OpenBracket();
        var first = ParseExpression();
        SkipSpace();
        if (!(Peek() == '.' && _at + 1 < _end && _source[_at + 1] == '.'))
        {
            throw Error("A range is written (first..last)");
        }

        _at += 2;
        var last = ParseExpression();
        CloseBracket(')');
        var range = new RangeExpression(first, last);

        // A range of literals is made once and not at each rendering; ranges need no renderer then.
        return first is Literal && last is Literal ? new Literal(range.Evaluate(null!)) : range;
    }

    private Expression ParsePath()
    {
        var offset = _at;
        string? root = null;
        Expression? rootIndex = null;
        if (Peek() == '[')
        {
            (root, rootIndex) = ParseIndex();
        }
        else
        {
            root = Intern(ReadIdentifier());
        }

        var steps = new List<PathStep>();
        while (true)
        {
            var end = _at;
            SkipSpace();
            if (Peek() == '[')
            {
                var (name, index) = ParseIndex();
                steps.Add(new PathStep(name, index, IsDotted: false));
            }
            else if (Peek() == '.' && !(_at + 1 < _end && _source[_at + 1] == '.'))
            {
                _at++;
                SkipSpace();
                var name = ReadIdentifier();
                if (name.IsEmpty)
                {
                    throw Error("A name is missing after the dot");
                }

                steps.Add(new PathStep(Intern(name), null, IsDotted: true));
            }
            else
            {
                _at = end;
                break;
            }
        }

        if (steps.Count == 0 && rootIndex is null && _source[offset] != '[' && Keyword(root!) is { } literal)
        {
            return literal;
        }

        var path = new PathExpression(root, rootIndex, [.. steps], offset);
        Record(path);
        return path;
    }

    private (string? Name, Expression? Index) ParseIndex()
    {
        OpenBracket();
        SkipSpace();
        if (Peek() is '"' or '\'')
        {
            var name = Intern(ReadString());
            CloseBracket(']');
            return (name, null);
        }

        var index = ParseExpression();
        CloseBracket(']');
        return (null, index);
    }

    private static Literal? Keyword(string name) => name switch
    {
        "nil" or "null" => Literal.Nil,
        "true" => LiteralTrue,
        "false" => LiteralFalse,
        "blank" => LiteralBlank,
        "empty" => LiteralEmpty,
        _ => null,
    };

    private static readonly Literal LiteralTrue = new(Value.True);
    private static readonly Literal LiteralFalse = new(Value.False);
    private static readonly Literal LiteralBlank = new(Value.Blank);
    private static readonly Literal LiteralEmpty = new(Value.Empty);

    /// <summary>A condition up to the end of the markup. What it tests counts as guarded from here to the end of the block.</summary>
    private Condition ParseCondition()
    {
        var firstUse = _uses.Count;
        var clauses = new List<Clause>();
        while (true)
        {
            SkipSpace();
            var offset = _at;
            var left = ParseExpression();
            var comparator = ReadComparator();
            var right = comparator == Comparator.None ? null : ParseExpression();
            var joint = ReadJoint();
            clauses.Add(new Clause(left, comparator, right, offset, joint == "and"));
            if (joint.Length == 0)
            {
                break;
            }
        }

        ExpectEnd();
        GuardFrom(firstUse);
        return new Condition([.. clauses]);
    }

    /// <summary>The look-ups since then test their names, for themselves and for the rest of the open block.</summary>
    private void GuardFrom(int firstUse)
    {
        for (var index = firstUse; index < _uses.Count; index++)
        {
            _uses[index].IsGuarded = true;
            if (_guards.Count < MaxGuards)
            {
                _guards.Add(_uses[index].Path);
            }
        }
    }

    private Comparator ReadComparator()
    {
        SkipSpace();
        var rest = _source.AsSpan(_at, _end - _at);
        var (comparator, length) = rest switch
        {
            ['=', '=', ..] => (Comparator.Equal, 2),
            ['!', '=', ..] or ['<', '>', ..] => (Comparator.NotEqual, 2),
            ['<', '=', ..] => (Comparator.LessOrEqual, 2),
            ['>', '=', ..] => (Comparator.GreaterOrEqual, 2),
            ['<', ..] => (Comparator.Less, 1),
            ['>', ..] => (Comparator.Greater, 1),
            _ => (Comparator.None, 0),
        };
        _at += length;
        return comparator == Comparator.None && TakeWord("contains") ? Comparator.Contains : comparator;
    }

    private string ReadJoint()
    {
        SkipSpace();
        return TakeWord("and") ? "and" : TakeWord("or") ? "or" : "";
    }

    private void Record(PathExpression path)
    {
        var isLocal = path.Root is { } root && (_assigned.Contains(root) || _loopNames.Contains(root)
            || (root is "forloop" or "tablerowloop" && _loopNames.Count > 0));
        var use = new PathUse(path, isLocal);
        foreach (var guard in _guards)
        {
            use.IsGuarded |= use.IsCoveredBy(guard);
        }

        _uses.Add(use);
    }
}
