using System.Collections;
using System.Globalization;
using System.Text.Json;

namespace Ekiben.Liquid.Values;

internal enum ValueKind : byte
{
    Nil,
    Bool,
    Integer,
    Float,
    Decimal,
    String,
    List,
    Map,
    Range,
    Blank,
    Empty,
    Time,
    Day,
    Loop,
    Object,
}

/// <summary>What a string is already safe for: nothing, HTML, or everything because its author said so with <c>raw</c>.</summary>
internal enum Safety : byte
{
    None,
    Html,
    Raw,
}

internal sealed record LongRange(long First, long Last)
{
    public long Count => Last < First ? 0 : Last - First + 1 is var count && count > 0 ? count : long.MaxValue;
}

/// <summary>A Liquid value. Host values are wrapped, not copied; JSON is read as far as it is looked at.</summary>
internal readonly struct Value
{
    public static readonly Value[] NoItems = [];

    private readonly object? _reference;
    private readonly long _bits;
    private readonly short _offsetMinutes;

    private Value(ValueKind kind, object? reference = null, long bits = 0, Safety safety = Safety.None, short offsetMinutes = 0)
    {
        Kind = kind;
        _reference = reference;
        _bits = bits;
        Safety = safety;
        _offsetMinutes = offsetMinutes;
    }

    public static Value Nil => default;

    public static Value True => new(ValueKind.Bool, null, 1);

    public static Value False => new(ValueKind.Bool);

    public static Value Blank => new(ValueKind.Blank);

    public static Value Empty => new(ValueKind.Empty);

    public static Value EmptyString => new(ValueKind.String, "");

    public ValueKind Kind { get; }

    public Safety Safety { get; }

    public bool IsNil => Kind == ValueKind.Nil;

    public bool IsTruthy => Kind != ValueKind.Nil && (Kind != ValueKind.Bool || _bits != 0);

    public long Integer => _bits;

    public bool Bool => _bits != 0;

    public double Float => BitConverter.Int64BitsToDouble(_bits);

    public decimal Decimal => (decimal)_reference!;

    public string Text => (string)_reference!;

    public LongRange Range => (LongRange)_reference!;

    public object Reference => _reference!;

    public DateTimeOffset Time => new DateTimeOffset(_bits, TimeSpan.Zero).ToOffset(TimeSpan.FromMinutes(_offsetMinutes));

    public static Value Of(bool value) => value ? True : False;

    public static Value Of(long value) => new(ValueKind.Integer, null, value);

    public static Value Of(double value) => new(ValueKind.Float, null, BitConverter.DoubleToInt64Bits(value));

    public static Value Of(decimal value) => new(ValueKind.Decimal, value);

    public static Value Of(string value, Safety safety = Safety.None) => new(ValueKind.String, value, 0, safety);

    public static Value Of(Value[] items) => new(ValueKind.List, items);

    public static Value Of(LongRange range) => new(ValueKind.Range, range);

    public static Value OfMap(object map) => new(ValueKind.Map, map);

    public static Value OfLoop(object loop) => new(ValueKind.Loop, loop);

    public static Value Of(DateTimeOffset value) => new(ValueKind.Time, null, value.UtcTicks, Safety.None, (short)value.Offset.TotalMinutes);

    public static Value Of(DateOnly value) => new(ValueKind.Day, null, value.ToDateTime(TimeOnly.MinValue).Ticks);

    /// <summary>Wraps a host value. Strings come first: nearly all look-ups end there.</summary>
    public static Value From(object? value) => value switch
    {
        string text => new(ValueKind.String, text),
        null => default,
        bool flag => Of(flag),
        int number => Of(number),
        long number => Of(number),
        decimal => new(ValueKind.Decimal, value),
        double number => Of(number),
        JsonElement json => FromJson(json, value),
        DateTimeOffset time => Of(time),
        DateOnly day => Of(day),
        DateTime time => Of(new DateTimeOffset(time.Kind == DateTimeKind.Unspecified ? DateTime.SpecifyKind(time, DateTimeKind.Utc) : time)),
        ITemplateObject => new(ValueKind.Object, value),
        Value[] => new(ValueKind.List, value),
        IReadOnlyDictionary<string, object?> or IDictionary => new(ValueKind.Map, value),
        IReadOnlyList<object?> or IList => new(ValueKind.List, value),
        short or ushort or byte or sbyte or uint => Of(Convert.ToInt64(value, CultureInfo.InvariantCulture)),
        ulong number => number <= long.MaxValue ? Of((long)number) : Of((decimal)number),
        float number => Of((double)number),
        _ => throw new ArgumentException($"A {value.GetType().Name} is not a plain template value", nameof(value)),
    };

    /// <summary>Wraps JSON; only what stays JSON, lists and maps, is boxed.</summary>
    public static Value From(JsonElement json) => FromJson(json, null);

    public Value WithSafety(Safety safety) => new(Kind, _reference, _bits, safety, _offsetMinutes);

    private static Value FromJson(JsonElement json, object? boxed)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.String:
                return Of(JsonText.Of(json));
            case JsonValueKind.True:
                return True;
            case JsonValueKind.False:
                return False;
            case JsonValueKind.Number:
                if (json.TryGetInt64(out var number))
                {
                    return Of(number);
                }

                var text = json.GetRawText();
                return text.AsSpan().IndexOfAny('.', 'e', 'E') < 0 && json.TryGetDecimal(out var big) ? Of(big) : Of(json.GetDouble());
            case JsonValueKind.Array:
                return new(ValueKind.List, boxed ?? json);
            case JsonValueKind.Object:
                return new(ValueKind.Map, boxed ?? json);
            default:
                return Nil;
        }
    }
}
