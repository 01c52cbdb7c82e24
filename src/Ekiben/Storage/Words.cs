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
}
