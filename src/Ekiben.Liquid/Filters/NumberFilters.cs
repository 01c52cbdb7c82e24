using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Filters;

/// <summary>Ruby's arithmetic: integers divide downwards, floats compute as decimals, results beyond decimal are an error.</summary>
internal static class NumberFilters
{
    private const int MaxDigits = 28;

    public static Value Abs(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var number = Numbers.From(input);
        return number.Kind switch
        {
            ValueKind.Integer when number.Integer != long.MinValue => Value.Of(Math.Abs(number.Integer)),
            ValueKind.Float => Value.Of(Math.Abs(number.Float)),
            _ => Value.Of(Math.Abs(Numbers.ToDecimal(number))),
        };
    }

    public static Value Ceil(Renderer renderer, in Value input, in FilterArguments arguments) =>
        Whole(renderer, Numbers.From(input), static number => decimal.Ceiling(number));

    public static Value Floor(Renderer renderer, in Value input, in FilterArguments arguments) =>
        Whole(renderer, Numbers.From(input), static number => decimal.Floor(number));

    public static Value Round(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var number = Numbers.From(input);
        var digits = arguments.Count == 0 ? 0 : Math.Clamp(Numbers.Truncate(arguments.First), 1 - MaxDigits, MaxDigits);
        if (digits > 0)
        {
            return number.Kind switch
            {
                ValueKind.Integer => number,
                ValueKind.Decimal => Value.Of(decimal.Round(number.Decimal, (int)digits, MidpointRounding.AwayFromZero)),
                _ when Numbers.TryToDecimal(number.Float, out var exact) =>
                    Value.Of(Numbers.ToDouble(decimal.Round(exact, (int)digits, MidpointRounding.AwayFromZero))),
                _ => number,
            };
        }

        if (digits == 0)
        {
            return Whole(renderer, number, static value => decimal.Round(value, MidpointRounding.AwayFromZero));
        }

        var unit = (decimal)Math.Pow(10, -digits);
        return Whole(renderer, number, value => decimal.Round(value / unit, MidpointRounding.AwayFromZero) * unit);
    }

    public static Value Plus(Renderer renderer, in Value input, in FilterArguments arguments) => Compute(renderer, input, arguments.First, '+');

    public static Value Minus(Renderer renderer, in Value input, in FilterArguments arguments) => Compute(renderer, input, arguments.First, '-');

    public static Value Times(Renderer renderer, in Value input, in FilterArguments arguments) => Compute(renderer, input, arguments.First, '*');

    public static Value DividedBy(Renderer renderer, in Value input, in FilterArguments arguments) => Compute(renderer, input, arguments.First, '/');

    public static Value Modulo(Renderer renderer, in Value input, in FilterArguments arguments) => Compute(renderer, input, arguments.First, '%');

    public static Value AtLeast(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var (number, bound) = (Numbers.From(input), Numbers.From(arguments.First));
        return Comparison.Compare(renderer, bound, number) > 0 ? bound : number;
    }

    public static Value AtMost(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var (number, bound) = (Numbers.From(input), Numbers.From(arguments.First));
        return Comparison.Compare(renderer, bound, number) < 0 ? bound : number;
    }

    public static Value Compute(Renderer renderer, in Value input, in Value operand, char operation)
    {
        var (left, right) = (Numbers.From(input), Numbers.From(operand));
        if (operation is '/' or '%' && Numbers.ToDouble(right) == 0)
        {
            throw renderer.Error(TemplateErrors.DivisionByZero, "Division by zero");
        }

        if (left.Kind == ValueKind.Integer && right.Kind == ValueKind.Integer
            && TryCompute(left.Integer, right.Integer, operation, out var integer))
        {
            return Value.Of(integer);
        }

        if (left.Kind != ValueKind.Float && right.Kind != ValueKind.Float)
        {
            return Value.Of(Compute(renderer, Numbers.ToDecimal(left), Numbers.ToDecimal(right), operation));
        }

        return TryExact(left, out var exactLeft) && TryExact(right, out var exactRight)
            && TryCompute(exactLeft, exactRight, operation, out var exact)
            ? Value.Of(Numbers.ToDouble(exact))
            : Value.Of(Compute(Numbers.ToDouble(left), Numbers.ToDouble(right), operation));
    }

    private static bool TryCompute(long left, long right, char operation, out long result)
    {
        result = 0;
        if (operation is '/' or '%')
        {
            if (left == long.MinValue && right == -1)
            {
                return false;
            }

            var remainder = left % right;
            var isBelow = remainder != 0 && (remainder < 0) != (right < 0);
            result = operation == '/' ? (left / right) - (isBelow ? 1 : 0) : isBelow ? remainder + right : remainder;
            return true;
        }

        var wide = operation switch
        {
            '+' => (Int128)left + right,
            '-' => (Int128)left - right,
            _ => (Int128)left * right,
        };
        result = unchecked((long)wide);
        return result == wide;
    }

    private static decimal Compute(Renderer renderer, decimal left, decimal right, char operation) =>
        TryCompute(left, right, operation, out var result)
            ? result
            : throw renderer.Error(TemplateErrors.Argument, "The result is too large a number");

    private static bool TryCompute(decimal left, decimal right, char operation, out decimal result)
    {
        try
        {
            result = operation switch
            {
                '+' => left + right,
                '-' => left - right,
                '*' => left * right,
                '/' => left / right,
                _ => left - (right * decimal.Floor(left / right)),
            };
            return true;
        }
        catch (OverflowException)
        {
            // decimal has no test for overflow short of computing; the caller decides what it means.
            result = 0;
            return false;
        }
    }

    private static double Compute(double left, double right, char operation) => operation switch
    {
        '+' => left + right,
        '-' => left - right,
        '*' => left * right,
        '/' => left / right,
        _ => left - (right * Math.Floor(left / right)),
    };

    private static bool TryExact(in Value number, out decimal exact)
    {
        if (number.Kind == ValueKind.Float)
        {
            return Numbers.TryToDecimal(number.Float, out exact);
        }

        exact = Numbers.ToDecimal(number);
        return true;
    }

    private static Value Whole(Renderer renderer, in Value number, Func<decimal, decimal> rounding)
    {
        if (number.Kind == ValueKind.Float && !Numbers.TryToDecimal(number.Float, out _) && Math.Abs(number.Float) < 1)
        {
            return Value.Of(0);
        }

        if (!TryExact(number, out var exact))
        {
            throw renderer.Error(TemplateErrors.Argument, "The number is too large to round");
        }

        var whole = rounding(exact);
        return whole is >= long.MinValue and <= long.MaxValue ? Value.Of((long)whole) : Value.Of(whole);
    }
}
