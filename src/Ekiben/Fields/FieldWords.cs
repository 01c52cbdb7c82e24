namespace Ekiben.Fields;

/// <summary>How a field is written in a template.</summary>
internal static class FieldWords
{
    /// <summary><c>{{ visitor.plan }}</c>, or with brackets where the key is no single word.</summary>
    public static string InTemplate(string key)
    {
        var isWord = char.IsAsciiLetter(key[0]) && key.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '_');
        return isWord ? "{{ " + Person + "." + key + " }}" : "{{ " + Person + "[\"" + key + "\"] }}";
    }

    /// <summary>The template language's word for a subscriber.</summary>
    private const string Person = Mail.MessageVariables.Subscriber;
}
