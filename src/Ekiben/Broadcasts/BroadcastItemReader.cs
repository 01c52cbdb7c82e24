using System.Globalization;
using System.Text;
using System.Text.Json;
using Ekiben.Delivery;
using Ekiben.Mail;
using Ekiben.Sites;
using Ekiben.Tags;
using Ekiben.Web;

namespace Ekiben.Broadcasts;

/// <summary>
/// Reads one item of <c>POST /api/v1/batch/broadcasts</c>, leniently where Bento's clients differ from each other, strictly where mail would go wrong.
/// Each step either fills its part of the broadcast or stops with one sentence that says what to change.
/// </summary>
internal sealed class BroadcastItemReader(BroadcastSurroundings surroundings)
{
    public const int MaxNameLength = 255;

    /// <summary>Before rendering; the rendered subject has a limit of its own.</summary>
    public const int MaxSubjectLength = 1000;

    public const int MaxTags = 100;

    public const int MinPerHour = 10;

    public const int MaxPerHour = 250_000;

    private static readonly string[] Types = ["plain", "fancy", "raw", "html", "markdown", "layout"];

    /// <summary>Bento's documents misspelt it for years, and clients copied that.</summary>
    private static readonly string[] SegmentNames = ["segment_id", "segement_id"];

    /// <summary>False takes templates that do not compile too, as lint does to say all that is wrong with them.</summary>
    public bool Compiles { get; init; } = true;

    public bool TryRead(JsonElement item, int index, out BroadcastDraft? draft, out string error)
    {
        draft = null;
        try
        {
            draft = Read(item, index);
            error = "";
            return true;
        }
        catch (ItemException refused)
        {
            error = refused.Message;
            return false;
        }
    }

    /// <summary>The public ids that an item names, as far as they can be read: they are looked up for all items at once.</summary>
    public static (string? LayoutId, string? SegmentId) Named(JsonElement item) =>
        item.ValueKind == JsonValueKind.Object ? (BentoValues.Text(item, "layout_id")?.Trim(), SegmentText(item)) : (null, null);

