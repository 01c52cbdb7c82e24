using System.Text;

namespace Ekiben.Storage;

/// <summary>The one spelling of names in columns, states and JSON: snake case.</summary>
internal static class Words
{
    public static string SnakeCase(string name)
    {
        var text = new StringBuilder(name.Length + 4);
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsUpper(name[i]) && i > 0)
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(name[i]));
        }

        return text.ToString();
    }

    /// <summary>The value that a word in snake case names; null and true for no word, false for one that names none.</summary>
    public static bool TryRead<T>(string? word, out T? value) where T : struct, Enum
    {
        value = string.IsNullOrEmpty(word) ? null : Enum.GetValues<T>().Where(known => SnakeCase(known.ToString()) == word).Cast<T?>().FirstOrDefault();
        return string.IsNullOrEmpty(word) || value is not null;
    }

    /// <summary>A to Z in lower case, as SQLite's and PostgreSQL's <c>lower()</c> do on our columns: tags are told apart without regard to that alone.</summary>
    public static string AsciiLower(string text) => string.Create(text.Length, text, (lower, given) =>
    {
        for (var i = 0; i < given.Length; i++)
        {
            lower[i] = char.IsAsciiLetterUpper(given[i]) ? (char)(given[i] | 0x20) : given[i];
        }
    });
}
