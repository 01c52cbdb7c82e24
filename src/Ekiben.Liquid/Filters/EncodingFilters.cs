using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Filters;

/// <summary>Percent-encoding as Ruby's CGI does it, and Base64 in both alphabets.</summary>
internal static class EncodingFilters
{
    public static Value UrlEncode(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        if (input.IsNil)
        {
            return input;
        }

        var text = ValueText.Of(input, renderer);
        renderer.Work(text.Length);
        var builder = new TextBuilder(renderer);
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.IsAscii && (char.IsAsciiLetterOrDigit((char)rune.Value) || (char)rune.Value is '_' or '.' or '-' or '~'))
            {
                builder.Append((char)rune.Value);
                continue;
            }

            if (rune.Value == ' ')
            {
                builder.Append('+');
                continue;
            }

            foreach (var part in bytes[..rune.EncodeToUtf8(bytes)])
            {
                builder.Append('%');
                builder.Append(part.ToString("X2", CultureInfo.InvariantCulture));
            }
        }

        return builder.FinishValue();
    }

    public static Value UrlDecode(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        if (input.IsNil)
        {
            return input;
        }

        var bytes = Utf8(renderer, ValueText.Of(input, renderer));
        var length = 0;
        for (var index = 0; index < bytes.Length; index++)
        {
            var isEscape = bytes[index] == '%' && index + 2 < bytes.Length
                && char.IsAsciiHexDigit((char)bytes[index + 1]) && char.IsAsciiHexDigit((char)bytes[index + 2]);
            bytes[length++] = isEscape ? byte.Parse(bytes.AsSpan(index + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
                : bytes[index] == '+' ? (byte)' ' : bytes[index];
            index += isEscape ? 2 : 0;
        }

        return Decoded(renderer, bytes.AsSpan(0, length), "url_decode");
    }

    public static Value Base64Encode(Renderer renderer, in Value input, in FilterArguments arguments) => Base64(renderer, input, urlSafe: false);

    public static Value Base64UrlSafeEncode(Renderer renderer, in Value input, in FilterArguments arguments) => Base64(renderer, input, urlSafe: true);

    public static Value Base64Decode(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        renderer.Book(text.Length);
        var bytes = new byte[text.Length];
        return !text.Any(char.IsWhiteSpace) && Convert.TryFromBase64String(text, bytes, out var length)
            ? Decoded(renderer, bytes.AsSpan(0, length), "base64_decode")
            : throw renderer.Error(TemplateErrors.Argument, "The input of base64_decode is not Base64");
    }

    public static Value Base64UrlSafeDecode(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        renderer.Book(text.Length);
        var bytes = new byte[text.Length];
        return Base64Url.IsValid(text) && !text.Any(char.IsWhiteSpace) && Base64Url.TryDecodeFromChars(text, bytes, out var length)
            ? Decoded(renderer, bytes.AsSpan(0, length), "base64_url_safe_decode")
            : throw renderer.Error(TemplateErrors.Argument, "The input of base64_url_safe_decode is not Base64");
    }

    private static Value Base64(Renderer renderer, in Value input, bool urlSafe)
    {
        var bytes = Utf8(renderer, ValueText.Of(input, renderer));
        var length = (bytes.Length + 2) / 3 * 4;
        renderer.Charge(length);
        return Value.Of(string.Create(length, (bytes, urlSafe), static (target, state) =>
        {
            Convert.TryToBase64Chars(state.bytes, target, out _);
            if (state.urlSafe)
            {
                // Ruby keeps the padding, which Base64Url drops.
                target.Replace('+', '-');
                target.Replace('/', '_');
            }
        }));
    }

    /// <summary>The text's octets, booked before they are made.</summary>
    private static byte[] Utf8(Renderer renderer, string text)
    {
        renderer.Work(text.Length);
        renderer.Book(Encoding.UTF8.GetByteCount(text));
        return Encoding.UTF8.GetBytes(text);
    }

    private static Value Decoded(Renderer renderer, ReadOnlySpan<byte> bytes, string filter)
    {
        if (!System.Text.Unicode.Utf8.IsValid(bytes))
        {
            throw renderer.Error(TemplateErrors.Argument, $"The result of {filter} is not UTF-8");
        }

        renderer.Charge(Encoding.UTF8.GetCharCount(bytes));
        return Value.Of(Encoding.UTF8.GetString(bytes));
    }
}
