using System.Text.Json;
using Ekiben.Web;

namespace Ekiben.Experimental;

/// <summary>
/// Bento's small judgements. Parameters come as JSON or in the query of a POST without a body. What would need a source of facts that this server
/// does not have (places, block lists, genders) answers that it does not know, in the shape that clients read.
/// </summary>
internal static class BentoExperimentalApi
{
    /// <summary>Longer texts are no comments that somebody wrote into a form.</summary>
    private const int MaxContent = 64 << 10;

    public static void MapBentoExperimental(this RouteGroupBuilder bento)
    {
        bento.Map("POST", "/experimental/validation", request => Answered(new { valid = AddressJudgement.Of(Given(request, "email")).IsValid }));
        bento.Map("POST", "/experimental/jesses_ruleset", RulesetAsync);
        bento.Map("POST", "/experimental/content_moderation", ModerationAsync);
        bento.Map("POST", "/experimental/moderation", ModerationAsync);
        bento.Map("POST", "/experimental/gender", GenderAsync);
        bento.Map("GET", "/experimental/geolocation", _ => Answered(new { }));
        bento.Map("GET", "/experimental/blacklist", BlacklistAsync);
        bento.Map("POST", "/experimental/blacklist", BlacklistAsync);
        bento.Map("GET", "/fetch/spam/valid", request => Answered(new { data = new { valid = AddressJudgement.Of(Given(request, "email")).IsValid } }));
        bento.Map("GET", "/fetch/spam/risky", request => Answered(new { data = new { risky = AddressJudgement.Of(Given(request, "email")).IsRisky } }));
    }

    private static Task<Answer> RulesetAsync(ApiRequest request)
    {
        var judged = AddressJudgement.Of(Given(request, "email"));
        var reasons = new List<string>();
        if (!judged.IsAddress)
        {
            reasons.Add("Email is not an address");
        }

        if (judged.IsReserved)
        {
            reasons.Add("Domain takes no mail");
        }

        if (judged.IsDisposable)
        {
            reasons.Add("Domain gives out disposable addresses");
        }

        if (judged.IsRole && Given(request, "wiggleroom") is not ("true" or "1"))
        {
            reasons.Add("Address is of a desk and not of a person");
        }

        if (judged.IsFreeProvider && Given(request, "block_free_providers") is "true" or "1")
        {
            reasons.Add("Domain is a free provider");
        }

        return Answered(new { valid = reasons.Count == 0, reasons });
    }

    private static Task<Answer> ModerationAsync(ApiRequest request)
    {
        var content = Given(request, "content");
        if (content?.Length > MaxContent)
        {
            return Task.FromResult(request.BadRequest($"content has at most {MaxContent} characters."));
        }

        var judged = ContentJudgement.Of(content);
        return Answered(new { valid = judged.Reasons.Count == 0, judged.Reasons, safe_original_content = judged.SafeContent });
    }

    /// <summary>A name says too little of a person to guess; 0.0 because some clients die of null.</summary>
    private static Task<Answer> GenderAsync(ApiRequest request) => Given(request, "name") is null
        ? Task.FromResult(request.BadRequest("name is required."))
        : Answered(new Gender("unknown", 0.0));

    /// <summary>No list is asked. One client's typed method reads a list.</summary>
    private static Task<Answer> BlacklistAsync(ApiRequest request)
    {
        if ((Given(request, "domain") ?? Given(request, "ip") ?? Given(request, "ip_address")) is not { } query)
        {
            return Task.FromResult(request.BadRequest("domain or ip is required."));
        }

        var answer = new Blacklist(query, "Not looked up: this server asks no block lists, so every result is false.", new Listings(false, false, false, false, false, false));
        return request.Http.Request.Headers.UserAgent.ToString().StartsWith("bento-dotnet-", StringComparison.OrdinalIgnoreCase)
            && request.Http.Features.Get<BentoLeniency.JsonSuffix>() is not null
                ? Answered(new[] { answer })
                : Answered(answer);
    }

    /// <summary>A parameter of the body, else of the query, as text; null when absent or blank.</summary>
    private static string? Given(ApiRequest request, string name)
    {
        var value = request.Field(name);
        var text = value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Number => value.GetRawText(),
            JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            _ => request.Query(name),
        };
        text = name == "email" && text is not null ? BentoValues.DecodeAgain(text) : text;
        return string.IsNullOrWhiteSpace(text) ? null : text;
    }

    private static Task<Answer> Answered<T>(T value) => Task.FromResult(Answer.Ok(value));

    private sealed record Gender([property: System.Text.Json.Serialization.JsonPropertyName("gender")] string Guess, double Confidence);

    private sealed record Blacklist(string Query, string Description, Listings Results);

    private sealed record Listings(bool JustRegistered, bool Spamhaus, bool Nordspam, bool Spfbl, bool Sorbs, bool Abusix);
}
