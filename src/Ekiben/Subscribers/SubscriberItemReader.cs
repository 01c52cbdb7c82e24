using System.Text;
using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Fields;
using Ekiben.Mail;
using Ekiben.Storage;
using Ekiben.Tags;
using Ekiben.Web;

namespace Ekiben.Subscribers;

/// <summary>Reads one person of an import: fields flat beside the e-mail, or in an object called <c>fields</c>, or both.</summary>
internal sealed class SubscriberItemReader(InstanceKey instanceKey)
{
    public const int MaxNameLength = 255;

    public const int MaxFields = 200;

    /// <summary>Of all custom fields of one person in one record, as JSON.</summary>
    public const int MaxFieldBytes = 64 << 10;

    public const int MaxTags = 100;

    /// <summary>True with a record, or false with one sentence that does not repeat the address.</summary>
    public bool TryRead(JsonElement item, out SubscriberRecord? record, out string? error)
    {
        record = null;
        if (item.ValueKind != JsonValueKind.Object)
        {
            error = "Each subscriber must be an object.";
            return false;
        }

        if (!EmailAddress.TryParse(BentoValues.Text(item, "email"), out var address, out error))
        {
            return false;
        }

        if (!TryReadTags(item, "tags", out var tags, out error) || !TryReadTags(item, "remove_tags", out var removed, out error))
        {
            return false;
        }

        var fields = new GivenFields();
        foreach (var property in item.EnumerateObject())
        {
            if (property.Name is "email" or "tags" or "remove_tags")
            {
                continue;
            }

            if (property.Name is not "fields")
            {
                fields.Add(property.Name, property.Value, own: true);
            }
            else if (property.Value.ValueKind == JsonValueKind.Object)
            {
                foreach (var nested in property.Value.EnumerateObject())
                {
                    fields.Add(nested.Name, nested.Value, own: false);
                }
            }
            else if (!IsEmpty(property.Value))
            {
                error = "\"fields\" must be an object.";
                return false;
            }
        }

        if (fields.Fault() is { } fault)
        {
            error = fault;
            return false;
        }

        record = new SubscriberRecord
        {
            Address = address,
            Hash = AddressHash.Of(instanceKey, address.Normalised),
            FirstName = fields.FirstName,
            LastName = fields.LastName,
            AddTags = tags,
            RemoveTags = removed,
            Fields = fields.Custom,
        };
        return true;
    }

    /// <summary>PHP writes an empty object as an empty list.</summary>
    private static bool IsEmpty(JsonElement value) =>
        value.ValueKind == JsonValueKind.Null || (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0);

    private static bool TryReadTags(JsonElement item, string name, out List<string> tags, out string? error)
    {
        error = null;
        if (!BentoValues.TryReadTags(item, name, out tags))
        {
            error = $"\"{name}\" must be tag names with commas between, or a list of them.";
        }
        else if (tags.Count > MaxTags)
        {
            error = $"\"{name}\" has more than {MaxTags} tags.";
        }
        else
        {
            error = tags.Select(TagNames.Fault).FirstOrDefault(fault => fault is not null);
        }

        return error is null;
    }

    /// <summary>The fields of one record; names of people are columns, everything else is custom.</summary>
    private sealed class GivenFields
    {
        private string? _fault;
        private int _bytes;

        public string? FirstName { get; private set; }

        public string? LastName { get; private set; }

        public List<KeyValuePair<string, JsonElement>> Custom { get; } = [];

        /// <remarks>What stands beside the e-mail (its own) goes before a name in the nested object.</remarks>
        public void Add(string key, JsonElement value, bool own)
        {
            switch (key)
            {
                case "first_name":
                    FirstName = Name(value, FirstName, own);
                    break;
                case "last_name":
                    LastName = Name(value, LastName, own);
                    break;
                default:
                    _fault ??= FieldName.Fault(key) ?? FieldValue.Fault(value);
                    _bytes += Encoding.UTF8.GetByteCount(value.GetRawText());
                    Custom.Add(new(key, value));
                    break;
            }
        }

        public string? Fault()
        {
            if (_fault is not null)
            {
                return _fault;
            }

            if (Custom.Count > MaxFields)
            {
                return $"A subscriber has at most {MaxFields} custom fields.";
            }

            return _bytes > MaxFieldBytes ? $"The custom fields of one subscriber have at most {MaxFieldBytes >> 10} KiB." : null;
        }

        private string? Name(JsonElement value, string? before, bool own)
        {
            if (value.ValueKind == JsonValueKind.Null || (before is not null && !own))
            {
                return before;
            }

            if (value.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
            {
                _fault ??= "A name must be a text.";
                return before;
            }

            var name = value.ToString();
            if (name.Length > MaxNameLength || name.AsSpan().IndexOfAny('\r', '\n', '\0') >= 0)
            {
                _fault ??= $"A name is one line of at most {MaxNameLength} characters.";
            }

            return name;
        }
    }
}
