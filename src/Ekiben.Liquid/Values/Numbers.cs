using System.Globalization;
using System.Text;

namespace Ekiben.Liquid.Values;

/// <summary>
/// Ruby's numbers. Liquid computes with floats as decimals of their printed form (10.1 + 2.2 is 12.3), so floats within the
/// range of <see cref="decimal"/> do too. Integers beyond 64 bits become decimals without a fraction.
/// </summary>
internal static class Numbers
{
    public const int MaxFloatLength = 32;

    public static double ToDouble(in Value value) => value.Kind switch
    {
        ValueKind.Integer => value.Integer,
        ValueKind.Float => value.Float,
        ValueKind.Decimal => (double)value.Decimal,
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
        var span = text.AsSpan().Trim();
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
                    ? Value.Of((double)fraction)
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

        return value.Kind == ValueKind.String
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

    /// <summary>Prints a float as Ruby does: 1.0, 0.0001, 1.0e-05, 1.0e+16.</summary>
    public static int Format(double value, Span<char> target)
    {
        if (double.IsNaN(value) || double.IsInfinity(value))
        {
            var word = double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
            word.CopyTo(target);
            return word.Length;
        }

        Span<char> scientific = stackalloc char[MaxFloatLength];
        value.TryFormat(scientific, out var length, "R", CultureInfo.InvariantCulture);
        var magnitude = Math.Abs(value);
        if (magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16))
        {
            return FormatFixed(value, scientific[..length], target);
        }

        return FormatScientific(scientific[..length], target);
    }

    private static int FormatFixed(double value, ReadOnlySpan<char> shortest, Span<char> target)
    {
        int length;
        if (shortest.Contains('E'))
        {
            // .NET switches to exponents at 1E+15 and 1E-05; the decimal form has the same digits.
            TryToDecimal(value, out var number);
            number.TryFormat(target, out length, "0.#####################", CultureInfo.InvariantCulture);
        }
        else
        {
            shortest.CopyTo(target);
            length = shortest.Length;
        }

        if (!target[..length].Contains('.'))
        {
            ".0".CopyTo(target[length..]);
            length += 2;
        }

        return length;
    }

    private static int FormatScientific(ReadOnlySpan<char> shortest, Span<char> target)
    {
        // The shortest form is [-]d[.ddd]E±dd here, because the magnitude is outside 1e-4..1e16.
        var exponentAt = shortest.IndexOf('E');
        var mantissa = exponentAt < 0 ? shortest : shortest[..exponentAt];
        var builder = new StringBuilder(MaxFloatLength);
        builder.Append(mantissa);
        if (!mantissa.Contains('.'))
        {
            builder.Append(".0");
        }

        var exponent = exponentAt < 0 ? 0 : int.Parse(shortest[(exponentAt + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        builder.Append('e').Append(exponent < 0 ? '-' : '+').Append(Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture));
        builder.CopyTo(0, target, builder.Length);
        return builder.Length;
    }
}
