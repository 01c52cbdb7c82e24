using System.Buffers;
using System.Text;

namespace Ekiben.Mail.Markup;

/// <summary>Writes a value so that it stays a value in its place: it can't end the text, attribute, URL, rule or string it stands in.</summary>
internal static class PlaceEscaper
{
    private static readonly SearchValues<char> HtmlSpecial = SearchValues.Create("&<>\"'\0\uFDD0\uFDD1\uFDD2");
    private static readonly SearchValues<char> TextSpecial = SearchValues.Create([.. Enumerable.Range(0, 32).Select(c => (char)c).Except(['\t', '\n']), '\x7f', '\uFDD0', '\uFDD1', '\uFDD2']);
    private static readonly SearchValues<char> Unreserved = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
    // RFC 3986 reserved characters that can't end an attribute, a CSS url() or the URL's HTML.
    private static readonly SearchValues<char> UrlPlain = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$*+,;=");
    private static readonly SearchValues<char> NamePlain = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_. ");
    private static readonly SearchValues<char> CssPlain = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789#%.,-_ ");
    private static readonly string[] Schemes = ["http", "https", "mailto", "tel", "sms", "webcal", "cid"];

    public static void Write(int place, ReadOnlySpan<char> value, IBufferWriter<byte> output)
    {
        var unquoted = (place & Place.Unquoted) != 0;
        switch (place & ~Place.Unquoted)
        {
            case Place.Html: Html(value, output); break;
            case Place.Attribute when unquoted: Entities(value, output); break;
            case Place.Attribute: Html(value, output); break;
            case Place.UrlStart or Place.CssUrl: Url(HasSafeScheme(value) ? value : "#", UrlPlain, output); break;
            case Place.UrlPath: Url(value, UrlPlain, output); break;
            case Place.UrlQuery: Url(value, Unreserved, output); break;
            case Place.Css: Only(value, CssPlain, output, unquoted); break;
            case Place.Script: Script(value, output); break;
            case Place.PlainText: PlainText(value, output); break;
            case Place.Header: Utf8(value, output); break;
            default: Only(value, NamePlain, output, unquoted); break;
        }
    }

    private static void Html(ReadOnlySpan<char> value, IBufferWriter<byte> output)
    {
        while (value.Length > 0)
        {
            var run = value.IndexOfAny(HtmlSpecial);
            if (run < 0) run = value.Length;
            Utf8(value[..run], output);
            if (run == value.Length) return;
            output.Write(value[run] switch
            {
                '&' => "&amp;"u8,
                '<' => "&lt;"u8,
                '>' => "&gt;"u8,
                '"' => "&quot;"u8,
                '\'' => "&#39;"u8,
                _ => "\uFFFD"u8,
            });
            value = value[(run + 1)..];
        }
    }

    private static void PlainText(ReadOnlySpan<char> value, IBufferWriter<byte> output)
    {
        while (value.Length > 0)
        {
            var run = value.IndexOfAny(TextSpecial);
            if (run < 0) run = value.Length;
            Utf8(value[..run], output);
            if (run == value.Length) return;
            // CR LF is one break; other controls have no business in text.
            if (value[run] == '\r' && !(run + 1 < value.Length && value[run + 1] == '\n')) output.Write("\n"u8);
            value = value[(run + 1)..];
        }
    }

    /// <summary>Everything but letters and digits as character references: blanks would end the value.</summary>
    private static void Entities(ReadOnlySpan<char> value, IBufferWriter<byte> output)
    {
        Span<byte> reference = stackalloc byte[12];
        foreach (var rune in value.EnumerateRunes())
        {
            if (rune.IsAscii && char.IsAsciiLetterOrDigit((char)rune.Value))
            {
                output.Write([(byte)rune.Value]);
                continue;
            }
            "&#"u8.CopyTo(reference);
            System.Buffers.Text.Utf8Formatter.TryFormat(rune.Value is 0 or (>= 0xFDD0 and <= 0xFDD2) ? 0xFFFD : rune.Value, reference[2..], out var digits);
            reference[2 + digits] = (byte)';';
            output.Write(reference[..(digits + 3)]);
        }
    }

