using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Filters;

/// <summary>Bento's filters that are neither Shopify's nor about dates.</summary>
internal static class BentoFilters
{
    private const int MaxPrecision = 10;

    /// <summary>
    /// <c>3 | pluralize: "item"</c> is "3 items"; a second argument is an irregular plural. A word on the left is put into the plural
    /// itself, unless its count, the argument, is one.
    /// </summary>
    public static Value Pluralize(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        if (input.Kind == ValueKind.String && !input.Text.Any(char.IsAsciiDigit))
        {
            var word = new TextBuilder(renderer);
            if (arguments.Count > 0 && Numbers.ToDouble(Numbers.From(arguments.First)) == 1)
            {
                word.Append(input.Text);
            }
            else
            {
                AppendPlural(ref word, input.Text);
            }

            return word.FinishValue();
        }

        if (arguments.Count == 0)
        {
            throw renderer.Error(TemplateErrors.Argument, "The filter pluralize needs a word");
        }

        var number = Numbers.From(input);
        var singular = ValueText.Of(arguments.First, renderer);
        var builder = new TextBuilder(renderer);
        ValueText.Append(ref builder, number, renderer);
        builder.Append(' ');
        if (Numbers.ToDouble(number) == 1)
        {
            builder.Append(singular);
        }
        else if (arguments.Count > 1)
        {
            builder.Append(ValueText.Of(arguments.Second, renderer));
        }
        else
        {
            AppendPlural(ref builder, singular);
        }

        return builder.FinishValue();
    }

    /// <summary><c>1234.5 | money</c> is "$1,234.50". Arguments: the unit, then the digits after the point.</summary>
    public static Value Money(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        if (input.IsNil)
        {
            return input;
        }

        var unit = arguments.Count > 0 ? ValueText.Of(arguments.First, renderer) : "$";
        var precision = (int)(arguments.Count > 1 ? Math.Clamp(Numbers.Truncate(arguments.Second), 0, MaxPrecision) : 2);
        var number = Numbers.From(input);
        if (number.Kind == ValueKind.Float && !Numbers.TryToDecimal(number.Float, out _) && !(Math.Abs(number.Float) < 1))
        {
            throw renderer.Error(TemplateErrors.Argument, "The number is too large for money");
        }

        var amount = decimal.Round(Numbers.ToDecimal(number), precision, MidpointRounding.AwayFromZero);
        var sign = amount < 0 ? "-" : "";
        var format = "N" + precision.ToString(CultureInfo.InvariantCulture);
        return renderer.Created(sign + unit + Math.Abs(amount).ToString(format, CultureInfo.InvariantCulture));
    }

    // Both digests are Bento's names for ids in URLs (Gravatar, say), not protection.
#pragma warning disable CA5350, CA5351
    public static Value Md5(Renderer renderer, in Value input, in FilterArguments arguments) => Digest(renderer, input, MD5.HashData);

    public static Value Sha1(Renderer renderer, in Value input, in FilterArguments arguments) => Digest(renderer, input, SHA1.HashData);
#pragma warning restore CA5350, CA5351

    /// <summary>One element of the list. Equal seeds draw equal elements, so a preview shows what will be sent.</summary>
    public static Value Lottery(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        using var items = Items.Of(renderer, input);
        return items.List.Count == 0 ? default : items.List[(int)(renderer.NextRandom() % (ulong)items.List.Count)];
    }

    public static Value ToInteger(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var number = Numbers.From(input);
        return number.Kind == ValueKind.Decimal ? Value.Of(decimal.Truncate(number.Decimal)) : Value.Of(Numbers.Truncate(number));
    }

    private static Value Digest(Renderer renderer, in Value input, Func<byte[], byte[]> hash)
    {
        var text = ValueText.Of(input, renderer);
        renderer.Charge(text.Length);
        return renderer.Created(Convert.ToHexStringLower(hash(Encoding.UTF8.GetBytes(text))));
    }

    private static void AppendPlural(ref TextBuilder builder, string singular)
    {
        // The regular English plural: city, cities; box, boxes; day, days.
        var endsInConsonantY = singular.Length > 1 && singular[^1] == 'y' && !"aeiou".Contains(singular[^2], StringComparison.Ordinal);
        if (endsInConsonantY)
        {
            builder.Append(singular.AsSpan(0, singular.Length - 1));
            builder.Append("ies");
            return;
        }

        builder.Append(singular);
        var takesEs = singular.EndsWith('s') || singular.EndsWith('x') || singular.EndsWith('z')
            || singular.EndsWith("ch", StringComparison.Ordinal) || singular.EndsWith("sh", StringComparison.Ordinal);
        builder.Append(takesEs ? "es" : "s");
    }
}
