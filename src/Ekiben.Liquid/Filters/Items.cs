using System.Text.Json;
using Ekiben.Liquid.Nodes;
using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Filters;

/// <summary>A filter's input as a flat list, and Ruby's <c>item[property]</c>.</summary>
internal static class Items
{
    private const int MaxDepth = 64;

    /// <summary>
    /// Lists are flattened, a map is one item, a range its numbers, nil nothing, anything else itself. Each item is booked once, for the
    /// list that the filter makes of them.
    /// </summary>
    public static ScratchList Of(Renderer renderer, in Value input)
    {
        var scratch = new ScratchList(renderer);
        var items = scratch.List;
        switch (input.Kind)
        {
            case ValueKind.Nil:
                break;
            case ValueKind.List:
                Flatten(renderer, input, items, 0);
                break;
            case ValueKind.Range:
                renderer.ChargeItems(input.Range.Count);
                for (var number = 0L; number < input.Range.Count; number++)
                {
                    items.Add(Value.Of(input.Range.First + number));
                }

                break;
            default:
                items.Add(input);
                break;
        }

        return scratch;
    }

    /// <summary>
    /// Ruby's <c>item[property]</c>. False when the item has no such method (nil, booleans, floats); an error when it has one
    /// that cannot take this property (an integer and a name).
    /// </summary>
    public static bool TryGetProperty(Renderer renderer, in Value item, in Value property, out Value value)
    {
        renderer.Step();
        value = default;
        switch (item.Kind)
        {
            case ValueKind.Map:
            case ValueKind.Object:
            case ValueKind.Loop:
                value = property.Kind == ValueKind.String ? Lookup.ByName(item, property.Text, dotted: false) : default;
                value = item.Reference is JsonElement ? renderer.Decoded(value) : value;
                return true;
            case ValueKind.List when property.Kind == ValueKind.Integer:
                value = Lookup.ByIndex(item, property);
                return true;
            case ValueKind.String:
                value = Part(renderer, item.Text, property);
                return true;
            case ValueKind.Integer when property.Kind == ValueKind.Integer:
                // Integer#[] is the bit at that position.
                value = Value.Of(property.Integer is >= 0 and < 64 ? (item.Integer >> (int)property.Integer) & 1 : 0);
                return true;
            case ValueKind.Integer:
            case ValueKind.List:
                throw renderer.Error(
                    TemplateErrors.Argument, $"The property '{ValueText.Of(property, renderer)}' cannot be read from a list of other things");
            default:
                return false;
        }
    }

    /// <summary>String#[]: the substring itself when it is contained, or one character by index.</summary>
    private static Value Part(Renderer renderer, string text, in Value property)
    {
        switch (property.Kind)
        {
            case ValueKind.String:
                renderer.Search(text.Length, property.Text.Length);
                return text.Contains(property.Text, StringComparison.Ordinal) ? property : default;
            case ValueKind.Integer:
                renderer.Work(text.Length);
                var count = Characters.Count(text);
                var at = property.Integer < 0 ? property.Integer + count : property.Integer;
                if (at < 0 || at >= count)
                {
                    return default;
                }

                var index = Characters.IndexOf(text, at);
                return Value.Of(text.Substring(index, Characters.LengthAt(text, index)));
            default:
                return Value.EmptyString;
        }
    }

    private static void Flatten(Renderer renderer, in Value list, List<Value> items, int depth)
    {
        var count = Collections.Count(list);
        renderer.ChargeItems(count);
        renderer.CheckItems(items.Count + count);
        if (depth > MaxDepth)
        {
            throw renderer.OverBudget(nameof(TemplateLimits.Nesting), MaxDepth);
        }

        var source = Collections.Indexed(list, renderer);
        for (var index = 0; index < count; index++)
        {
            var item = Collections.At(source, index);
            if (item.Kind == ValueKind.List)
            {
                Flatten(renderer, item, items, depth + 1);
            }
            else
            {
                items.Add(item);
            }
        }
    }
}
