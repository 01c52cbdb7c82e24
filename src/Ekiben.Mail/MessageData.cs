using System.Text;
using System.Text.Json;
using Ekiben.Liquid;

namespace Ekiben.Mail;

/// <summary>What templates can ask for. One lives in each <see cref="MessageBuffer"/> and is pointed at one recipient after the other.</summary>
internal sealed class MessageData : ITemplateObject
{
    /// <summary>Names that only our own markup uses: <c>ekiben.click</c> and <c>ekiben.pixel</c>.</summary>
    public const string Own = "ekiben.";

    private static readonly object True = true;
    private readonly Visitor _visitor;
    private readonly Named _broadcast;
    private readonly Named _site;
    private readonly Named _env = new(name => name is "production?" or "production" ? True : null);
    private readonly Named _own;
    private MessageSource _source = null!;
    private Person _person;
    private MessageIdentity _identity;
    private string? _click;
    /// <summary>Fields this message has asked for: text and HTML ask for the same ones.</summary>
    private readonly Dictionary<string, object?> _read = new(StringComparer.Ordinal);

    public MessageData(ByteWriter subject)
    {
        _visitor = new Visitor(this);
        _broadcast = new Named(name => name switch
        {
            "id" => _source.Broadcast.Id,
            "name" => _source.Broadcast.Name,
            "subject" => Encoding.UTF8.GetString(subject.Written),
            "created_at" => _source.Broadcast.CreatedAt,
            _ => null,
        });
        _site = new Named(name => name == "name" ? _source.SiteName : null);
        _own = new Named(name => name switch
        {
            "click" when TrackingToken is not null => Click,
            "pixel" when TrackingToken is { } token => $"{Root}/o/{token}",
            _ => null,
        });
    }

    public string? TrackingToken => _source.Tracking is null ? null : _identity.TrackingToken;
    /// <summary>What tracked links of this message begin with; one string however many links there are.</summary>
    public string Click => _click ??= $"{Root}/c/{TrackingToken}/";

    public Func<string, string, string>? SignTarget => _source.Tracking?.SignTarget;
    private string Root => _source.Tracking!.Base.AbsoluteUri.TrimEnd('/');

    public void Point(MessageSource source, in Person person, in MessageIdentity identity)
    {
        (_source, _person, _identity, _click) = (source, person, identity, null);
        _read.Clear();
    }

    public bool TryGet(string name, out object? value)
    {
        if (_person.Personalizations is { } personalizations && personalizations.TryGetValue(name, out var given))
        {
            value = given;
            return true;
        }
        value = name switch
        {
            "visitor" => _visitor,
            "broadcast" => _broadcast,
            "site" => _site,
            "browser_url" => _identity.BrowserUrl?.AbsoluteUri,
            "env" => _env,
            "ekiben" => _own,
            _ => null,
        };
        return value is not null;
    }

    private sealed class Visitor(MessageData data) : ITemplateObject
    {
        private readonly Fields _fields = new(data);

        public bool TryGet(string name, out object? value)
        {
            ref readonly var person = ref data._person;
            value = name switch
            {
                "email" => person.Address.Written,
                "first_name" => person.FirstName,
                "last_name" => person.LastName,
                "uuid" => person.Uuid,
                "tags" => person.Tags ?? [],
                "unsubscribe_url" => data._identity.UnsubscribeUrl,
                "fields" or "custom_fields" => _fields,
                _ => null,
            };
            return value is not null || _fields.TryGet(name, out value);
        }
    }

    private sealed class Fields(MessageData data) : ITemplateObject
    {
        public bool TryGet(string name, out object? value)
        {
            if (data._read.TryGetValue(name, out value)) return true;
            if (data._person.Fields is not { } fields || !fields.TryGetValue(name, out var element)) return false;
            value = element.ValueKind == JsonValueKind.String ? element.GetString() : element;
            data._read.Add(name, value);
            return true;
        }
    }

    private sealed class Named(Func<string, object?> values) : ITemplateObject
    {
        public bool TryGet(string name, out object? value)
        {
            value = values(name);
            return value is not null;
        }
    }
}
