using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ekiben.Web;

namespace Ekiben.Broadcasts.Pages;

/// <summary>
/// A broadcast as a person writes it: every field as it stands on the page, be it right or not. Becomes one item as programs post them, so that
/// a page and a program are read by the same rules (<see cref="BroadcastItemReader"/>).
/// </summary>
internal sealed class ComposeForm
{
    /// <summary>What a browser's field for date and time takes and gives.</summary>
    private const string LocalForm = "yyyy-MM-dd'T'HH:mm";

    public string Name { get; set; } = "";

    public string Subject { get; set; } = "";

    public string? PreviewText { get; set; }

    public string Type { get; set; } = "plain";

    public string? LayoutId { get; set; }

    /// <summary>The layout as it is now instead of the copy that was made earlier.</summary>
    public bool TakesLayoutAnew { get; set; }

    public string Content { get; set; } = "";

    public string? FromEmail { get; set; }

    public string? FromName { get; set; }

    public List<string> InclusiveTags { get; init; } = [];

    public List<string> ExclusiveTags { get; init; } = [];

    public string? SegmentId { get; set; }

    /// <summary>Attempts an hour as typed; nothing = no limit.</summary>
    public string? Rate { get; set; }

    /// <summary>In the site's zone, as the browser's field gives it; nothing = as soon as it is approved.</summary>
    public string? SendAt { get; set; }

    /// <summary>Stays as programs set it: no page asks for it.</summary>
    public UncertainPolicy UncertainPolicy { get; init; }

    /// <summary>A stored broadcast, to go on with.</summary>
    public static ComposeForm Of(Broadcast broadcast, TimeZoneInfo zone) => new()
    {
        Name = broadcast.Name,
        Subject = broadcast.Subject,
        PreviewText = broadcast.PreviewText,
        Type = broadcast.Type,
        LayoutId = broadcast.LayoutId,
        Content = broadcast.Content,
        FromEmail = broadcast.FromEmail,
        FromName = broadcast.FromName,
        InclusiveTags = [.. TagList.Parse(broadcast.InclusiveTags)],
        ExclusiveTags = [.. TagList.Parse(broadcast.ExclusiveTags)],
        SegmentId = broadcast.SegmentId,
        Rate = broadcast.BatchSizePerHour?.ToString(CultureInfo.InvariantCulture),
        SendAt = Local(broadcast.SendAt, zone),
        UncertainPolicy = broadcast.UncertainPolicy,
    };

    /// <summary>The same to be sent another time: under another name, without the time that is past, from the layout as it is now.</summary>
    public static ComposeForm CopyOf(Broadcast broadcast, TimeZoneInfo zone)
    {
        var form = Of(broadcast, zone);
        (form.Name, form.SendAt, form.TakesLayoutAnew) = (("Copy of " + form.Name)[..Math.Min(form.Name.Length + 8, BroadcastItemReader.MaxNameLength)], null, true);
        return form;
    }

    /// <summary>A time as the field shows it.</summary>
    public static string? Local(DateTimeOffset? at, TimeZoneInfo zone) =>
        at is { } time ? TimeZoneInfo.ConvertTime(time, zone).ToString(LocalForm, CultureInfo.InvariantCulture) : null;

    /// <summary>What must be there before it can be stored, for people; null when nothing is missing.</summary>
    public string? Missing()
    {
        string[] empty = [.. new[] { (Name, "a name"), (Subject, "a subject"), (Type != "layout" || !string.IsNullOrEmpty(LayoutId) ? "there" : "", "a layout") }
            .Where(part => string.IsNullOrWhiteSpace(part.Item1)).Select(part => part.Item2)];
        return empty.Length > 0 ? $"It needs {string.Join(" and ", empty)}."
            : RateWords.TryRead(Rate, out _) ? null
            : $"The rate must be a whole number between {Wording.Number(BroadcastItemReader.MinPerHour)} and {Wording.Number(BroadcastItemReader.MaxPerHour)} an hour, or nothing for no limit.";
    }

    /// <summary>One item as programs post it. What a person has yet to write is filled in where <paramref name="filled"/>, so that the rest can be looked at.</summary>
    public JsonElement ToItem(bool filled = false)
    {
        var item = new JsonObject
        {
            ["name"] = filled && string.IsNullOrWhiteSpace(Name) ? "–" : Name,
            ["subject"] = filled && string.IsNullOrWhiteSpace(Subject) ? "–" : Subject,
            ["preview_text"] = PreviewText,
            ["type"] = filled && Type == "layout" && string.IsNullOrEmpty(LayoutId) ? "html" : Type,
            ["layout_id"] = LayoutId,
            ["content"] = Content,
            ["inclusive_tags"] = new JsonArray([.. InclusiveTags.Select(tag => JsonValue.Create(tag))]),
            ["exclusive_tags"] = new JsonArray([.. ExclusiveTags.Select(tag => JsonValue.Create(tag))]),
            ["segment_id"] = SegmentId,
            ["send_at"] = SendAt,
            ["uncertain_policy"] = UncertainPolicy is UncertainPolicy.Hold ? "hold" : "resend",
        };
        if (!string.IsNullOrEmpty(FromEmail))
        {
            item["from"] = new JsonObject { ["email"] = FromEmail, ["name"] = FromName };
        }

        if (RateWords.TryRead(Rate, out var perHour))
        {
            item["batch_size_per_hour"] = perHour;
        }

        return JsonSerializer.SerializeToElement(item);
    }
}
