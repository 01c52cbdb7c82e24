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
        using var items = Items.Of(renderer, input);
        foreach (var item in items.List)
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
        using var items = Items.Of(renderer, input);
        items.List.Reverse();
        return items.ToValue();
    }

    public static Value Concat(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        if (arguments.First.Kind is not (ValueKind.List or ValueKind.Range or ValueKind.Map))
        {
            throw renderer.Error(TemplateErrors.Argument, "The filter concat needs a list");
        }

        using var items = Items.Of(renderer, input);
        var others = arguments.First;
        if (others.Kind == ValueKind.Map)
        {
            others = Value.Of(Collections.Pairs(others, renderer));
        }

        // Only the left side is flattened.
        var count = others.Kind == ValueKind.Range ? others.Range.Count : Collections.Count(others);
        renderer.ChargeItems(count);
        renderer.CheckItems(items.List.Count + count);
        others = others.Kind == ValueKind.List ? Collections.Indexed(others, renderer) : others;
        for (var index = 0; index < count; index++)
        {
            items.List.Add(others.Kind == ValueKind.Range ? Value.Of(others.Range.First + index) : Collections.At(others, index));
        }

        return items.ToValue();
    }

    public static Value Map(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        using var items = Items.Of(renderer, input);
        var list = items.List;
        for (var index = 0; index < list.Count; index++)
        {
            Items.TryGetProperty(renderer, list[index], arguments.First, out var value);
            list[index] = value;
        }

        return items.ToValue();
    }

    public static Value Compact(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        using var items = Items.Of(renderer, input);
        using var kept = new ScratchList(renderer);
        foreach (var item in items.List)
        {
            var value = item;
            if (!arguments.First.IsNil)
            {
                Items.TryGetProperty(renderer, item, arguments.First, out value);
            }

            if (!value.IsNil)
            {
                kept.List.Add(item);
            }
        }

        return kept.ToValue();
    }

    public static Value Uniq(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var seen = renderer.Seen;
        using var items = Items.Of(renderer, input);
        using var kept = new ScratchList(renderer);
        foreach (var item in items.List)
        {
            var value = item;
            if (!arguments.First.IsNil)
            {
                Items.TryGetProperty(renderer, item, arguments.First, out value);
            }

            renderer.Step();
            if (seen.Add(value))
            {
                kept.List.Add(item);
            }
        }

        seen.Clear();
        return kept.ToValue();
    }

    public static Value Sum(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var total = Value.Of(0);
        using var items = Items.Of(renderer, input);
        foreach (var item in items.List)
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
}
