namespace Ekiben.Mail;

/// <summary>What answers a look-up in a broadcast's template.</summary>
public enum MessageVariableKind
{
    /// <summary>Nothing: it is empty for everybody.</summary>
    Unknown,
    /// <summary>The message or the server: everybody has it. Also a name that is only known when rendering.</summary>
    Given,
    /// <summary>The person's first or last name, which may be missing.</summary>
    PersonName,
    /// <summary>A custom field, if the site has one of that name; it may be missing.</summary>
    CustomField,
}

/// <summary>One look-up, judged.</summary>
/// <param name="Kind">What answers it.</param>
/// <param name="Field">The person's name or custom field, for those two kinds; else empty.</param>
public readonly record struct MessageVariable(MessageVariableKind Kind, string Field = "");

/// <summary>The variables of a message by name, for tools that judge templates without rendering them.</summary>
public static class MessageVariables
{
    /// <summary>The word for the recipient in a template.</summary>
    public const string Subscriber = "visitor";

    /// <summary>The recipient's own way out.</summary>
    public const string UnsubscribeUrl = "visitor.unsubscribe_url";

    /// <summary>Judges a look-up.</summary>
    /// <param name="path">As <see cref="Ekiben.Liquid.TemplateVariable.Path"/> has it.</param>
    public static MessageVariable Find(IReadOnlyList<string> path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path switch
        {
            ["[]", ..] or ["visitor" or "broadcast" or "site" or "env"] or ["browser_url", ..] => Given,
            ["visitor" or "broadcast" or "site" or "env", "[]", ..] or ["visitor", "fields" or "custom_fields"] => Given,
            ["visitor", "fields" or "custom_fields", var field, ..] => field == "[]" ? Given : Custom(field),
            ["visitor", "email" or "uuid" or "tags" or "unsubscribe_url", ..] => Given,
            ["visitor", "first_name" or "last_name", ..] => new MessageVariable(MessageVariableKind.PersonName, path[1]),
            ["visitor", var field, ..] => Custom(field),
            ["broadcast", "id" or "name" or "subject" or "created_at", ..] or ["site", "name", ..] or ["env", "production" or "production?", ..] => Given,
            _ => default,
        };
    }

    private static MessageVariable Given => new(MessageVariableKind.Given);

    private static MessageVariable Custom(string field) => new(MessageVariableKind.CustomField, field);
}
