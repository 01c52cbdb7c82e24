using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Ekiben.Web;

namespace Ekiben.Events;

/// <summary>One event of a request: what it says of its person, and the row to keep once the person's id is known.</summary>
internal sealed record GivenEvent(SubscriberRecord Person, Event Row);

/// <summary>Reads one item of <c>POST /api/v1/batch/events</c>.</summary>
internal sealed class EventItemReader(InstanceKey instanceKey, SiteId site, TimeZoneInfo zone, DateTimeOffset now)
{
    public const int MaxTypeLength = 255;

    public const int MaxKeyLength = 255;

    /// <summary>Of one event's details as JSON.</summary>
    public const int MaxDetailBytes = 64 << 10;

    private readonly SubscriberItemReader _people = new(instanceKey);

    /// <summary>True with an event, or false with one sentence that does not repeat the address.</summary>
    public bool TryRead(JsonElement item, out GivenEvent? read, out string? error)
    {
        read = null;
        if (item.ValueKind != JsonValueKind.Object)
        {
            error = "Each event must be an object.";
            return false;
        }

        var type = BentoValues.Text(item, "type")?.Trim();
        if (string.IsNullOrEmpty(type) || type.Length > MaxTypeLength || type.Any(char.IsControl))
        {
            error = $"\"type\" must be one line of 1 to {MaxTypeLength} characters.";
            return false;
        }

        if (!TryReadObject(item, "details", out var details, out error) || !TryReadObject(item, "fields", out var fields, out error))
        {
            return false;
        }

        if (details.GetRawText() is var text && Encoding.UTF8.GetByteCount(text) > MaxDetailBytes)
        {
            error = $"\"details\" have at most {MaxDetailBytes >> 10} KiB.";
            return false;
        }

        if (!TryReadDate(item, out var at, out error) || !TryReadPerson(item, type, fields, details, out var person, out error))
        {
            return false;
        }

        var row = new Event { SiteId = site, Type = type, Fields = fields.GetRawText(), Details = text, At = at, CreatedAt = now };
        if (type == EventTypes.Purchase && (error = ReadPurchase(details, row)) is not null)
        {
            return false;
        }

        read = new GivenEvent(person!, row);
        return true;
    }

    /// <summary>The person as an import would say it: fields, and the tag that the event adds or takes.</summary>
    private bool TryReadPerson(JsonElement item, string type, JsonElement fields, JsonElement details, out SubscriberRecord? person, out string? error)
    {
        var said = new JsonObject { ["email"] = BentoValues.Text(item, "email") ?? IdentityEmail(item), ["fields"] = JsonNode.Parse(fields.GetRawText()) };
        if (type is EventTypes.Tag or EventTypes.RemoveTag)
        {
            if (string.IsNullOrWhiteSpace(BentoValues.Text(details, "tag")))
            {
                (person, error) = (null, $"{type} needs details.tag.");
                return false;
            }

            said[type == EventTypes.Tag ? "tags" : "remove_tags"] = BentoValues.Text(details, "tag");
        }

        using var document = JsonDocument.Parse(said.ToJsonString());
        return _people.TryRead(document.RootElement.Clone(), out person, out error);
    }

    /// <summary>Bento's first clients (<c>/tracking/events/</c>) name the person as <c>identity: {email}</c>.</summary>
    private static string? IdentityEmail(JsonElement item) => item.TryGetProperty("identity", out var identity) ? BentoValues.Text(identity, "email") : null;

    /// <summary>Absent, null and PHP's empty list are an empty object.</summary>
    private static bool TryReadObject(JsonElement item, string name, out JsonElement value, out string? error)
    {
        error = null;
        var there = item.TryGetProperty(name, out value);
        if (there && value.ValueKind == JsonValueKind.Object)
        {
            return true;
        }

        if (there && value.ValueKind != JsonValueKind.Null && !(value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0))
        {
            error = $"\"{name}\" must be an object.";
            return false;
        }

        value = ApiJson.Element("{}");
        return true;
    }

    private bool TryReadDate(JsonElement item, out DateTimeOffset at, out string? error)
    {
        (at, error) = (now, null);
        if (!item.TryGetProperty("date", out var date) || date.ValueKind == JsonValueKind.Null || (date.ValueKind == JsonValueKind.String && string.IsNullOrWhiteSpace(date.GetString())))
        {
            return true;
        }

        if (date.ValueKind == JsonValueKind.String && SendAt.TryParse(date.GetString()!, zone, out at))
        {
            return true;
        }

        error = "\"date\" must be a time such as 2026-11-23T07:48:00Z.";
        return false;
    }

    /// <summary>Money is whole cents: a float would make a sum that nobody can check.</summary>
    private static string? ReadPurchase(JsonElement details, Event row)
    {
        if (details.TryGetProperty("unique", out var unique) && unique.ValueKind == JsonValueKind.Object
            && unique.TryGetProperty("key", out var key) && key.ValueKind is JsonValueKind.String or JsonValueKind.Number)
        {
            row.UniqueKey = key.ToString();
            if (row.UniqueKey.Length is 0 or > MaxKeyLength)
            {
                return $"details.unique.key must have 1 to {MaxKeyLength} characters.";
            }
        }

        if (!details.TryGetProperty("value", out var value) || value.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        if (!value.TryGetProperty("amount", out var amount) || !TryReadCents(amount, out var cents))
        {
            return "details.value.amount must be a whole number of cents.";
        }

        var currency = (BentoValues.Text(value, "currency") ?? "USD").Trim().ToUpperInvariant();
        if (currency.Length != 3 || !currency.All(char.IsAsciiLetterUpper))
        {
            return "details.value.currency must be three letters such as USD.";
        }

        (row.Amount, row.Currency) = (cents, currency);
        return null;
    }

    /// <summary>Languages whose numbers are floats write 4000 as <c>4000.0</c> or <c>4e3</c>, which is as whole. In a text only digits are read: <c>"40.00"</c> means another unit.</summary>
    private static bool TryReadCents(JsonElement amount, out long cents)
    {
        if (long.TryParse(amount.ToString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out cents))
        {
            return true;
        }

        if (amount.ValueKind != JsonValueKind.Number || !amount.TryGetDecimal(out var number) || !decimal.IsInteger(number) || number is < long.MinValue or > long.MaxValue)
        {
            return false;
        }

        cents = (long)number;
        return true;
    }
}
