using System.Text.RegularExpressions;
using Ekiben.Tests.Fixture;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;

namespace Ekiben.Tests.Architecture;

/// <summary>The few walls of the house (ARCHITECTURE.md), read from the sources and from the running server.</summary>
public sealed partial class WallsTests(EkibenApp app)
{
    [Fact]
    public void Hand_written_SQL_is_in_Storage_and_in_the_mailbox_which_has_a_file_of_its_own() =>
        Assert.DoesNotContain(
            Sources("src/Ekiben").Where(source => !source.StartsWith("Storage/", StringComparison.Ordinal) && source != "Mailbox/MailboxStore.cs"),
            source => Statement().IsMatch(Read("src/Ekiben", source)));

    [Fact]
    public void Bentos_words_stay_at_the_edge() =>
        Assert.DoesNotContain(
            Sources("src/Ekiben").Where(source =>
                !Path.GetFileName(source).StartsWith("Bento", StringComparison.Ordinal)
                && !source.StartsWith("Web/", StringComparison.Ordinal)
                && !source.StartsWith("Commands/", StringComparison.Ordinal)
                // Templates speak Bento's language to whoever writes them: lint reads it.
                && !source.StartsWith("Templates/Lint", StringComparison.Ordinal)
                && !source.EndsWith("ItemReader.cs", StringComparison.Ordinal)),
            source => BentoWord().IsMatch(Code(Read("src/Ekiben", source))));

    [Fact]
    public void The_libraries_know_nothing_of_the_product_the_database_or_the_network()
    {
        foreach (var library in new[] { "src/Ekiben.Liquid", "src/Ekiben.Mail" })
        {
            Assert.DoesNotContain(Sources(library), source => Outside().IsMatch(Code(Read(library, source))));
        }
    }

    [Fact]
    public void The_smtp_client_depends_on_nothing()
    {
        Assert.DoesNotContain("Reference Include", Read("src/Ekiben.Smtp", "Ekiben.Smtp.csproj"), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_endpoint_says_who_may_use_it()
    {
        var open = app.Service<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<IAuthorizeData>() is null && endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null)
            .Select(endpoint => endpoint.RoutePattern.RawText ?? "")
            // What the log-in page itself needs: Blazor's own files and scripts.
            .Where(path => !path.StartsWith("/_", StringComparison.Ordinal) && !path.StartsWith('_') && !StaticFile().IsMatch(path))
            .Order(StringComparer.Ordinal).Distinct();
        Assert.Empty(open);
    }

    private static IEnumerable<string> Sources(string folder)
    {
        var root = Path.Combine(EkibenProcess.Root, folder);
        return Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'))
            .Where(file => !file.StartsWith("bin/", StringComparison.Ordinal) && !file.StartsWith("obj/", StringComparison.Ordinal));
    }

    private static string Read(string folder, string source) => File.ReadAllText(Path.Combine(EkibenProcess.Root, folder, source));

    /// <summary>Without comments, which may speak of anything.</summary>
    private static string Code(string source) => Comment().Replace(source, "");

    [GeneratedRegex(@"""\s*(SELECT\s+[\w(]|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE)")]
    private static partial Regex Statement();

    [GeneratedRegex(@"\b[Vv]isitor|\bBento")]
    private static partial Regex BentoWord();

    [GeneratedRegex(@"using (Ekiben\.(Broadcasts|Storage|Web)|Microsoft\.(EntityFrameworkCore|Data|AspNetCore)|System\.Net\.(Sockets|Http))|TimeProvider\.System")]
    private static partial Regex Outside();

    [GeneratedRegex(@"//.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"\.(css|js|svg|ico|png|woff2?|map)(\.gz|\.br)?$|\{\*\*")]
    private static partial Regex StaticFile();
}
