using Ekiben.Liquid.Nodes;
using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Filters;

/// <summary>Filters that build, join and measure lists.</summary>
internal static class ListFilters
{
    public static Value Size(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        renderer.Work(input.Kind == ValueKind.String ? input.Text.Length : 0);
        var size = Lookup.Size(input);
        return size.IsNil ? Value.Of(0) : size;
    }

    public static Value First(Renderer renderer, in Value input, in FilterArguments arguments) => Lookup.First(input);

    public static Value Last(Renderer renderer, in Value input, in FilterArguments arguments) => Lookup.Last(input);

    public static Value Join(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var glue = arguments.Count == 0 ? " " : ValueText.Of(arguments.First, renderer);
        var builder = new TextBuilder(renderer);
        var isFirst = true;
        foreach (var item in Items.Of(renderer, input))
        {
            if (!isFirst)
            {
                builder.Append(glue);
            }

            isFirst = false;
            ValueText.Append(ref builder, item, renderer);
        }

        return builder.FinishValue();
    }

    public static Value Reverse(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var items = Items.Of(renderer, input);
        items.Reverse();
        return Items.ToValue(items);
    }

    public static Value Concat(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        if (arguments.First.Kind is not (ValueKind.List or ValueKind.Range or ValueKind.Map))
        {
            throw renderer.Error(TemplateErrors.Argument, "The filter concat needs a list");
        }

        var items = Items.Of(renderer, input);
        var others = arguments.First;
        if (others.Kind == ValueKind.Map)
        {
            renderer.ChargeItems(Collections.MapCount(others));
            others = Value.Of(Collections.Pairs(others));
        }

        // Only the left side is flattened.
        var count = others.Kind == ValueKind.Range ? others.Range.Count : Collections.Count(others);
        renderer.ChargeItems(count);
        renderer.CheckItems(items.Count + count);
        others = others.Kind == ValueKind.List ? Collections.Indexed(others) : others;
        for (var index = 0; index < count; index++)
        {
            items.Add(others.Kind == ValueKind.Range ? Value.Of(others.Range.First + index) : Collections.At(others, index));
        }

        return Items.ToValue(items);
    }

    public static Value Map(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var items = Items.Of(renderer, input);
        for (var index = 0; index < items.Count; index++)
        {
            Items.TryGetProperty(renderer, items[index], arguments.First, out var value);
            items[index] = value;
        }

        return Items.ToValue(items);
    }

    public static Value Compact(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var kept = new List<Value>();
        foreach (var item in Items.Of(renderer, input))
        {
            var value = item;
            if (!arguments.First.IsNil)
            {
                Items.TryGetProperty(renderer, item, arguments.First, out value);
            }

            if (!value.IsNil)
            {
                kept.Add(item);
            }
        }

        return Items.ToValue(kept);
    }

    public static Value Uniq(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var seen = new HashSet<Value>(new ValueEquality(renderer));
        var kept = new List<Value>();
        foreach (var item in Items.Of(renderer, input))
        {
            var value = item;
            if (!arguments.First.IsNil)
            {
                Items.TryGetProperty(renderer, item, arguments.First, out value);
            }

            renderer.Step();
            if (seen.Add(value))
            {
                kept.Add(item);
            }
        }

        return Items.ToValue(kept);
    }

    public static Value Sum(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var total = Value.Of(0);
        foreach (var item in Items.Of(renderer, input))
        {
            var value = item;
            if (!arguments.First.IsNil)
            {
                Items.TryGetProperty(renderer, item, arguments.First, out value);
            }

            renderer.Step();
            total = NumberFilters.Compute(renderer, total, value, '+');
        }

        return total;
    }

    /// <summary>Equality for <c>uniq</c>. Maps and lists hash by size, so equal ones meet.</summary>
    private sealed class ValueEquality(Renderer renderer) : IEqualityComparer<Value>
    {
        public bool Equals(Value left, Value right) => left.Kind == right.Kind && Comparison.AreEqual(renderer, left, right);

        private int HashOf(string text)
        {
            renderer.Work(text.Length);
            return text.GetHashCode(StringComparison.Ordinal);
        }

        public int GetHashCode(Value value) => value.Kind switch
        {
            ValueKind.String => HashOf(value.Text),
            ValueKind.List => Collections.Count(value) is var count && count > 0 && Collections.At(value, 0) is { Kind: ValueKind.String } first
                ? HashCode.Combine(count, first.Text) : count,
            ValueKind.Map => Collections.MapCount(value),
            ValueKind.Decimal or ValueKind.Range => value.Reference.GetHashCode(),
            ValueKind.Object or ValueKind.Loop => 0,
            _ => HashCode.Combine(value.Kind, value.Integer),
        };
    }
}
