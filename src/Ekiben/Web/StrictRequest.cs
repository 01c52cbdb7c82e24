using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http.Metadata;

namespace Ekiben.Web;

/// <summary>
/// What a strict site refuses beside what everybody is refused: parameters and fields that the route does not take, and values of a parameter that
/// would otherwise be read as its default. It knows from the route's description (<see cref="ApiDocs.Describe"/>), so a new route has it at once.
/// </summary>
internal static class StrictRequest
{
    private const string Site = "site_uuid";

    /// <summary>As many names as a sentence bears.</summary>
    private const int MaxNames = 20;

    /// <summary>Longer names are cut in a sentence.</summary>
    private const int MaxShown = 80;

    private static readonly JsonSerializerOptions Shapes = ApiJson.Apply(new JsonSerializerOptions { TypeInfoResolver = new DefaultJsonTypeInfoResolver() });

    /// <summary>One sentence on the first thing that is wrong; null when nothing is, or when the path is no route.</summary>
    public static string? Fault(HttpContext http, JsonElement? body)
    {
        var metadata = http.GetEndpoint()?.Metadata;
        if (metadata?.GetMetadata<IEndpointSummaryMetadata>() is null)
        {
            return null;
        }

        var shape = metadata.GetMetadata<BodyOf>()?.Type is { } type ? Shapes.GetTypeInfo(type) : null;
        return QueryFault(http.Request.Query, metadata.GetOrderedMetadata<QueryOf>(), shape) ?? BodyFault(body, shape, metadata.GetOrderedMetadata<QueryOf>());
    }

    private static string? QueryFault(IQueryCollection query, IReadOnlyList<QueryOf> known, JsonTypeInfo? shape)
    {
        foreach (var (name, values) in query)
        {
            var outer = name.IndexOf('[', StringComparison.Ordinal) is > 0 and var bracket ? name[..bracket] : name;
            if (outer == Site || known.Any(parameter => parameter.Name == QueryOf.Any))
            {
                continue;
            }

            // A POST without a body may bring its fields here.
            if (known.FirstOrDefault(parameter => parameter.Name == outer || parameter.Name == name) is not { } parameter)
            {
                if (shape?.Properties.Any(property => property.Name == outer) == true)
                {
                    continue;
                }

                var names = known.Select(one => one.Name).Concat(shape?.Properties.Select(property => property.Name) ?? []).Append(Site).Distinct();
                return $"There is no parameter {Shown(name)} here; there is {List(names)}.";
            }

            if (values.Select(value => ValueFault(parameter, value)).FirstOrDefault(fault => fault is not null) is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private static string? ValueFault(QueryOf parameter, string? value)
    {
        if (string.IsNullOrWhiteSpace(value))
        {
            return null;
        }

        if (parameter.OneOf is { } words && !words.Contains(value.Trim(), StringComparer.OrdinalIgnoreCase))
        {
            return $"{parameter.Name} must be one of {List(words)}.";
        }

        return parameter.Numbers is { } range
            && !(int.TryParse(value, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var number) && number >= range.Min && number <= range.Max)
            ? string.Create(CultureInfo.InvariantCulture, $"{parameter.Name} must be a whole number from {range.Min} to {range.Max}.")
            : null;
    }

    private static string? BodyFault(JsonElement? body, JsonTypeInfo? shape, IReadOnlyList<QueryOf> query)
    {
        if (body is not { ValueKind: JsonValueKind.Object } root)
        {
            return null;
        }

        // A GET whose filters come as JSON is a GET with a query.
        if (shape is null)
        {
            return query.Any(parameter => parameter.Name == QueryOf.Any) ? null
                : root.EnumerateObject().Select(property => property.Name).FirstOrDefault(name => name != Site && query.All(parameter => parameter.Name != name)) is { } unknown
                    ? $"There is no field {Shown(unknown)} here."
                    : null;
        }

        return FieldFault(root, shape, "");
    }

    private static string? FieldFault(JsonElement value, JsonTypeInfo shape, string path) => shape.Kind switch
    {
        JsonTypeInfoKind.Object when value.ValueKind == JsonValueKind.Object => ObjectFault(value, shape, path),
        JsonTypeInfoKind.Enumerable => ListFault(value, Shapes.GetTypeInfo(shape.ElementType!), path),
        _ => null,
    };

    private static string? ObjectFault(JsonElement value, JsonTypeInfo shape, string path)
    {
        var open = shape.Properties.Any(property => property.IsExtensionData);
        foreach (var given in value.EnumerateObject())
        {
            if (shape.Properties.FirstOrDefault(property => property.Name == given.Name) is { } known)
            {
                if (FieldFault(given.Value, Shapes.GetTypeInfo(known.PropertyType), path + given.Name + ".") is { } fault)
                {
                    return fault;
                }
            }
            else if (!open && !(path.Length == 0 && given.Name == Site))
            {
                return $"There is no field {Shown(path + given.Name)}; there is {List(shape.Properties.Select(property => property.Name))}.";
            }
        }

        return null;
    }

    /// <summary>A list, one object in the place of a list of one, or an object with the indices for names.</summary>
    private static string? ListFault(JsonElement value, JsonTypeInfo element, string path)
    {
        var within = path.TrimEnd('.');
        switch (value.ValueKind)
        {
            case JsonValueKind.Array:
                var index = 0;
                return value.EnumerateArray().Select(item => FieldFault(item, element, string.Create(CultureInfo.InvariantCulture, $"{within}[{index++}].")))
                    .FirstOrDefault(fault => fault is not null);
            case JsonValueKind.Object when BentoValues.IsNumbered(value):
                return value.EnumerateObject().Select(item => FieldFault(item.Value, element, $"{within}[{item.Name}].")).FirstOrDefault(fault => fault is not null);
            default:
                return FieldFault(value, element, path);
        }
    }

    private static string List(IEnumerable<string> names)
    {
        var all = names.ToList();
        return string.Join(", ", all.Take(MaxNames)) + (all.Count > MaxNames ? ", …" : "");
    }

    private static string Shown(string name) => "\"" + (name.Length <= MaxShown ? name : name[..MaxShown] + "…") + "\"";
}
