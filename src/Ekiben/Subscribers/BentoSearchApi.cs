using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ekiben.Broadcasts;
using Ekiben.Segments;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Subscribers;

/// <summary>
/// Bento's search for people. Filters come in the query (<c>created_at[gt]=…</c>), in a JSON body, or both; all must hold. They become a segment's
/// rule, so a search and a segment mean the same by the same words.
/// </summary>
internal static class BentoSearchApi
{
    private const int PageSize = 100;

    private const int MaxPage = 1_000_000;

    private static readonly string[] NoFilters = ["site_uuid", "page", "per_page"];

    private static readonly string[] Times = ["created_at", "updated_at", "last_event_at", "unsubscribed_at"];

    private static readonly string[] TagNames = ["tags", "tag_names", "tag_ids"];

    public static void MapBentoSearch(this RouteGroupBuilder bento)
    {
        bento.Map("GET", "/fetch/search", SearchAsync).WithTags("Bento: people").Describe(
            "People for whom every filter holds, 100 a page", typeof(Found),
            query: [QueryOf.Page, new("email", "their address"), new("tags", "any of these tags"), .. Times.Select(name => new QueryOf(name, $"{name}[gt], [gte], [lt], [lte]")), new(QueryOf.Any, "custom fields")]);
        bento.Map("POST", "/fetch/search", SearchAsync).WithTags("Bento: people").Describe(
            "The same with the filters as JSON", typeof(Found), typeof(SearchBody), query: [QueryOf.Page, new(QueryOf.Any, "the filters of the GET")]);
    }

    private static async Task<Answer> SearchAsync(ApiRequest request)
    {
        var filters = Filters(request);
        var rules = new List<SegmentRule>();
        foreach (var (name, value) in filters)
        {
            if (await AddAsync(request, rules, name, value!) is { } fault)
            {
                return request.BadRequest(fault);
            }
        }

        if (rules.Count > SegmentRule.MaxLeaves)
        {
            return request.BadRequest($"A search has at most {SegmentRule.MaxLeaves} filters.");
        }

        var asked = request.Field("page") is { ValueKind: JsonValueKind.Number or JsonValueKind.String } inBody ? inBody.ToString() : null;
        var page = int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? Math.Clamp(number, 1, MaxPage) : request.Query("page", 1, 1, MaxPage);
        var rule = new AudienceRule(request.SiteId, [], [], rules.Count == 0 ? null : new SegmentRule.All(rules));
        var ids = await request.Service<Audiences>().MatchedAsync(rule, (page - 1) * PageSize, PageSize, request.Cancel);
        var people = await request.Db.Subscribers.AsNoTracking().Include(person => person.Address)
            .Where(person => ids.Contains(person.Id)).OrderBy(person => person.Id).ToListAsync(request.Cancel);
        return Answer.Ok(new Found(await BentoVisitors.RecordsAsync(request, people), new FoundMeta(page, filters)));
    }

    /// <summary>Every filter as JSON, those of the query first: <c>a[b]=c</c> is <c>{"a":{"b":"c"}}</c>, <c>a[]=b</c> a list. Null and blank ones are none.</summary>
    private static JsonObject Filters(ApiRequest request)
    {
        var filters = new JsonObject();
        foreach (var (name, values) in request.Http.Request.Query)
        {
            var bracket = name.IndexOf('[', StringComparison.Ordinal);
            var (outer, inner) = bracket > 0 && name.EndsWith(']') ? (name[..bracket], name[(bracket + 1)..^1]) : (name, null);
            if (NoFilters.Contains(outer) || values.All(string.IsNullOrWhiteSpace))
            {
                continue;
            }

            if (string.IsNullOrEmpty(inner))
            {
                filters[outer] = values.Count == 1 ? values[0] : new JsonArray([.. values.Select(value => JsonValue.Create(value))]);
            }
            else
            {
                filters[outer] = filters[outer] as JsonObject ?? [];
                filters[outer]![inner] = values[^1];
            }
        }

        if (request.Body.Json is { ValueKind: JsonValueKind.Object } body)
        {
            foreach (var property in body.EnumerateObject().Where(property => !NoFilters.Contains(property.Name)))
            {
                if (property.Value.ValueKind != JsonValueKind.Null && property.Value.ToString().Length > 0)
                {
                    filters[property.Name] = JsonNode.Parse(property.Value.GetRawText());
                }
            }
        }

        return filters;
    }

