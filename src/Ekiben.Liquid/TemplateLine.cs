using System.Text.Encodings.Web;
using System.Text.Json;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid;

/// <summary>
/// Rendering as lines of JSON, for tools that try many templates: in goes <c>{"template","data","partials"}</c>, out comes
/// <c>{"output"}</c> or <c>{"error":{"line","column","code","message","excerpt"}}</c>.
/// </summary>
public static class TemplateLine
{
    private const string BadInput = "input";

    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Renders one line. Never throws for what the line holds: every mistake is an answer.</summary>
    public static string Render(string line, in RenderOptions options)
    {
        ArgumentNullException.ThrowIfNull(line);
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !TryGetText(root, "template", out var source))
            {
                return Error(0, 0, BadInput, "The line needs a string \"template\"", "");
            }

            var partials = root.TryGetProperty("partials", out var named) && named.ValueKind == JsonValueKind.Object ? new Partials(named) : null;
            return Output(Template.Parse(source).Render(Data(root), options with { Partials = partials ?? options.Partials }));
        }
        catch (JsonException error)
        {
            return Error(0, 0, BadInput, error.Message, "");
        }
        catch (TemplateException error)
        {
            return Error(error.Line, error.Column, error.Code, error.Message, error.Excerpt);
        }
    }

    private static Dictionary<string, object?> Data(JsonElement root)
    {
        var data = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (root.TryGetProperty("data", out var given) && given.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in given.EnumerateObject())
            {
                // Text is decoded once here, not at each look.
                data[JsonText.NameOf(property)] = property.Value.ValueKind == JsonValueKind.String ? JsonText.Of(property.Value) : property.Value;
            }
        }

        return data;
    }

    private static bool TryGetText(JsonElement root, string name, out string text)
    {
        var isText = root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String;
        text = isText ? JsonText.Of(value) : "";
        return isText;
    }

    private static string Output(string output) => Write(writer => writer.WriteString("output", output));

    private static string Error(int line, int column, string code, string message, string excerpt) => Write(writer =>
    {
        writer.WriteStartObject("error");
        writer.WriteNumber("line", line);
        writer.WriteNumber("column", column);
        writer.WriteString("code", code);
        writer.WriteString("message", message);
        writer.WriteString("excerpt", excerpt);
        writer.WriteEndObject();
    });

    private static string Write(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Writing))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    private sealed class Partials(JsonElement named) : ITemplatePartials
    {
        private readonly Dictionary<string, Template> _parsed = new(StringComparer.Ordinal);

        public Template? Find(string name)
        {
            if (_parsed.TryGetValue(name, out var known))
            {
                return known;
            }

            if (!TryGetText(named, name, out var source))
            {
                return null;
            }

            return _parsed[name] = Template.Parse(source);
        }
    }
}
