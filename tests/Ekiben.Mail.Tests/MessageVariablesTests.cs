using Ekiben.Liquid;

namespace Ekiben.Mail.Tests;

public sealed class MessageVariablesTests
{
    [Theory]
    [InlineData("visitor.email", MessageVariableKind.Given)]
    [InlineData("visitor.uuid", MessageVariableKind.Given)]
    [InlineData("visitor.tags.first", MessageVariableKind.Given)]
    [InlineData("visitor.unsubscribe_url", MessageVariableKind.Given)]
    [InlineData("visitor.first_name", MessageVariableKind.PersonName)]
    [InlineData("visitor.last_name.size", MessageVariableKind.PersonName)]
    [InlineData("visitor.plan", MessageVariableKind.CustomField)]
    [InlineData("visitor.fields.plan", MessageVariableKind.CustomField)]
    [InlineData("visitor.custom_fields['plan']", MessageVariableKind.CustomField)]
    [InlineData("broadcast.id", MessageVariableKind.Given)]
    [InlineData("broadcast.name", MessageVariableKind.Given)]
    [InlineData("broadcast.subject", MessageVariableKind.Given)]
    [InlineData("broadcast.created_at", MessageVariableKind.Given)]
    [InlineData("site.name", MessageVariableKind.Given)]
    [InlineData("browser_url", MessageVariableKind.Given)]
    [InlineData("env.production?", MessageVariableKind.Given)]
    public void What_is_known_by_name_renders(string variable, MessageVariableKind kind)
    {
        Assert.Equal(kind, Find(variable));
        Assert.Contains("<b>here</b>", Html(variable), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("visitor.fields.nope", MessageVariableKind.CustomField)]
    [InlineData("visitor.confirmation_url", MessageVariableKind.CustomField)]
    [InlineData("first_name", MessageVariableKind.Unknown)]
    [InlineData("broadcast.url", MessageVariableKind.Unknown)]
    [InlineData("site.url", MessageVariableKind.Unknown)]
    public void What_is_not_known_renders_nothing(string variable, MessageVariableKind kind)
    {
        Assert.Equal(kind, Find(variable));
        Assert.DoesNotContain("<b>here</b>", Html(variable), StringComparison.Ordinal);
    }

    private static MessageVariableKind Find(string variable) =>
        MessageVariables.Find(Template.Parse($"{{{{ {variable} }}}}").Variables[0].Path).Kind;

    private static string Html(string variable) =>
        Sample.Html(Sample.Source with { Style = MessageStyle.Html, Content = $"{{% if {variable} %}}<b>here</b>{{% endif %}}" });
}
