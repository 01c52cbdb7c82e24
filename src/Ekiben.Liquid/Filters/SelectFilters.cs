using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Filters;

/// <summary>
/// Filters that choose items by a property: by its value when one is given, else by its truth. An item without properties
/// (nil, a boolean) makes the whole result nil, as in Ruby.
/// </summary>
internal static class SelectFilters
{
    public static Value Where(Renderer renderer, in Value input, in FilterArguments arguments) => Choose(renderer, input, arguments, wanted: true);

    public static Value Reject(Renderer renderer, in Value input, in FilterArguments arguments) => Choose(renderer, input, arguments, wanted: false);

    public static Value Find(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        using var items = Items.Of(renderer, input);
        return FirstMatch(renderer, items.List, arguments) is int index and >= 0 ? items.List[index] : default;
    }

    public static Value FindIndex(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        using var items = Items.Of(renderer, input);
        return FirstMatch(renderer, items.List, arguments) is int index and >= 0 ? Value.Of(index) : default;
    }

    public static Value Has(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        using var items = Items.Of(renderer, input);
        return FirstMatch(renderer, items.List, arguments) is int index ? Value.Of(index >= 0) : default;
    }

    private static Value Choose(Renderer renderer, in Value input, in FilterArguments arguments, bool wanted)
    {
        using var items = Items.Of(renderer, input);
        using var chosen = new ScratchList(renderer);
        foreach (var item in items.List)
        {
            if (Matches(renderer, item, arguments) is not bool matches)
            {
                return default;
            }

            if (matches == wanted)
            {
                chosen.List.Add(item);
            }
        }

        return chosen.ToValue();
    }

    /// <summary>The index of the first match, -1 without one, null when an item before it has no properties.</summary>
    private static int? FirstMatch(Renderer renderer, List<Value> items, in FilterArguments arguments)
    {
        for (var index = 0; index < items.Count; index++)
        {
            if (Matches(renderer, items[index], arguments) is not bool matches)
            {
                return null;
            }

            if (matches)
            {
                return index;
            }
        }

        return -1;
    }

    private static bool? Matches(Renderer renderer, in Value item, in FilterArguments arguments)
    {
        if (!Items.TryGetProperty(renderer, item, arguments.First, out var value))
        {
            return null;
        }

        return arguments.Second.IsNil ? value.IsTruthy : Comparison.AreEqual(renderer, value, arguments.Second);
    }
}
