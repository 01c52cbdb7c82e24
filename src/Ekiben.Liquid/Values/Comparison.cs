using Ekiben.Liquid.Rendering;

namespace Ekiben.Liquid.Values;

/// <summary>Ruby's equality and order as Liquid's conditions and filters see them.</summary>
internal static class Comparison
{
    private const int MaxDepth = 64;

    public static bool AreEqual(Renderer renderer, in Value left, in Value right, int depth = 0)
    {
        if (left.Kind is ValueKind.Blank or ValueKind.Empty)
        {
            return Is(left.Kind, right);
        }

        if (right.Kind is ValueKind.Blank or ValueKind.Empty)
        {
            return Is(right.Kind, left);
        }

        if (left.Kind != right.Kind)
        {
            return IsNumber(left) && IsNumber(right) && CompareNumbers(left, right) == 0;
        }

        return left.Kind switch
        {
            ValueKind.Nil => true,
            ValueKind.Bool or ValueKind.Integer or ValueKind.Time or ValueKind.Day => left.Integer == right.Integer,
            ValueKind.Float => left.Float.Equals(right.Float) || left.Float == right.Float,
            ValueKind.Decimal => left.Decimal == right.Decimal,
            ValueKind.String => TextsAreEqual(renderer, left.Text, right.Text),
            ValueKind.Range => left.Range == right.Range,
            ValueKind.List => depth < MaxDepth && ListsAreEqual(renderer, left, right, depth),
            ValueKind.Map => depth < MaxDepth && MapsAreEqual(renderer, left, right, depth),
            _ => ReferenceEquals(left.Reference, right.Reference),
        };
    }

    private static bool TextsAreEqual(Renderer renderer, string left, string right)
    {
        if (left.Length != right.Length)
        {
            return false;
        }

        renderer.Work(left.Length);
        return string.Equals(left, right, StringComparison.Ordinal);
    }

    public static bool IsNumber(in Value value) => value.Kind is ValueKind.Integer or ValueKind.Float or ValueKind.Decimal;

    /// <summary>Ruby's spaceship: null where two values have no order.</summary>
    public static int? Compare(Renderer renderer, in Value left, in Value right)
    {
        if (IsNumber(left) && IsNumber(right))
        {
            return CompareNumbers(left, right);
        }

        if (left.Kind == ValueKind.String && right.Kind == ValueKind.String)
        {
            renderer.Work(Math.Min(left.Text.Length, right.Text.Length));
            return string.CompareOrdinal(left.Text, right.Text);
        }

        if (left.Kind is ValueKind.Time or ValueKind.Day && right.Kind is ValueKind.Time or ValueKind.Day)
        {
            return left.Integer.CompareTo(right.Integer);
        }

        if (left.Kind == ValueKind.List && right.Kind == ValueKind.List)
        {
            return CompareLists(renderer, left, right);
        }

        return AreEqual(renderer, left, right) ? 0 : null;
    }

    /// <summary>The meaning of <c>value == blank</c> and <c>value == empty</c>; either word equals neither itself nor the other.</summary>
    private static bool Is(ValueKind word, in Value value) => value.Kind switch
    {
        ValueKind.Nil => word == ValueKind.Blank,
        ValueKind.Bool => word == ValueKind.Blank && !value.Bool,
        ValueKind.String => word == ValueKind.Blank ? string.IsNullOrWhiteSpace(value.Text) : value.Text.Length == 0,
        ValueKind.List => Collections.Count(value) == 0,
        ValueKind.Map => Collections.MapCount(value) == 0,
        _ => false,
    };

    private static int CompareNumbers(in Value left, in Value right)
    {
        if (left.Kind == ValueKind.Integer && right.Kind == ValueKind.Integer)
        {
            return left.Integer.CompareTo(right.Integer);
        }

        return left.Kind == ValueKind.Float || right.Kind == ValueKind.Float
            ? Numbers.ToDouble(left).CompareTo(Numbers.ToDouble(right))
            : Numbers.ToDecimal(left).CompareTo(Numbers.ToDecimal(right));
    }

    private static int? CompareLists(Renderer renderer, in Value left, in Value right)
    {
        var (leftItems, rightItems) = (Collections.Indexed(left, renderer), Collections.Indexed(right, renderer));
        var (leftCount, rightCount) = (Collections.Count(left), Collections.Count(right));
        for (var index = 0; index < Math.Min(leftCount, rightCount); index++)
        {
            renderer.Step();
            var leftItem = Collections.At(leftItems, index);
            var rightItem = Collections.At(rightItems, index);

            // Lists inside lists have no order here: a cyclic host list must not hang a sort.
            var order = leftItem.Kind == ValueKind.List ? null : Compare(renderer, leftItem, rightItem);
            if (order != 0)
            {
                return order;
            }
        }

        return leftCount.CompareTo(rightCount);
    }

    private static bool ListsAreEqual(Renderer renderer, in Value left, in Value right, int depth)
    {
        var count = Collections.Count(left);
        if (count != Collections.Count(right))
        {
            return false;
        }

        renderer.ChargeItems(count);
        var (leftItems, rightItems) = (Collections.Indexed(left, renderer), Collections.Indexed(right, renderer));
        for (var index = 0; index < count; index++)
        {
            if (!AreEqual(renderer, Collections.At(leftItems, index), Collections.At(rightItems, index), depth + 1))
            {
                return false;
            }
        }

        return true;
    }

    private static bool MapsAreEqual(Renderer renderer, in Value left, in Value right, int depth)
    {
        if (Collections.MapCount(left) != Collections.MapCount(right))
        {
            return false;
        }

        foreach (var pair in Collections.Pairs(left, renderer))
        {
            var items = (Value[])pair.Reference;
            if (!Collections.TryGet(right, items[0].Text, out var other) || !AreEqual(renderer, items[1], other, depth + 1))
            {
                return false;
            }
        }

        return true;
    }
}
