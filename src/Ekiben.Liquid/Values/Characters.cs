namespace Ekiben.Liquid.Values;

/// <summary>Strings counted and cut by code point, as Ruby does: an emoji is one character and is never cut in two.</summary>
internal static class Characters
{
    public static int Count(string text)
    {
        if (!HasSurrogates(text))
        {
            return text.Length;
        }

        var count = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            count++;
        }

        return count;
    }

    /// <summary>The UTF-16 index of the code point number <paramref name="position"/>, at most the text's length.</summary>
    public static int IndexOf(string text, long position)
    {
        if (!HasSurrogates(text))
        {
            return (int)Math.Min(position, text.Length);
        }

        var index = 0;
        for (; position > 0 && index < text.Length; position--)
        {
            index += LengthAt(text, index);
        }

        return index;
    }

    /// <summary>The UTF-16 units of the code point at <paramref name="index"/>.</summary>
    public static int LengthAt(string text, int index) =>
        char.IsHighSurrogate(text[index]) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]) ? 2 : 1;

    /// <summary>Ruby's whitespace: ASCII blanks and, for strip, NUL.</summary>
    public static bool IsSpace(char character) => character is ' ' or (>= '\t' and <= '\r');

    private static bool HasSurrogates(string text) => text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') >= 0;
}
