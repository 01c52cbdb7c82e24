using Ekiben.Broadcasts;
using Ekiben.Events;
using Ekiben.Experimental;
using Ekiben.Fields;
using Ekiben.Mailbox;
using Ekiben.Mails;
using Ekiben.Segments;
using Ekiben.Sequences;
using Ekiben.Sites;
using Ekiben.Stats;
using Ekiben.Subscribers;
using Ekiben.Tags;
using Ekiben.Templates;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;

namespace Ekiben.Web;

/// <summary>Both HTTP APIs in one place: Bento's under <c>/api/v1</c>, ours under <c>/api/ekiben/v1</c>. Their rules are in <see cref="ApiEdge"/>.</summary>
internal static class Api
{
    /// <summary>A key, and nothing else: cookies never open the API, so no other site's page can use them on it.</summary>
    public const string KeyPolicy = "api-key";

    /// <summary>A key or a log-in to the platform: for pages about the API.</summary>
    public const string AnyLoginPolicy = "any-login";

    private const string AnyLogin = "AnyLogin";

    public static void AddApi(this IServiceCollection services)
    {
        services.AddSingleton<IStartupFilter, BentoLeniency>();
        services.AddSingleton<BadLoginLimit>();
        services.AddSingleton<Idempotency>();
        services.AddSingleton<RequestRate>();
        services.ConfigureHttpJsonOptions(json => ApiJson.Apply(json.SerializerOptions));
        // The framework logs every refused key; under an attack that would be all there is in the log. The limit says it by 429.
        services.AddLogging(logging => logging.AddFilter(typeof(ApiKeyAuthentication).FullName, LogLevel.Warning));
        services.AddAuthentication()
            .AddScheme<AuthenticationSchemeOptions, ApiKeyAuthentication>(ApiKeyAuthentication.SchemeName, null)
            .AddPolicyScheme(AnyLogin, null, either => either.ForwardDefaultSelector = http =>
                http.Request.Headers.Authorization.Count == 0 && http.Request.Cookies.Count > 0
                    ? IdentityConstants.ApplicationScheme
                    : ApiKeyAuthentication.SchemeName);
        services.AddAuthorizationBuilder()
            .AddPolicy(KeyPolicy, policy => policy.AddAuthenticationSchemes(ApiKeyAuthentication.SchemeName).RequireAuthenticatedUser())
            .AddPolicy(AnyLoginPolicy, policy => policy.AddAuthenticationSchemes(AnyLogin).RequireAuthenticatedUser());
        services.AddApiDocs();
    }

    public static void MapApi(this WebApplication app)
    {
        var bento = app.MapGroup(ApiStyles.BentoRoot).RequireAuthorization(KeyPolicy);
        bento.MapBentoBroadcasts();
        bento.MapBentoSubscribers();
        bento.MapBentoSearch();
        bento.MapBentoCommands();
        bento.MapBentoEvents();
        bento.MapBentoMails();
        bento.MapBentoTags();
        bento.MapBentoFields();
        bento.MapBentoSegments();
        bento.MapBentoTemplates();
        bento.MapBentoStats();
        bento.MapBentoAds();
        bento.MapBentoResponses();
        bento.MapBentoErasure();
        bento.MapBentoExperimental();
        bento.MapBentoSequences();
        bento.MapBentoFlows();
        bento.MapBentoAuthors();
        bento.MapNothingElse();
        app.MapGroup(ApiStyles.TrackingPath).RequireAuthorization(KeyPolicy).MapBentoTracking();

        app.MapApiDocs();
        var ours = app.MapGroup(ApiStyles.EkibenRoot).RequireAuthorization(KeyPolicy);
        ours.MapBroadcasts();
        ours.MapRehearsals();
        ours.MapLint();
        ours.MapLayouts();
        ours.MapSegments();
        ours.MapMails();
        ours.MapSequences();
        ours.MapMailbox();
        ours.MapNothingElse();
    }

    /// <summary>Paths that are no route answer 404 as JSON, and only to callers with a key.</summary>
    private static void MapNothingElse(this RouteGroupBuilder group)
    {
        foreach (var method in (string[])["GET", "POST", "PUT", "PATCH", "DELETE"])
        {
            group.Map(method, "/{**path}", request => Task.FromResult(request.NotFound($"There is no {request.Http.Request.Method} {request.Http.Request.Path}.")))
                .ExcludeFromDescription()
                .WithOrder(int.MaxValue);
        }
    }
}
