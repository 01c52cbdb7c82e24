using System.Collections;
using System.Text.Json;
using Ekiben.Liquid.Rendering;

namespace Ekiben.Liquid.Values;

/// <summary>Reads lists and maps whichever host type stands behind them.</summary>
internal static class Collections
{
    // A pair's list with its two values takes the room of three items.
    private const long ItemsAPair = 3;

    public static int Count(in Value list) => list.Reference switch
    {
        Value[] items => items.Length,
        IReadOnlyList<object?> items => items.Count,
        JsonElement json => json.GetArrayLength(),
        IList items => items.Count,
        _ => 0,
    };

    /// <summary>One item. Walks over many take <see cref="Indexed"/> first: JSON is searched from its start.</summary>
    public static Value At(in Value list, int index) => list.Reference switch
    {
        Value[] items => items[index],
        IReadOnlyList<object?> items => Value.From(items[index]),
        JsonElement json => Value.From(json[index]),
        IList items => Value.From(items[index]),
        _ => default,
    };

    /// <summary>The list in a form whose items are found at once: JSON is read in full and booked, all else is as it was.</summary>
    public static Value Indexed(in Value list, Renderer renderer)
    {
        if (list.Reference is not JsonElement json)
        {
            return list;
        }

        var count = json.GetArrayLength();
        renderer.ChargeItems(count);
        var items = new Value[count];
        var index = 0;
        foreach (var item in json.EnumerateArray())
        {
            items[index++] = renderer.Decoded(Value.From(item));
        }

        return Value.Of(items);
    }

    /// <summary>The first [name, value] pair of a map that has one.</summary>
    public static Value FirstPair(in Value map)
    {
        switch (map.Reference)
        {
            case IReadOnlyDictionary<string, object?> items:
                var first = items.First();
                return Pair(first.Key, Value.From(first.Value));
            case JsonElement json:
                var property = json.EnumerateObject().First();
                return Pair(JsonText.NameOf(property), Value.From(property.Value));
            default:
                var entry = ((IDictionary)map.Reference).Cast<DictionaryEntry>().First();
                return Pair((string)entry.Key, Value.From(entry.Value));
        }
    }

    public static int MapCount(in Value map) => map.Reference switch
    {
        IReadOnlyDictionary<string, object?> items => items.Count,
        IDictionary items => items.Count,
        JsonElement json => json.GetPropertyCount(),
        _ => 0,
    };

    public static bool TryGet(in Value map, string name, out Value value)
    {
        switch (map.Reference)
        {
            case IReadOnlyDictionary<string, object?> items:
                var found = items.TryGetValue(name, out var item);
                value = found ? Value.From(item) : default;
                return found;
            case JsonElement json:
                found = JsonText.TryGet(json, name, out var property);
                value = found ? Value.From(property) : default;
                return found;
            case IDictionary items:
                found = items.Contains(name);
                value = found ? Value.From(items[name]) : default;
                return found;
            default:
                value = default;
                return false;
        }
    }

    /// <summary>The map as a list of [name, value] pairs in its own order, booked: each pair is a list of its own.</summary>
    public static Value[] Pairs(in Value map, Renderer renderer)
    {
        var count = MapCount(map);
        renderer.CheckItems(count);
        renderer.BookItems(count * ItemsAPair);
        var pairs = new Value[count];
        var index = 0;
        switch (map.Reference)
        {
            case IReadOnlyDictionary<string, object?> items:
                foreach (var (name, item) in items)
                {
                    pairs[index++] = Pair(name, Value.From(item));
                }

                break;
            case JsonElement json:
                foreach (var property in json.EnumerateObject())
                {
                    pairs[index++] = Pair(JsonText.NameOf(property), renderer.Decoded(Value.From(property.Value)));
                }

                break;
            case IDictionary items:
                foreach (DictionaryEntry entry in items)
                {
                    pairs[index++] = Pair((string)entry.Key, Value.From(entry.Value));
                }

                break;
        }

        return pairs;
    }

    private static Value Pair(string name, in Value value) => Value.Of([Value.Of(name), value]);
}
