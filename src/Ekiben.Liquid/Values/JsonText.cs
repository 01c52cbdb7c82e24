using System.Globalization;
using System.Text.Json;

namespace Ekiben.Liquid.Values;

/// <summary>
/// Strings of JSON that a person sent. The framework throws where an escape names half a surrogate pair; a template must not end
/// there, so the halves become U+FFFD.
/// </summary>
internal static class JsonText
{
    public static string Of(JsonElement text)
    {
        try
        {
            return text.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return Unescape(text.GetRawText().AsSpan()[1..^1]);
        }
    }

    public static string NameOf(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException)
        {
            return "\uFFFD";
        }
    }

    public static bool TryGet(JsonElement map, string name, out JsonElement value)
    {
        try
        {
            return map.TryGetProperty(name, out value);
        }
        catch (InvalidOperationException)
        {
            // One name is broken: the others are still found, one by one.
            foreach (var property in map.EnumerateObject())
            {
                if (NameOf(property) == name)
                {
                    value = property.Value;
                    return true;
                }
            }

            value = default;
            return false;
        }
    }

    private static string Unescape(ReadOnlySpan<char> raw)
    {
        var builder = new TextBuilder(null);
        for (var index = 0; index < raw.Length; index++)
        {
            if (raw[index] != '\\')
            {
                builder.Append(raw[index]);
                continue;
            }

            index++;
            if (raw[index] == 'u')
            {
                builder.Append((char)ushort.Parse(raw.Slice(index + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                index += 4;
                continue;
            }

            builder.Append(raw[index] switch
            {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'b' => '\b',
                'f' => '\f',
                var other => other,
            });
        }

        return builder.Finish();
    }
}
