using System.Globalization;

namespace Ekiben.Liquid.Values;

/// <summary>
/// Ruby's numbers. Liquid computes with floats as decimals of their printed form (10.1 + 2.2 is 12.3), so floats within the
/// range of <see cref="decimal"/> do too. Integers beyond 64 bits become decimals without a fraction.
/// </summary>
internal static class Numbers
{
    public const int MaxFloatLength = 32;

    // A float has at most 308 digits before its point; more would be read for nothing.
    private const int MaxParsedLength = 400;

    public static double ToDouble(in Value value) => value.Kind switch
    {
        ValueKind.Integer => value.Integer,
        ValueKind.Float => value.Float,
        ValueKind.Decimal => ToDouble(value.Decimal),
        _ => 0,
    };

    public static decimal ToDecimal(in Value value) => value.Kind switch
    {
        ValueKind.Integer => value.Integer,
        ValueKind.Decimal => value.Decimal,
        ValueKind.Float => TryToDecimal(value.Float, out var number) ? number : 0,
        _ => 0,
    };

    /// <summary>Liquid's to_number: numbers as they are, strings by their leading digits, all else zero.</summary>
    public static Value From(in Value value) => value.Kind switch
    {
        ValueKind.Integer or ValueKind.Float or ValueKind.Decimal => value,
        ValueKind.String => Parse(value.Text),
        _ => Value.Of(0),
    };

    /// <summary>The decimal with the digits that the float prints; false for NaN, infinities and large or tiny magnitudes.</summary>
    public static bool TryToDecimal(double value, out decimal number)
    {
        number = 0;
        var magnitude = Math.Abs(value);
        if (double.IsNaN(value) || magnitude >= 1e27 || (magnitude != 0 && magnitude < 1e-20))
        {
            return false;
        }

        Span<char> digits = stackalloc char[MaxFloatLength];
        return value.TryFormat(digits, out var length, "R", CultureInfo.InvariantCulture)
            && decimal.TryParse(digits[..length], NumberStyles.Float, CultureInfo.InvariantCulture, out number);
    }

    public static Value Parse(string text)
    {
        var span = text.AsSpan(0, Math.Min(text.Length, MaxParsedLength)).Trim();
        var sign = span.Length > 0 && span[0] is '-' or '+' ? 1 : 0;
        var digits = sign;
        while (digits < span.Length && char.IsAsciiDigit(span[digits]))
        {
            digits++;
        }

        var end = digits;
        if (digits > sign && digits + 1 < span.Length && span[digits] == '.')
        {
            end++;
            while (end < span.Length && char.IsAsciiDigit(span[end]))
            {
                end++;
            }

            if (end == span.Length && end > digits + 1 && span[0] != '+')
            {
                return decimal.TryParse(span, NumberStyles.Float, CultureInfo.InvariantCulture, out var fraction)
                    ? Value.Of(ToDouble(fraction))
                    : Value.Of(double.Parse(span, NumberStyles.Float, CultureInfo.InvariantCulture));
            }
        }

        return digits == sign ? Value.Of(0) : ParseInteger(span[..digits]);
    }

    public static Value ParseInteger(ReadOnlySpan<char> digits)
    {
        if (long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
        {
            return Value.Of(number);
        }

        return decimal.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var big)
            ? Value.Of(big)
            : Value.Of(double.Parse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture));
    }

    /// <summary>A strict integer as loops and slices need it: null unless the value is, or spells, a 64-bit integer.</summary>
    public static long? ToInteger(in Value value)
    {
        if (value.Kind == ValueKind.Integer)
        {
            return value.Integer;
        }

        return value.Kind == ValueKind.String && value.Text.Length < MaxParsedLength
            && long.TryParse(value.Text.AsSpan().Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
    }

    /// <summary>Ruby's to_i: floats lose their fraction, strings give their leading digits, all else is zero.</summary>
    public static long Truncate(in Value value)
    {
        var number = From(value);
        return number.Kind switch
        {
            ValueKind.Integer => number.Integer,
            ValueKind.Float => double.IsNaN(number.Float) ? 0 : (long)number.Float,
            _ => decimal.Truncate(number.Decimal) is var whole && whole is >= long.MinValue and <= long.MaxValue ? (long)whole : 0,
        };
    }

    /// <summary>The float nearest to a decimal; the framework's cast is off by one unit at times.</summary>
    public static double ToDouble(decimal number)
    {
        Span<char> digits = stackalloc char[MaxFloatLength];
        return number.TryFormat(digits, out var length, default, CultureInfo.InvariantCulture)
            ? double.Parse(digits[..length], NumberStyles.Float, CultureInfo.InvariantCulture)
            : (double)number;
    }

    /// <summary>Prints a float as Ruby does: 1.0, 0.0001, 1.0e-05, 1.0e+16.</summary>
    public static int Format(double value, Span<char> target)
    {
        if (!double.IsFinite(value))
        {
            var word = double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
            word.CopyTo(target);
            return word.Length;
        }

        Span<char> shortest = stackalloc char[MaxFloatLength];
        Span<char> digits = stackalloc char[MaxFloatLength];
        value.TryFormat(shortest, out var length, "R", CultureInfo.InvariantCulture);
        var (count, exponent) = Digits(shortest[..length], digits);
        var at = 0;
        if (double.IsNegative(value))
        {
            target[at++] = '-';
        }

        // Ruby writes exponents below -4 and from 16 on.
        return exponent is < -4 or >= 16
            ? FormatScientific(digits[..count], exponent, target, at)
            : FormatFixed(digits[..count], exponent, target, at);
    }

    /// <summary>The significant digits of a printed float, and the power of ten of the first.</summary>
    private static (int Count, int Exponent) Digits(ReadOnlySpan<char> printed, Span<char> digits)
    {
        var exponentAt = printed.IndexOf('E');
        var mantissa = exponentAt < 0 ? printed : printed[..exponentAt];
        var exponent = exponentAt < 0 ? 0 : int.Parse(printed[(exponentAt + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var (count, whole, isFraction) = (0, 0, false);
        foreach (var character in mantissa)
        {
            isFraction |= character == '.';
            if (!char.IsAsciiDigit(character))
            {
                continue;
            }

            if (character == '0' && count == 0)
            {
                // A zero in front: after the point it lowers the exponent.
                whole -= isFraction ? 1 : 0;
                continue;
            }

            digits[count++] = character;
            whole += isFraction ? 0 : 1;
        }

        while (count > 1 && digits[count - 1] == '0')
        {
            count--;
        }

        if (count == 0)
        {
            digits[0] = '0';
            return (1, 0);
        }

        return (count, exponent + whole - 1);
    }

    private static int FormatFixed(ReadOnlySpan<char> digits, int exponent, Span<char> target, int at)
    {
        for (var place = Math.Max(exponent, 0); place >= Math.Min(exponent - digits.Length + 1, -1); place--)
        {
            if (place == -1)
            {
                target[at++] = '.';
            }

            var index = exponent - place;
            target[at++] = index >= 0 && index < digits.Length ? digits[index] : '0';
        }

        return at;
    }

    private static int FormatScientific(ReadOnlySpan<char> digits, int exponent, Span<char> target, int at)
    {
        target[at++] = digits[0];
        target[at++] = '.';
        var fraction = digits.Length > 1 ? digits[1..] : "0";
        fraction.CopyTo(target[at..]);
        at += fraction.Length;
        target[at++] = 'e';
        target[at++] = exponent < 0 ? '-' : '+';
        Math.Abs(exponent).TryFormat(target[at..], out var length, "00", CultureInfo.InvariantCulture);
        return at + length;
    }
}
