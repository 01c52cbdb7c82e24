using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Nodes;

internal enum Comparator : byte
{
    None,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
}

internal readonly record struct Clause(Expression Left, Comparator Comparator, Expression? Right, int Offset, bool FollowedByAnd)
{
    public bool IsTrue(Renderer renderer)
    {
        renderer.At = Offset;
        var left = Left.Evaluate(renderer);
        if (Comparator == Comparator.None)
        {
            return left.IsTruthy;
        }

        var right = Right!.Evaluate(renderer);
        return Comparator switch
        {
            Comparator.Equal => Comparison.AreEqual(renderer, left, right),
            Comparator.NotEqual => !Comparison.AreEqual(renderer, left, right),
            Comparator.Contains => Contains(left, right, renderer),
            _ => IsOrdered(left, right, renderer),
        };
    }

    private static bool Contains(in Value left, in Value right, Renderer renderer)
    {
        if (!right.IsTruthy)
        {
            return false;
        }

        switch (left.Kind)
        {
            case ValueKind.String:
                var pattern = ValueText.Of(right, renderer);
                renderer.Search(left.Text.Length, pattern.Length);
                return left.Text.Contains(pattern, StringComparison.Ordinal);
            case ValueKind.List:
                var count = Collections.Count(left);
                renderer.CheckItems(count);
                renderer.Work(count * 16L);
                var items = Collections.Indexed(left, renderer);
                for (var index = 0; index < count; index++)
                {
                    if (Comparison.AreEqual(renderer, Collections.At(items, index), right))
                    {
                        return true;
                    }
                }

                return false;
            case ValueKind.Map:
                return right.Kind == ValueKind.String && Collections.TryGet(left, right.Text, out _);
            case ValueKind.Range:
                return Comparison.IsNumber(right)
                    && Numbers.ToDouble(right) >= left.Range.First && Numbers.ToDouble(right) <= left.Range.Last;
            default:
                return false;
        }
    }

    private bool IsOrdered(in Value left, in Value right, Renderer renderer)
    {
        if (!HasOrder(left) || !HasOrder(right))
        {
            return false;
        }

        var order = Comparison.Compare(renderer, left, right)
            ?? throw renderer.Error(TemplateErrors.Argument, $"A {Word(left)} cannot be compared with a {Word(right)}");
        return Comparator switch
        {
            Comparator.Less => order < 0,
            Comparator.LessOrEqual => order <= 0,
            Comparator.Greater => order > 0,
            _ => order >= 0,
        };
    }

    private static bool HasOrder(in Value value) =>
        Comparison.IsNumber(value) || value.Kind is ValueKind.String or ValueKind.Time or ValueKind.Day;

    private static string Word(in Value value) => Comparison.IsNumber(value) ? "number" : value.Kind == ValueKind.String ? "string" : "date";
}

/// <summary>Clauses joined by <c>and</c> and <c>or</c>, which have one precedence and bind to the right.</summary>
internal sealed class Condition(Clause[] clauses)
{
    public bool IsTrue(Renderer renderer)
    {
        for (var index = 0; index < clauses.Length - 1; index++)
        {
            // "a and REST" is decided by a false a, "a or REST" by a true one; otherwise by REST.
            var isTrue = clauses[index].IsTrue(renderer);
            if (isTrue != clauses[index].FollowedByAnd)
            {
                return isTrue;
            }
        }

        return clauses[^1].IsTrue(renderer);
    }
}