    private BroadcastDraft Read(JsonElement item, int index)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            throw new ItemException("each broadcast must be an object");
        }

        var name = OneLine(item, "name", MaxNameLength);
        var subject = OneLine(item, "subject", MaxSubjectLength);
        var type = Type(item);
        var layout = Layout(item, type);
        var content = Content(item, type);
        var (fromEmail, fromName) = From(item);
        var inclusive = Tags(item, "inclusive_tags");
        var exclusive = Tags(item, "exclusive_tags");
        var segment = Segment(item);
        var rate = BatchSizePerHour(item);
        var (sendAt, written) = SendAtOf(item);
        var approved = Approved(item);
        if (approved && content.Length == 0 && layout is null)
        {
            throw new ItemException("content is empty, so it cannot be approved");
        }

        var broadcast = new Broadcast
        {
            SiteId = surroundings.Site.Id,
            Name = name,
            Subject = subject,
            PreviewText = PreviewText(item),
            Content = content,
            Type = type,
            LayoutId = layout,
            LayoutHtml = layout is null ? null : surroundings.Layouts[layout],
            FromEmail = fromEmail,
            FromName = fromName,
            InclusiveTags = inclusive,
            ExclusiveTags = exclusive,
            SegmentId = segment,
            BatchSizePerHour = rate,
            SendAt = sendAt,
            SendAtWritten = written,
            UncertainPolicy = Policy(item),
            Status = BroadcastStatus.Draft,
            CreatedBy = surroundings.CreatedBy,
            CreatedAt = surroundings.Now,
            UpdatedAt = surroundings.Now,
        };
        if (Compiles)
        {
            Compile(broadcast);
        }

        return new BroadcastDraft(index, broadcast, approved) { Notice = Notice(item, type) };
    }

    private static string OneLine(JsonElement item, string name, int max)
    {
        var text = Text(item, name);
        if (string.IsNullOrWhiteSpace(text))
        {
            throw new ItemException($"{name} is required");
        }

        return CheckLine(text.Trim(), name, max);
    }

    private static string CheckLine(string text, string name, int max)
    {
        if (text.Length > max)
        {
            throw new ItemException($"{name} has {text.Length} characters; at most {max} are allowed");
        }

        if (text.AsSpan().IndexOfAny('\r', '\n', '\0') >= 0)
        {
            throw new ItemException($"{name} must be one line, without line breaks or NUL");
        }

        return text;
    }

    /// <summary>A text, or null when absent or null; any other type stops.</summary>
    private static string? Text(JsonElement item, string name)
    {
        if (!item.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw new ItemException($"{name} must be a text");
    }

    private static string Type(JsonElement item)
    {
        var type = Text(item, "type")?.Trim().ToLowerInvariant();
        if (string.IsNullOrEmpty(type))
        {
            return "plain";
        }

        return Types.Contains(type) ? type : throw new ItemException($"type must be one of {string.Join(", ", Types)}");
    }

    private string? Layout(JsonElement item, string type)
    {
        var id = Text(item, "layout_id")?.Trim();
        if (type != "layout")
        {
            return null;
        }

        if (string.IsNullOrEmpty(id))
        {
            throw new ItemException("layout_id is required with type layout");
        }

        return surroundings.Layouts.ContainsKey(id) ? id : throw new ItemException($"layout_id {Shown(id)} is no layout of this site");
    }

    private static string Content(JsonElement item, string type)
    {
        var content = Text(item, "content");
        if (content is null)
        {
            return type == "layout" ? "" : throw new ItemException("content is required");
        }

        if (Encoding.UTF8.GetByteCount(content) > RequestLimits.MaxContentBytes)
        {
            throw new ItemException($"content is larger than {RequestLimits.MaxContentBytes >> 20} MiB");
        }

        return content.Contains('\0', StringComparison.Ordinal) ? throw new ItemException("content must not contain NUL") : content;
    }

    private static string? PreviewText(JsonElement item) =>
        Text(item, "preview_text") is { } text && !string.IsNullOrWhiteSpace(text) ? CheckLine(text.Trim(), "preview_text", MaxSubjectLength) : null;

    private (string Email, string Name) From(JsonElement item)
    {
        string? email = null, name = null;
        if (item.TryGetProperty("from", out var from) && from.ValueKind != JsonValueKind.Null)
        {
            if (from.ValueKind != JsonValueKind.Object)
            {
                throw new ItemException("from must be an object such as {\"email\":\"news@example.com\",\"name\":\"News\"}");
            }

            (email, name) = (FromPart(from, "email"), FromPart(from, "name"));
        }

        if (surroundings.Authors.Count == 0)
        {
            throw new ItemException("this site has no author to send from; add one with: ekiben site author add SITE --email E --name N");
        }

        var author = email is null ? surroundings.Authors[0] : AuthorOf(email);
        return (author.Email, name ?? author.Name);
    }

    private static string? FromPart(JsonElement from, string name)
    {
        if (!from.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            throw new ItemException($"from.{name} must be a text");
        }

        var text = value.GetString()!;
        return string.IsNullOrWhiteSpace(text) ? null : CheckLine(text, $"from.{name}", MaxNameLength).Trim();
    }

    private Author AuthorOf(string email)
    {
        var known = EmailAddress.TryParse(email, out var address, out _)
            ? surroundings.Authors.FirstOrDefault(author => author.Email == address.Normalised)
            : null;
        return known ?? throw new ItemException(
            $"from.email {Shown(email)} is no author of this site; use {Shown(surroundings.Authors[0].Email)} or add it with: ekiben site author add SITE --email E --name N");
    }

    private static string Tags(JsonElement item, string name)
    {
        if (!BentoValues.TryReadTags(item, name, out var tags))
        {
            throw new ItemException($"{name} must be tag names with commas between, or a list of them");
        }

        if (tags.Count > MaxTags)
        {
            throw new ItemException($"{name} has {tags.Count} tags; at most {MaxTags} are allowed");
        }

        return tags.Any(tag => tag.Length > TagNames.MaxLength || tag.Contains('\0', StringComparison.Ordinal))
            ? throw new ItemException($"{name} has a tag with more than {TagNames.MaxLength} characters or with NUL")
            : string.Join(',', tags);
    }

    private string Segment(JsonElement item)
    {
        if (SegmentNames.Any(name => item.TryGetProperty(name, out var value) && value.ValueKind is not (JsonValueKind.String or JsonValueKind.Number or JsonValueKind.Null)))
        {
            throw new ItemException("segment_id must be a text");
        }

        var id = SegmentText(item);
        if (string.IsNullOrEmpty(id))
        {
            return "";
        }

        return surroundings.Segments.ContainsKey(id) ? id : throw new ItemException($"segment_id {Shown(id)} is no segment of this site");
    }

    private static string? SegmentText(JsonElement item)
    {
        foreach (var name in SegmentNames)
        {
            if (item.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String or JsonValueKind.Number && value.ToString().Trim() is { Length: > 0 } id)
            {
                return id;
            }
        }

        return null;
    }

    private static int? BatchSizePerHour(JsonElement item)
    {
        if (!item.TryGetProperty("batch_size_per_hour", out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String && string.IsNullOrWhiteSpace(value.GetString()))
        {
            return null;
        }

        var readable = value.ValueKind is JsonValueKind.Number or JsonValueKind.String;
        return readable && decimal.TryParse(value.ToString(), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var rate)
            && rate is >= MinPerHour and <= MaxPerHour && decimal.IsInteger(rate)
                ? (int)rate
                : throw new ItemException($"batch_size_per_hour must be between {MinPerHour} and {MaxPerHour}");
    }

    private (DateTimeOffset? At, string? Written) SendAtOf(JsonElement item)
    {
        var text = Text(item, "send_at");
        if (string.IsNullOrWhiteSpace(text))
        {
            return (null, null);
        }

        if (!SendAt.TryParse(text, surroundings.TimeZone, out var at))
        {
            throw new ItemException($"send_at {Shown(text)} is no time; write it as 2026-11-23T07:48:00Z, or 2026-11-23 07:48 in the site's time zone ({surroundings.Site.TimeZone})");
        }

        return at > surroundings.Now.AddYears(SendAt.MaxYearsAhead)
            ? throw new ItemException($"send_at is more than {SendAt.MaxYearsAhead} years ahead")
            : (at, text.Trim());
    }

    private static bool Approved(JsonElement item)
    {
        if (!item.TryGetProperty("approved", out var value))
        {
            return false;
        }

        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False or JsonValueKind.Null => false,
            _ => value.ToString().Trim().ToLowerInvariant() switch
            {
                "true" or "1" => true,
                "false" or "0" or "" => false,
                _ => throw new ItemException("approved must be true or false"),
            },
        };
    }

    private static UncertainPolicy Policy(JsonElement item) => Text(item, "uncertain_policy") switch
    {
        null or "" or "resend" => UncertainPolicy.Resend,
        "hold" => UncertainPolicy.Hold,
        _ => throw new ItemException("uncertain_policy must be resend or hold"),
    };

    private static string? Notice(JsonElement item, string type) =>
        type != "layout" && !string.IsNullOrWhiteSpace(BentoValues.Text(item, "layout_id")) ? "layout_id is used with type layout only; it was left aside" : null;

    /// <summary>A template that does not compile is refused now, and not found out by the run.</summary>
    private void Compile(Broadcast broadcast)
    {
        try
        {
            MessageComposer.Check(broadcast, surroundings.Site);
        }
        catch (CompileException wrong)
        {
            // Line 0: the fault is in the whole, not at a place.
            throw new ItemException(wrong.Line == 0
                ? $"{wrong.Field}: {wrong.Message}"
                : string.Create(CultureInfo.InvariantCulture, $"{wrong.Field}, line {wrong.Line}, column {wrong.Column}: {wrong.Message}"));
        }
    }

    private static string Shown(string text) => "\"" + (text.Length <= 80 ? text : text[..80] + "…") + "\"";

    /// <summary>Stops the reading of one item; never leaves this class.</summary>
    private sealed class ItemException(string sentence) : Exception(sentence);
}
