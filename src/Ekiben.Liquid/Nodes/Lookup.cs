using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Nodes;

/// <summary>What <c>value.name</c> and <c>value[index]</c> mean for each kind of value.</summary>
internal static class Lookup
{
    public static Value ByName(in Value value, string name, bool dotted)
    {
        switch (value.Kind)
        {
            case ValueKind.Map:
                if (Collections.TryGet(value, name, out var member))
                {
                    return member;
                }

                break;
            case ValueKind.Object:
                return ((ITemplateObject)value.Reference).TryGet(name, out var found) ? Value.From(found) : default;
            case ValueKind.Loop:
                return ((ForLoop)value.Reference).Get(name);
        }

        // size, first and last are methods in Ruby: only after a dot, and a key of that name wins.
        return dotted
            ? name switch
            {
                "size" => Size(value),
                "first" => First(value),
                "last" => Last(value),
                _ => default,
            }
            : default;
    }

    public static Value ByIndex(in Value value, in Value index)
    {
        if (index.Kind == ValueKind.String)
        {
            return ByName(value, index.Text, dotted: false);
        }

        if (value.Kind != ValueKind.List || index.Kind != ValueKind.Integer)
        {
            return default;
        }

        var count = Collections.Count(value);
        var at = index.Integer < 0 ? index.Integer + count : index.Integer;
        return at >= 0 && at < count ? Collections.At(value, (int)at) : default;
    }

    public static Value Size(in Value value) => value.Kind switch
    {
        ValueKind.String => Value.Of(Characters.Count(value.Text)),
        ValueKind.List => Value.Of(Collections.Count(value)),
        ValueKind.Map => Value.Of(Collections.MapCount(value)),
        ValueKind.Range => Value.Of(value.Range.Count),

        // Integer#size: the bytes of a machine word.
        ValueKind.Integer => Value.Of(sizeof(long)),
        _ => default,
    };

    public static Value First(in Value value) => value.Kind switch
    {
        ValueKind.List when Collections.Count(value) > 0 => Collections.At(value, 0),
        ValueKind.Map when Collections.MapCount(value) > 0 => Collections.FirstPair(value),
        ValueKind.Range => Value.Of(value.Range.First),
        _ => default,
    };

    public static Value Last(in Value value) => value.Kind switch
    {
        ValueKind.List when Collections.Count(value) is var count and > 0 => Collections.At(value, count - 1),
        ValueKind.Range => Value.Of(value.Range.Last),
        _ => default,
    };
}