    /// <summary>
    /// Percent-encodes what may not stand there. A %XX that is there already stays (the value was encoded by its maker); the ampersand
    /// is written for HTML, in which every URL of a message stands.
    /// </summary>
    private static void Url(ReadOnlySpan<char> value, SearchValues<char> plain, IBufferWriter<byte> output)
    {
        if (ReferenceEquals(plain, UrlPlain)) value = value.Trim();
        Span<byte> utf8 = stackalloc byte[4];
        while (value.Length > 0)
        {
            var run = value.IndexOfAnyExcept(plain);
            if (run < 0) run = value.Length;
            Utf8(value[..run], output);
            if (run == value.Length) return;
            value = value[run..];
            if (value.Length >= 3 && value[0] == '%' && char.IsAsciiHexDigit(value[1]) && char.IsAsciiHexDigit(value[2]))
            {
                Utf8(value[..3], output);
                value = value[3..];
                continue;
            }
            if (value[0] == '&' && ReferenceEquals(plain, UrlPlain))
            {
                // "&amp;" comes from the escape filter or from a capture: no URL means it literally.
                output.Write("&amp;"u8);
                value = value[(value.StartsWith("&amp;", StringComparison.Ordinal) ? 5 : 1)..];
                continue;
            }
            Rune.DecodeFromUtf16(value, out var rune, out var consumed);
            var length = rune.EncodeToUtf8(utf8);
            for (var i = 0; i < length; i++)
                output.Write([(byte)'%', "0123456789ABCDEF"u8[utf8[i] >> 4], "0123456789ABCDEF"u8[utf8[i] & 15]]);
            value = value[consumed..];
        }
    }

    /// <summary>A URL without a scheme, or with one that a mail may use. Browsers skip blanks and controls in a scheme, so do we.</summary>
    private static bool HasSafeScheme(ReadOnlySpan<char> value)
    {
        Span<char> scheme = stackalloc char[12];
        var length = 0;
        foreach (var c in value)
        {
            if (c <= ' ' || c == '\x7f') continue;
            if (c is '/' or '?' or '#') return true;
            if (c == ':') return IsSafe(scheme[..length]);
            if (length == scheme.Length)
                return !value.Contains(':') || value.IndexOfAny('/', '?', '#') is var end && end >= 0 && end < value.IndexOf(':');
            scheme[length++] = char.ToLowerInvariant(c);
        }
        return true;
    }

    private static bool IsSafe(ReadOnlySpan<char> scheme)
    {
        foreach (var safe in Schemes)
            if (scheme.SequenceEqual(safe)) return true;
        return false;
    }

    /// <summary>Letters of a JSON or JavaScript string; no quote, tag or entity survives.</summary>
    private static void Script(ReadOnlySpan<char> value, IBufferWriter<byte> output)
    {
        foreach (var c in value)
        {
            if (c < 0x80 && (char.IsAsciiLetterOrDigit(c) || " .,:;_-+/@!?()[]{}#*%=".Contains(c, StringComparison.Ordinal)))
                output.Write([(byte)c]);
            else
                output.Write([(byte)'\\', (byte)'u', Digit(c >> 12), Digit(c >> 8), Digit(c >> 4), Digit(c)]);
        }
    }

    private static byte Digit(int value) => "0123456789abcdef"u8[value & 15];

    private static void Only(ReadOnlySpan<char> value, SearchValues<char> plain, IBufferWriter<byte> output, bool unquoted)
    {
        foreach (var c in value)
            if (plain.Contains(c) && !(unquoted && c == ' ')) output.Write([(byte)c]);
    }

    private static void Utf8(ReadOnlySpan<char> value, IBufferWriter<byte> output)
    {
        if (value.Length == 0) return;
        var span = output.GetSpan(Encoding.UTF8.GetMaxByteCount(value.Length));
        output.Advance(Encoding.UTF8.GetBytes(value, span));
    }
}
