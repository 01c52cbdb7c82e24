using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Ekiben.Web;

/// <summary>The type of a request's body, for the description; the handler reads the body itself.</summary>
internal sealed record BodyOf(Type Type);

/// <summary>A parameter of the query, for the description; strict sites (<see cref="StrictRequest"/>) hold requests to it.</summary>
internal sealed record QueryOf(string Name, string Description)
{
    /// <summary>A name that stands for every other one.</summary>
    public const string Any = "*";

    /// <summary>The words it may be, null for any text.</summary>
    public IReadOnlyList<string>? OneOf { get; init; }

    /// <summary>The least and the greatest whole number, null when it is no number.</summary>
    public (int Min, int Max)? Numbers { get; init; }

    /// <summary>The <c>page</c> of Bento's lists, from 1.</summary>
    public static QueryOf Page { get; } = new("page", "from 1") { Numbers = (1, 1_000_000) };
}

/// <summary>Both APIs described as OpenAPI 3.1, and a page that shows it.</summary>
internal static class ApiDocs
{
    private const string DocumentPath = ApiStyles.EkibenRoot + "/openapi.json";
    private const string PagePath = ApiStyles.EkibenRoot + "/docs";

    public static RouteHandlerBuilder Describe(
        this RouteHandlerBuilder route, string summary, Type? answer = null, Type? body = null, int status = StatusCodes.Status200OK, params QueryOf[] query)
    {
        route.WithSummary(summary);
        if (answer is not null)
        {
            route.Produces(status, answer, "application/json");
        }
        else
        {
            route.Produces(status);
        }

        if (body is not null)
        {
            route.WithMetadata(new BodyOf(body));
        }

        foreach (var parameter in query)
        {
            route.WithMetadata(parameter);
        }

        return route;
    }

    public static void AddApiDocs(this IServiceCollection services) => services.AddOpenApi("v1", document =>
    {
        document.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        document.ShouldInclude = description => ApiStyles.Has("/" + description.RelativePath);
        document.AddDocumentTransformer((description, _, _) =>
        {
            description.Info = new OpenApiInfo
            {
                Title = "Ekiben",
                Version = "v1",
                Description = "Under /api/v1 Bento's API, for programs written for Bento; errors are `{\"error\":\"one sentence\"}`. Under /api/ekiben/v1 what it lacks: "
                    + "layouts, segments, approvals, receipts; errors are problem+json with a stable `code`. Every POST takes an `Idempotency-Key`.",
            };
            description.Servers = [];
            description.Components ??= new OpenApiComponents();
            description.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                ["key"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "basic", Description = "publishable_key : secret_key" },
            };
            description.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("key", description)] = [] }];
            return Task.CompletedTask;
        });
        document.AddOperationTransformer(DescribeAsync);
    });

    public static void MapApiDocs(this WebApplication app)
    {
        app.MapOpenApi(DocumentPath).RequireAuthorization(Api.AnyLoginPolicy);

        // The page's own script is mapped for everybody; here it needs what its page needs.
        var pages = app.MapGroup("").RequireAuthorization(Api.AnyLoginPolicy);
        ((IEndpointConventionBuilder)pages).Finally(endpoint =>
        {
            foreach (var open in endpoint.Metadata.OfType<IAllowAnonymous>().ToList())
            {
                endpoint.Metadata.Remove(open);
            }
        });
        pages.MapScalarApiReference(PagePath, (page, http) =>
        {
            var nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
            // Scalar's page is one inline module: it runs by nonce, everything else stays as strict as the platform's own pages.
            http.Response.Headers.ContentSecurityPolicy =
                $"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
                + "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
            http.Response.Headers.XContentTypeOptions = "nosniff";
            http.Response.Headers["Referrer-Policy"] = "no-referrer";
            page.WithTitle("Ekiben API").WithOpenApiRoutePattern(DocumentPath).WithNonce(nonce).DisableDefaultFonts().DisableAgent().DisableMcp().DisableTelemetry();
            page.HideClientButton = true;
            page.ShowDeveloperTools = DeveloperToolsVisibility.Never;
        });
    }

    private static async Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancel)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        operation.Parameters ??= [];
        foreach (var segment in (context.Description.RelativePath ?? "").Split('/'))
        {
            if (segment is ['{', .. var name, '}'])
            {
                operation.Parameters.Add(Parameter(name, ParameterLocation.Path, null));
            }
        }

        foreach (var query in metadata.OfType<QueryOf>())
        {
            var parameter = Parameter(query.Name, ParameterLocation.Query, query.Description);
            if (query.Name == QueryOf.Any)
            {
                (parameter.Name, parameter.Style, parameter.Explode) = ("filters", ParameterStyle.Form, true);
                parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.Object };
            }
            else if (query.Numbers is { } range)
            {
                parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = Number(range.Min), Maximum = Number(range.Max) };
            }
            else if (query.OneOf is { } words)
            {
                parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.String, Enum = [.. words.Select(word => (JsonNode)JsonValue.Create(word))] };
            }

            operation.Parameters.Add(parameter);
        }

        if (metadata.OfType<BodyOf>().FirstOrDefault() is { } body)
        {
            var schema = await context.GetOrCreateSchemaAsync(body.Type, null, cancel);
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = new() { Schema = schema } },
            };
        }
    }

    private static string Number(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static OpenApiParameter Parameter(string name, ParameterLocation place, string? description) => new()
    {
        Name = name,
        In = place,
        Required = place == ParameterLocation.Path,
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
    };
}
