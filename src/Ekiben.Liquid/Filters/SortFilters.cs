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
        using var items = Items.Of(renderer, input);
        using var keys = new ScratchList(renderer);
        foreach (var item in items.List)
        {
            var key = item;
            if (!property.IsNil && !Items.TryGetProperty(renderer, item, property, out key))
            {
                throw renderer.Error(TemplateErrors.Argument, "The list holds values without properties");
            }

            keys.List.Add(key);
        }

        var count = items.List.Count;
        var sorted = MergeSort(renderer, renderer.Positions(count, 0), renderer.Positions(count, 1), keys.List, order);
        var result = new Value[count];
        for (var index = 0; index < count; index++)
        {
            result[index] = items.List[sorted[index]];
        }

        return Value.Of(result);
    }

    /// <summary>Sorts positions, which begin as 0, 1, 2...; answers that of the two spans in which they end.</summary>
    private static Span<int> MergeSort(Renderer renderer, Span<int> positions, Span<int> spare, List<Value> keys, Order order)
    {
        for (var index = 0; index < positions.Length; index++)
        {
            positions[index] = index;
        }

        var source = positions;
        var target = spare;
        for (var width = 1; width < positions.Length; width *= 2)
        {
            for (var start = 0; start < positions.Length; start += width * 2)
            {
                var middle = Math.Min(start + width, positions.Length);
                var end = Math.Min(start + (width * 2), positions.Length);
                Merge(renderer, source, target, (start, middle, end), keys, order);
            }

            var swapped = source;
            source = target;
            target = swapped;
        }

        return source;
    }

    private static void Merge(
        Renderer renderer, Span<int> source, Span<int> target, (int Start, int Middle, int End) run, List<Value> keys, Order order)
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
