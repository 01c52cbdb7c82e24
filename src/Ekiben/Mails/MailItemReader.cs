using System.Text;
using System.Text.Json;
using Ekiben.Broadcasts;
using Ekiben.Mail;
using Ekiben.Sites;
using Ekiben.Subscribers;
using Ekiben.Web;

namespace Ekiben.Mails;

/// <summary>
/// Reads one item of <c>POST /api/v1/batch/emails</c>. Some clients write several addresses into <c>to</c>: each is a mail of its own then, and the
/// copies go with the first.
/// </summary>
internal sealed class MailItemReader(Site site, InstanceKey instanceKey, IReadOnlyList<Author> authors, bool transactional)
{
    /// <summary>Addresses in one of to, cc and bcc: mails to many people are broadcasts.</summary>
    public const int MaxAddresses = 20;

    /// <summary>Of one mail's personalizations, as JSON.</summary>
    public const int MaxPersonalizationBytes = 256 << 10;

    private readonly Dictionary<string, string?> _checked = [];

    /// <summary>Who sends the item, a default where it names nobody; null when that is no author of the site, or nobody's address.</summary>
    public Author? AuthorOf(JsonElement item)
    {
        var text = item.ValueKind == JsonValueKind.Object && item.TryGetProperty("from", out var from)
            ? from.ValueKind == JsonValueKind.Object ? BentoValues.Text(from, "email") : from.ToString()
            : null;
        if (string.IsNullOrWhiteSpace(text))
        {
            return authors.Count > 0 ? authors[0] : null;
        }

        return EmailAddress.TryParse(Bare(text), out var address, out _) ? authors.FirstOrDefault(author => author.Email == address.Normalised) : null;
    }

    /// <summary>True with the item's mails, or false with one sentence that repeats no address.</summary>
    public bool TryRead(JsonElement item, Author author, out List<MailDraft> drafts, out string? error)
    {
        drafts = [];
        if (!TryReadAddresses(item, "to", out var to, out error) || !TryReadAddresses(item, "cc", out var cc, out error) || !TryReadAddresses(item, "bcc", out var bcc, out error))
        {
            return false;
        }

        if (to.Count == 0)
        {
            error = "to is missing.";
            return false;
        }

        var subject = BentoValues.Text(item, "subject")?.Trim();
        if (string.IsNullOrEmpty(subject) || subject.Length > BroadcastItemReader.MaxSubjectLength || subject.AsSpan().IndexOfAny('\r', '\n', '\0') >= 0)
        {
            error = $"subject must be one line of 1 to {BroadcastItemReader.MaxSubjectLength} characters.";
            return false;
        }

        var html = BentoValues.Text(item, "html_body");
        var text = BentoValues.Text(item, "text_body");
        var (body, type) = !string.IsNullOrWhiteSpace(html) ? (html, "raw") : (text, "plain");
        if (string.IsNullOrWhiteSpace(body) || Encoding.UTF8.GetByteCount(body) > RequestLimits.MaxContentBytes || body.Contains('\0', StringComparison.Ordinal))
        {
            error = $"html_body must be a text of at most {RequestLimits.MaxContentBytes >> 20} MiB without NUL.";
            return false;
        }

        if (!TryReadPersonalizations(item, out var personalizations, out error) || !TryReadFlag(item, out var isTransactional, out error))
        {
            return false;
        }

        var name = item.TryGetProperty("from", out var from) && from.ValueKind == JsonValueKind.Object ? BentoValues.Text(from, "name")?.Trim() : null;
        var content = new ContentDraft(author.Email, string.IsNullOrEmpty(name) ? author.Name : name, subject, null, body, type);
        error = FaultOf(content, isTransactional);
        if (error is not null)
        {
            return false;
        }

        foreach (var address in to)
        {
            drafts.Add(new MailDraft(address, AddressHash.Of(instanceKey, address.Normalised), content)
            {
                Personalizations = personalizations,
                IsTransactional = isTransactional,
                Cc = drafts.Count == 0 ? Joined(cc) : null,
                Bcc = drafts.Count == 0 ? Joined(bcc) : null,
            });
        }

        return true;
    }

