using System.Text.RegularExpressions;
using Ekiben.Tests.Fixture;
using Ekiben.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Ekiben.Tests.Web;

/// <summary>A route of either API, as the running server has it.</summary>
internal sealed record ApiRoute(string Method, string Pattern, EndpointMetadataCollection Metadata)
{
    /// <summary>Whether an example is one of this route; the part of a path that a parameter stands for may be anything.</summary>
    public bool Takes(HttpExample example) =>
        example.Method == Method && Regex.IsMatch(example.Route.TrimEnd('/'), "^" + string.Join('/', Pattern.Split('/').Select(Part)) + "$");

    public override string ToString() => $"{Method} {Pattern}";

    private static string Part(string segment) => segment.StartsWith('{') ? @"(?:\{\{[^}]*\}\}|[^/{]+)" : Regex.Escape(segment);
}

/// <summary>The routes that a key opens, from the server's own list: a new one is among them by itself.</summary>
internal static class ApiRoutes
{
    public static IReadOnlyList<ApiRoute> All(EkibenApp app) =>
    [
        .. app.Service<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.OfType<IAuthorizeData>().Any(policy => policy.Policy == Api.KeyPolicy) && endpoint.RoutePattern.RawText?.Contains("**", StringComparison.Ordinal) == false)
            .SelectMany(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(method => new ApiRoute(method, "/" + endpoint.RoutePattern.RawText!.Trim('/'), endpoint.Metadata)))
            .OrderBy(route => route.Pattern, StringComparer.Ordinal).ThenBy(route => route.Method, StringComparer.Ordinal),
    ];
}