    /// <summary>One filter as rules; a sentence when it cannot be read.</summary>
    private static async Task<string?> AddAsync(ApiRequest request, List<SegmentRule> rules, string name, JsonNode value)
    {
        if (Times.Contains(name))
        {
            return AddTime(request, rules, name, value);
        }

        if (TagNames.Contains(name))
        {
            return await AddTagsAsync(request, rules, name, value);
        }

        if (name == "fields" && value is JsonObject nested)
        {
            foreach (var (field, wanted) in nested)
            {
                if (AddField(rules, field, wanted) is { } fault)
                {
                    return fault;
                }
            }

            return null;
        }

        return AddField(rules, name, value);
    }

    private static string? AddTime(ApiRequest request, List<SegmentRule> rules, string name, JsonNode value)
    {
        if (value is not JsonObject limits)
        {
            return $"\"{name}\" must be an object with \"gt\" or \"lt\".";
        }

        var zone = TimeZoneInfo.FindSystemTimeZoneById(request.Site.TimeZone);
        foreach (var (test, limit) in limits)
        {
            var word = test switch { "gt" => FieldTest.Greater, "gte" => FieldTest.GreaterOrEqual, "lt" => FieldTest.Less, "lte" => FieldTest.LessOrEqual, _ => (FieldTest?)null };
            if (word is null || limit?.GetValueKind() != JsonValueKind.String || !SendAt.TryParse(limit.GetValue<string>(), zone, out var at))
            {
                return $"\"{name}\" takes gt, gte, lt and lte with a time such as 2026-11-23T07:48:00Z.";
            }

            rules.Add(new SegmentRule.FieldIs(name, word.Value, at.ToString("O", CultureInfo.InvariantCulture)));
        }

        return null;
    }

    /// <summary>Any of the tags; by id only where the old parameter says so.</summary>
    private static async Task<string?> AddTagsAsync(ApiRequest request, List<SegmentRule> rules, string name, JsonNode value)
    {
        if (!BentoValues.TryReadTags(ApiJson.Element(new JsonObject { [name] = value.DeepClone() }.ToJsonString()), name, out var tags))
        {
            return $"\"{name}\" must be tags with commas between, or a list of them.";
        }

        if (tags.Count == 0)
        {
            return null;
        }

        if (tags.Count > SegmentRule.MaxLeaves)
        {
            return $"\"{name}\" has more than {SegmentRule.MaxLeaves} tags.";
        }

        if (name == "tag_ids")
        {
            var ids = tags.Select(tag => long.TryParse(tag, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0).ToList();
            tags = await request.Db.Tags.Where(tag => ids.Contains(tag.Id)).Select(tag => tag.Name).ToListAsync(request.Cancel);
            if (tags.Count == 0)
            {
                // A tag that does not exist is carried by nobody.
                tags = [""];
            }
        }

        rules.Add(new SegmentRule.Any([.. tags.Select(tag => new SegmentRule.HasTag(tag))]));
        return null;
    }

    private static string? AddField(List<SegmentRule> rules, string name, JsonNode? value)
    {
        object? wanted = value?.GetValueKind() switch
        {
            JsonValueKind.String => name == "email" ? BentoValues.DecodeAgain(value.GetValue<string>()).Trim() : value.GetValue<string>(),
            JsonValueKind.Number => value.AsValue().TryGetValue<long>(out var whole) ? whole : value.AsValue().TryGetValue<double>(out var real) ? real : null,
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => null,
        };
        if (wanted is null)
        {
            return $"\"{name}\" must be a text, a number, true or false.";
        }

        if (name.Contains('\0', StringComparison.Ordinal) || (wanted is string text && text.Contains('\0', StringComparison.Ordinal)))
        {
            // No stored text has it, and PostgreSQL takes none that does.
            return "A filter must not contain NUL.";
        }

        rules.Add(new SegmentRule.FieldIs(name, FieldTest.Equal, wanted));
        return null;
    }

    private sealed record Found(IReadOnlyList<BentoRecord> Data, FoundMeta Meta);

    private sealed record FoundMeta(int Page, JsonObject Query);
}
