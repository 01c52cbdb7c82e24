using System.Net;
using Ekiben.Tests.Fixture;
using Microsoft.OpenApi;

namespace Ekiben.Tests.Web;

/// <summary>The description that the server gives of its APIs.</summary>
public sealed class OpenApiTests(EkibenApp app)
{
    [Fact]
    public async Task The_description_is_valid_and_has_every_route()
    {
        var site = await app.AddSiteAsync();
        var reply = await site.GetAsync("/api/ekiben/v1/openapi.json");
        Assert.Equal(HttpStatusCode.OK, reply.Status);

        var read = OpenApiDocument.Parse(reply.Text, OpenApiConstants.Json);
        Assert.Empty(read.Diagnostic!.Errors.Select(error => error.ToString()));
        Assert.Empty(read.Diagnostic.Warnings.Select(warning => warning.ToString()));
        Assert.Equal(OpenApiSpecVersion.OpenApi3_1, read.Diagnostic.SpecificationVersion);

        var described = read.Document!.Paths
            .SelectMany(path => path.Value.Operations!.Select(operation => $"{operation.Key.Method} {path.Key.TrimEnd('/')}")).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(ApiRoutes.All(app).Select(route => route.ToString()).Order(StringComparer.Ordinal), described);
    }

    [Fact]
    public async Task Every_operation_says_what_it_is_and_its_references_lead_somewhere()
    {
        var site = await app.AddSiteAsync();
        var document = OpenApiDocument.Parse((await site.GetAsync("/api/ekiben/v1/openapi.json")).Text, OpenApiConstants.Json).Document!;
        var operations = document.Paths.SelectMany(path => path.Value.Operations!.Select(operation => (path.Key, Method: operation.Key, Operation: operation.Value))).ToList();
        Assert.Empty(operations.Where(one => string.IsNullOrWhiteSpace(one.Operation.Summary) || one.Operation.Responses is not { Count: > 0 } || one.Operation.Tags is not { Count: > 0 }).Select(one => $"{one.Method} {one.Key}"));

        // A POST, PUT or PATCH that says nothing of its body takes none.
        var bodies = operations.Where(one => one.Operation.RequestBody is not null).Select(one => one.Operation.RequestBody!.Content!["application/json"].Schema!);
        Assert.All(bodies, schema => Assert.True(schema is not OpenApiSchemaReference reference || reference.Target is not null));
        Assert.Contains(operations, one => one.Key == "/api/v1/batch/broadcasts" && one.Operation.RequestBody is not null);
    }
}
