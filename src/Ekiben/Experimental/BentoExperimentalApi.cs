using System.Text.Json;
using Ekiben.Dns;
using Ekiben.Web;

namespace Ekiben.Experimental;

/// <summary>
/// Bento's small judgements. Parameters come as JSON or in the query of a POST without a body. Domains and block lists are
/// asked for over DNS. What would need a source of facts that this server does not have (places, genders) answers that it does not know, in the
/// shape that clients read.
/// </summary>
internal static class BentoExperimentalApi
{
    /// <summary>Longer texts are no comments that somebody wrote into a form.</summary>
    private const int MaxContent = 64 << 10;

    public static void MapBentoExperimental(this RouteGroupBuilder bento)
    {
        const string tag = "Bento: judgements";
        QueryOf email = new("email", "the address");
        QueryOf[] hosts = [new("domain", "a domain"), new("ip", "or an address"), new("ip_address", "the same")];
        bento.Map("POST", "/experimental/validation", ValidationAsync).WithTags(tag).Describe("Whether an address may exist", typeof(Validated), typeof(ValidationBody));
        bento.Map("POST", "/experimental/jesses_ruleset", RulesetAsync).WithTags(tag).Describe("The same with reasons", typeof(Ruled), typeof(RulesetBody));
        bento.Map("POST", "/experimental/content_moderation", ModerationAsync).WithTags(tag).Describe("A text without what runs", typeof(Moderated), typeof(ContentBody));
        bento.Map("POST", "/experimental/moderation", ModerationAsync).WithTags(tag).Describe("The same, for old clients", typeof(Moderated), typeof(ContentBody));
        bento.Map("POST", "/experimental/gender", GenderAsync).WithTags(tag).Describe("Always unknown", typeof(Gender), typeof(GenderBody));
        bento.Map("GET", "/experimental/geolocation", _ => Answered(new Nowhere())).WithTags(tag).Describe("Always empty", typeof(Nowhere), query: [new QueryOf("ip", "an address")]);
        bento.Map("GET", "/experimental/blacklist", BlacklistAsync).WithTags(tag).Describe("What block lists say of a domain or an address", typeof(Blacklist), query: hosts);
        bento.Map("POST", "/experimental/blacklist", BlacklistAsync).WithTags(tag).Describe("The same", typeof(Blacklist), typeof(BlacklistBody));
        bento.Map("GET", "/fetch/spam/valid", async request => Answer.Ok(new { data = new Validated(await IsValidAsync(request)) }))
            .WithTags(tag).Describe("Whether an address may exist", query: [email]);
        bento.Map("GET", "/fetch/spam/risky", async request => Answer.Ok(new { data = new { risky = AddressJudgement.Of(Given(request, "email")).IsRole || !await IsValidAsync(request) } }))
            .WithTags(tag).Describe("Whether it is of a desk, or may not exist", query: [email]);
    }

    /// <summary>Also when name servers say nothing: not to know is no reason to refuse somebody.</summary>
    private static async Task<bool> IsValidAsync(ApiRequest request)
    {
        var judged = AddressJudgement.Of(Given(request, "email"));
        return judged.IsValid && await MailDomainAsync(request, judged) != MailDomainState.TakesNoMail;
    }

    private static async Task<MailDomainState> MailDomainAsync(ApiRequest request, AddressJudgement judged) =>
        judged.Domain is { } domain && !judged.IsReserved ? await MailDomain.AskAsync(request.Service<DnsResolver>(), domain, request.Cancel) : MailDomainState.Unknown;

    private static async Task<Answer> ValidationAsync(ApiRequest request) => Answer.Ok(new Validated(await IsValidAsync(request)));

    private static async Task<Answer> RulesetAsync(ApiRequest request)
    {
        var judged = AddressJudgement.Of(Given(request, "email"));
        var domain = await MailDomainAsync(request, judged);
        var reasons = new List<string>();
        if (!judged.IsAddress)
        {
            reasons.Add("Email is not an address");
        }

        if (judged.IsReserved || domain == MailDomainState.TakesNoMail)
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

        return Answer.Ok(new Ruled(reasons.Count == 0, reasons));
    }

    private static Task<Answer> ModerationAsync(ApiRequest request)
    {
        var content = Given(request, "content");
        if (content?.Length > MaxContent)
        {
            return Task.FromResult(request.BadRequest($"content has at most {MaxContent} characters."));
        }

        var judged = ContentJudgement.Of(content);
        return Answered(new Moderated(judged.Reasons.Count == 0, judged.Reasons, judged.SafeContent));
    }

    /// <summary>A name says too little of a person to guess; 0.0 because some clients die of null.</summary>
    private static Task<Answer> GenderAsync(ApiRequest request) => Given(request, "name") is null
        ? Task.FromResult(request.BadRequest("name is required."))
        : Answered(new Gender("unknown", 0.0));

    /// <summary>What no list says is false, and <c>unknown</c> names the lists that said nothing. One client's typed method reads a list.</summary>
    private static async Task<Answer> BlacklistAsync(ApiRequest request)
    {
        if ((Given(request, "domain") ?? Given(request, "ip") ?? Given(request, "ip_address")) is not { } query)
        {
            return request.BadRequest("domain or ip is required.");
        }

        if (query.Length > 253 || BlockLists.Asked(query, out var isAddress) is not { } asked)
        {
            return request.BadRequest("This is neither a domain nor an IP address.");
        }

        var said = await new BlockLists(request.Service<DnsResolver>()).AskAsync(asked, isAddress, request.Cancel);
        var unknown = said.Where(one => one.Value == ListingState.Unknown).Select(one => one.Key).ToList();
        var answer = new Blacklist(query, Description(said.Count, unknown), said.ToDictionary(one => one.Key, one => one.Value == ListingState.Listed), unknown);
        return request.Http.Request.Headers.UserAgent.ToString().StartsWith("bento-dotnet-", StringComparison.OrdinalIgnoreCase)
            && request.Http.Features.Get<BentoLeniency.JsonSuffix>() is not null
                ? Answer.Ok(new[] { answer })
                : Answer.Ok(answer);
    }

    private static string Description(int lists, List<string> unknown) => unknown.Count == lists
        ? "Not looked up: no block list answered, so every result is false."
        : $"Looked up over DNS. These lists were not asked or gave no answer, and their results are false: {string.Join(", ", unknown)}.";

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

    private sealed record Blacklist(string Query, string Description, IReadOnlyDictionary<string, bool> Results, IReadOnlyList<string> Unknown);

    private sealed record Validated(bool Valid);

    private sealed record Ruled(bool Valid, IReadOnlyList<string> Reasons);

    private sealed record Moderated(bool Valid, IReadOnlyList<string> Reasons, string SafeOriginalContent);

    private sealed record Nowhere;
}
