using System.Text;

namespace Ekiben.Fields;

/// <summary>What a field may be called by programs, and how it reads for people.</summary>
internal static class FieldName
{
    public const int MaxKeyLength = 255;

    /// <summary>One sentence, or null when the key is good.</summary>
    public static string? Fault(string? key)
    {
        if (string.IsNullOrWhiteSpace(key))
        {
            return "A field needs a key.";
        }

        if (key.Length > MaxKeyLength)
        {
            return $"A field's key has at most {MaxKeyLength} characters.";
        }

        return key.Any(char.IsControl) ? "A field's key has no control characters." : null;
    }

    /// <summary><c>favouriteColour</c>, <c>favourite-colour</c> and <c>favourite_colour</c> all read "Favourite Colour".</summary>
    public static string Of(string key)
    {
        var name = new StringBuilder(key.Length + 4);
        var start = true;
        for (var i = 0; i < key.Length; i++)
        {
            var letter = key[i];
            if (letter is '_' or '-' or ' ' or '.')
            {
                start = true;
                continue;
            }

            // A capital after a small letter begins a word; within capitals (URL) it does not.
            start |= char.IsUpper(letter) && i > 0 && !char.IsUpper(key[i - 1]);
            if (start && name.Length > 0)
            {
                name.Append(' ');
            }

            name.Append(start ? char.ToUpperInvariant(letter) : letter);
            start = false;
        }

        return name.Length == 0 ? key : name.ToString();
    }
}
