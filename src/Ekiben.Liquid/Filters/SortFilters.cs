using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Filters;

/// <summary>
/// Sorting with nil last. A merge sort of our own: it is stable, it counts its comparisons as steps, and it may stop with an
/// error in the middle (two values without an order).
/// </summary>
internal static class SortFilters
{
    private delegate int Order(Renderer renderer, in Value left, in Value right);

    public static Value Sort(Renderer renderer, in Value input, in FilterArguments arguments) =>
        Sort(renderer, input, arguments.First, Compare);

    public static Value SortNatural(Renderer renderer, in Value input, in FilterArguments arguments) =>
        Sort(renderer, input, arguments.First, CompareIgnoringCase);

    private static Value Sort(Renderer renderer, in Value input, in Value property, Order order)
    {
        var items = Items.Of(renderer, input).ToArray();
        var keys = items;
        if (!property.IsNil)
        {
            keys = new Value[items.Length];
            for (var index = 0; index < items.Length; index++)
            {
                if (!Items.TryGetProperty(renderer, items[index], property, out keys[index]))
                {
                    throw renderer.Error(TemplateErrors.Argument, "The list holds values without properties");
                }
            }
        }

        var positions = new int[items.Length];
        for (var index = 0; index < positions.Length; index++)
        {
            positions[index] = index;
        }

        MergeSort(renderer, positions, keys, order);
        return Value.Of(Array.ConvertAll(positions, position => items[position]));
    }

    private static void MergeSort(Renderer renderer, int[] positions, Value[] keys, Order order)
    {
        var source = positions;
        var target = new int[positions.Length];
        for (var width = 1; width < positions.Length; width *= 2)
        {
            for (var start = 0; start < positions.Length; start += width * 2)
            {
                var middle = Math.Min(start + width, positions.Length);
                var end = Math.Min(start + (width * 2), positions.Length);
                Merge(renderer, source, target, (start, middle, end), keys, order);
            }

            (source, target) = (target, source);
        }

        source.CopyTo(positions, 0);
    }

    private static void Merge(Renderer renderer, int[] source, int[] target, (int Start, int Middle, int End) run, Value[] keys, Order order)
    {
        var (left, right) = (run.Start, run.Middle);
        for (var index = run.Start; index < run.End; index++)
        {
            var takesLeft = right >= run.End
                || (left < run.Middle && order(renderer, keys[source[left]], keys[source[right]]) <= 0);
            target[index] = takesLeft ? source[left++] : source[right++];
        }
    }

    private static int Compare(Renderer renderer, in Value left, in Value right)
    {
        if (left.IsNil || right.IsNil)
        {
            return left.IsNil.CompareTo(right.IsNil);
        }

        return Comparison.Compare(renderer, left, right)
            ?? throw renderer.Error(TemplateErrors.Argument, "The list holds values that cannot be compared");
    }

    private static int CompareIgnoringCase(Renderer renderer, in Value left, in Value right)
    {
        if (left.IsNil || right.IsNil)
        {
            return left.IsNil.CompareTo(right.IsNil);
        }

        var (first, second) = (ValueText.Of(left, renderer), ValueText.Of(right, renderer));
        renderer.Work(Math.Min(first.Length, second.Length));
        return string.Compare(first, second, StringComparison.OrdinalIgnoreCase);
    }
}