    /// <summary>Compiled once a request for each content: a batch mostly says one thing to many.</summary>
    private string? FaultOf(ContentDraft content, bool isTransactional)
    {
        var key = $"{Convert.ToHexString(content.Digest)}{isTransactional}";
        if (!_checked.TryGetValue(key, out var fault))
        {
            _checked[key] = fault = content.Fault(site, isTransactional);
        }

        return fault;
    }

    private bool TryReadFlag(JsonElement item, out bool isTransactional, out string? error)
    {
        (isTransactional, error) = (transactional, null);
        if (!item.TryGetProperty("transactional", out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return true;
        }

        var read = IsTrue(value);
        isTransactional = read == true;
        error = read is null ? "transactional must be true or false." : null;
        return error is null;
    }

    /// <summary>True, false, 1, 0 or one of them as a text; null = none of these.</summary>
    public static bool? IsTrue(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => value.ToString().ToUpperInvariant() switch
        {
            "1" or "TRUE" => true,
            "0" or "FALSE" or "" => false,
            _ => null,
        },
    };

    private static bool TryReadPersonalizations(JsonElement item, out string? json, out string? error)
    {
        (json, error) = (null, null);
        if (!item.TryGetProperty("personalizations", out var value)
            || value.ValueKind == JsonValueKind.Null
            // PHP writes an empty object as an empty list.
            || (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0))
        {
            return true;
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            error = "personalizations must be an object.";
            return false;
        }

        json = value.GetRawText();
        if (Encoding.UTF8.GetByteCount(json) > MaxPersonalizationBytes)
        {
            error = $"personalizations have at most {MaxPersonalizationBytes >> 10} KiB.";
            return false;
        }

        return true;
    }

    /// <summary>A text with commas between, or a list of texts or of <c>{email, name}</c>; names are left out.</summary>
    private static bool TryReadAddresses(JsonElement item, string name, out List<EmailAddress> addresses, out string? error)
    {
        (addresses, error) = ([], null);
        if (item.ValueKind != JsonValueKind.Object)
        {
            error = "Each e-mail must be an object.";
            return false;
        }

        if (!item.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return true;
        }

        var texts = value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!.Split(','),
            JsonValueKind.Object => [BentoValues.Text(value, "email") ?? ""],
            JsonValueKind.Array => [.. value.EnumerateArray().Select(one => one.ValueKind == JsonValueKind.Object ? BentoValues.Text(one, "email") ?? "" : one.ToString())],
            _ => (string[])[value.ToString()],
        };
        foreach (var text in texts.Where(text => !string.IsNullOrWhiteSpace(text)))
        {
            if (!EmailAddress.TryParse(Bare(text), out var address, out var fault))
            {
                error = $"{name}: {fault}";
                return false;
            }

            if (!addresses.Exists(known => known.Normalised == address.Normalised))
            {
                addresses.Add(address);
            }
        }

        error = addresses.Count > MaxAddresses ? $"{name} has more than {MaxAddresses} addresses." : null;
        return error is null;
    }

    /// <summary>The address of <c>Name &lt;a@b.c&gt;</c>; anything else as it is.</summary>
    private static string Bare(string text)
    {
        var written = text.Trim();
        return written.EndsWith('>') && written.LastIndexOf('<') is >= 0 and var open ? written[(open + 1)..^1] : written;
    }

    /// <summary>The addresses under a name as they are stored; null when there are none or one is wrong.</summary>
    public static string? Joined(JsonElement item, string name, out string? error) => TryReadAddresses(item, name, out var addresses, out error) ? Joined(addresses) : null;

    public static string? Joined(JsonElement item, string name) => Joined(item, name, out _);

    private static string? Joined(List<EmailAddress> addresses) => addresses.Count == 0 ? null : string.Join(',', addresses.Select(address => address.Mailbox));
}
