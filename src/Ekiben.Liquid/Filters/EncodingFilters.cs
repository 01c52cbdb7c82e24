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

        var builder = new TextBuilder(renderer);
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in ValueText.Of(input, renderer).EnumerateRunes())
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

        var text = ValueText.Of(input, renderer);
        renderer.Charge(text.Length);
        var bytes = Encoding.UTF8.GetBytes(text);
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

    public static Value Base64Encode(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        renderer.Charge(text.Length * 4L);
        return Value.Of(Convert.ToBase64String(Encoding.UTF8.GetBytes(text)));
    }

    public static Value Base64UrlSafeEncode(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        renderer.Charge(text.Length * 4L);

        // Ruby keeps the padding, which Base64Url drops.
        return Value.Of(Convert.ToBase64String(Encoding.UTF8.GetBytes(text)).Replace('+', '-').Replace('/', '_'));
    }

    public static Value Base64Decode(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        renderer.Charge(text.Length);
        var bytes = new byte[text.Length];
        return !text.Any(char.IsWhiteSpace) && Convert.TryFromBase64String(text, bytes, out var length)
            ? Decoded(renderer, bytes.AsSpan(0, length), "base64_decode")
            : throw renderer.Error(TemplateErrors.Argument, "The input of base64_decode is not Base64");
    }

    public static Value Base64UrlSafeDecode(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var text = ValueText.Of(input, renderer);
        renderer.Charge(text.Length);
        var bytes = new byte[text.Length];
        return Base64Url.IsValid(text) && !text.Any(char.IsWhiteSpace) && Base64Url.TryDecodeFromChars(text, bytes, out var length)
            ? Decoded(renderer, bytes.AsSpan(0, length), "base64_url_safe_decode")
            : throw renderer.Error(TemplateErrors.Argument, "The input of base64_url_safe_decode is not Base64");
    }

    private static Value Decoded(Renderer renderer, ReadOnlySpan<byte> bytes, string filter) =>
        System.Text.Unicode.Utf8.IsValid(bytes)
            ? Value.Of(Encoding.UTF8.GetString(bytes))
            : throw renderer.Error(TemplateErrors.Argument, $"The result of {filter} is not UTF-8");
}
