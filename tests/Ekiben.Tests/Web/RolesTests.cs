using System.Net;
using Ekiben.Accounts;
using Ekiben.Tests.Fixture;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Components.Endpoints;
using Microsoft.AspNetCore.Routing;

namespace Ekiben.Tests.Web;

/// <summary>Each page of the platform for each role. A new page fails here until it stands in the table.</summary>
public sealed class RolesTests(EkibenApp app)
{
    /// <summary>Which right opens a page, by its route. docs/operations/roles.md has the same for people.</summary>
    private static readonly Dictionary<string, string> Pages = new()
    {
        ["/"] = Policies.Look,
        ["/broadcasts"] = Policies.Look,
        ["/broadcasts/{Number:long}"] = Policies.Look,
        ["/broadcasts/new"] = Policies.Write,
        ["/broadcasts/{Number:long}/edit"] = Policies.Write,
        ["/broadcasts/{Number:long}/recipients"] = Policies.Look,
        ["/broadcasts/{Number:long}/left-out"] = Policies.Look,
        ["/broadcasts/{Number:long}/why"] = Policies.Look,
        ["/broadcasts/{Number:long}/report"] = Policies.Look,
        ["/broadcasts/{Number:long}/audience"] = Policies.Look,
        ["/approval-rules/{Uuid}"] = Policies.Look,
        ["/mailbox"] = Policies.Look,
        ["/mailbox/{Number:long}"] = Policies.Look,
        ["/mails"] = Policies.Look,
        ["/sequences"] = Policies.Look,
        ["/sequences/{PublicId}"] = Policies.Look,
        ["/sequences/{PublicId}/steps/new"] = Policies.Look,
        ["/sequences/{PublicId}/steps/{Id:long}"] = Policies.Look,
        ["/subscribers"] = Policies.Look,
        ["/subscribers/new"] = Policies.Look,
        ["/subscribers/{Id:long}"] = Policies.Look,
        ["/segments"] = Policies.Look,
        ["/segments/{PublicId}"] = Policies.Look,
        ["/tags"] = Policies.Look,
        ["/tags/{Id:long}"] = Policies.Look,
        ["/fields"] = Policies.Look,
        ["/fields/{Id:long}"] = Policies.Look,
        ["/layouts"] = Policies.Look,
        ["/layouts/{PublicId}"] = Policies.Look,
        ["/setup"] = Policies.Own,
        ["/settings/sites"] = Policies.Own,
        ["/settings/sites/{Uuid}"] = Policies.Own,
        ["/settings/senders"] = Policies.Own,
        ["/settings/senders/{Id:long}"] = Policies.Own,
        ["/settings/keys"] = Policies.Own,
        ["/settings/keys/{Id:long}"] = Policies.Own,
        ["/settings/relays"] = Policies.Own,
        ["/settings/relays/new"] = Policies.Own,
        ["/settings/relays/{Id:long}"] = Policies.Own,
        ["/settings/providers"] = Policies.Own,
        ["/settings/domains"] = Policies.Own,
        ["/settings/domains/{Domain}"] = Policies.Own,
        ["/settings/accounts"] = Policies.Own,
        ["/settings/accounts/{Id}"] = Policies.Own,
    };

    private static readonly string[] Open = ["/login", "/login/{Token}", "/welcome/{Token}", "/error", "/not-found"];

    [Fact]
    public void Every_page_stands_in_the_table_with_its_right()
    {
        var pages = app.Service<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<ComponentTypeMetadata>() is not null && endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null)
            .Select(endpoint => (Route: endpoint.RoutePattern.RawText!, Policy: endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>().Select(asked => asked.Policy).OfType<string>()
                .OrderByDescending(name => Policies.All[name]).First()))
            .Distinct().ToDictionary(page => "/" + page.Route.TrimStart('/'), page => page.Policy);

        Assert.Equal(Pages.OrderBy(page => page.Key, StringComparer.Ordinal), pages.OrderBy(page => page.Key, StringComparer.Ordinal));
    }

    [Fact]
    public void Only_the_way_in_is_open_to_everybody()
    {
        var open = app.Service<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<ComponentTypeMetadata>() is not null && endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null)
            .Select(endpoint => "/" + endpoint.RoutePattern.RawText!.TrimStart('/')).Distinct();

        Assert.Equal(Open.Order(StringComparer.Ordinal), open.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(Roles.Owner, Right.Own)]
    [InlineData(Roles.Approver, Right.Approve)]
    [InlineData(Roles.Author, Right.Write)]
    [InlineData(Roles.Viewer, Right.Look)]
    internal async Task Each_page_is_shown_or_says_that_it_is_not_for_the_role(string role, Right has)
    {
        var user = await PlatformVisitor.AddUserAsync(app, role);
        using var visitor = new PlatformVisitor(app);
        (await visitor.LogInAsync(user.Email!)).Dispose();

        foreach (var (route, policy) in Pages)
        {
            var path = route.Replace("{Number:long}", "1", StringComparison.Ordinal).Replace("{Id:long}", "1", StringComparison.Ordinal)
                .Replace("{PublicId}", "new", StringComparison.Ordinal).Replace("{Uuid}", "none", StringComparison.Ordinal).Replace("{Domain}", "acme.example", StringComparison.Ordinal).Replace("{Id}", "none", StringComparison.Ordinal);
            using var answer = await visitor.GetAsync(path);
            var mayOpen = Policies.All[policy] <= has;
            Assert.True(answer.StatusCode == (mayOpen ? HttpStatusCode.OK : HttpStatusCode.Forbidden), $"{role} at {path}: {answer.StatusCode}");
            var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.Equal(!mayOpen, text.Contains("Not for your role", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_role_that_was_taken_away_counts_at_the_next_request_and_an_ended_log_in_leads_to_the_log_in()
    {
        var user = await PlatformVisitor.AddUserAsync(app, Roles.Owner);
        using var visitor = new PlatformVisitor(app);
        (await visitor.LogInAsync(user.Email!)).Dispose();
        using (var before = await visitor.GetAsync("/settings/sites"))
        {
            Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        }

        await app.WriteAsync(db => UserRoles.SetAsync(db, user.Id, Roles.Author, TestContext.Current.CancellationToken));
        using (var after = await visitor.GetAsync("/settings/sites"))
        {
            Assert.Equal(HttpStatusCode.Forbidden, after.StatusCode);
        }

        await app.WriteAsync(db =>
        {
            UserRoles.EndLogIns(db.Users.Single(u => u.Id == user.Id));
            return Task.CompletedTask;
        });
        using var ended = await visitor.GetAsync("/tags");
        Assert.Equal(HttpStatusCode.Redirect, ended.StatusCode);
        Assert.Contains("/login?returnUrl=%2Ftags", ended.Headers.Location!.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Roles.Author, HttpStatusCode.OK)]
    [InlineData(Roles.Viewer, HttpStatusCode.Forbidden)]
    public async Task Only_who_may_write_takes_people_away_as_a_file(string role, HttpStatusCode expected)
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "ann@example.com", first_name = "=1+1", last_name = "O\"Neil, B" });
        var user = await PlatformVisitor.AddUserAsync(app, role);
        using var visitor = new PlatformVisitor(app);
        (await visitor.LogInAsync(user.Email!)).Dispose();

        using var answer = await visitor.GetAsync($"/subscribers.csv?site={site.Uuid}");

        Assert.Equal(expected, answer.StatusCode);
        if (expected == HttpStatusCode.OK)
        {
            var lines = (await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Split("\r\n");
            Assert.Equal("email,first_name,last_name,state,unsubscribed_at,created_at", lines[0]);
            Assert.StartsWith("ann@example.com,'=1+1,\"O\"\"Neil, B\",subscribed,,", lines[1], StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(Roles.Author, "audience.csv?group=recipients", HttpStatusCode.OK, "ann@example.com,'=1+1,")]
    [InlineData(Roles.Author, "audience.csv?group=friends", HttpStatusCode.NotFound, null)]
    [InlineData(Roles.Author, "recipients.csv?state=accepted", HttpStatusCode.OK, "email,state,attempts,code,reply,message_id,at")]
    [InlineData(Roles.Author, "left-out.csv?reason=excluded", HttpStatusCode.OK, "email,reason")]
    [InlineData(Roles.Viewer, "audience.csv", HttpStatusCode.Forbidden, null)]
    public async Task The_people_of_a_broadcast_go_into_a_file_for_who_may_write(string role, string list, HttpStatusCode expected, string? contained)
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "ann@example.com", first_name = "=1+1" });
        var id = await site.CreatedAsync(new { name = "Draft", subject = "Hi", content = "<p>Hello</p>", type = "plain" });
        var user = await PlatformVisitor.AddUserAsync(app, role);
        using var visitor = new PlatformVisitor(app);
        (await visitor.LogInAsync(user.Email!)).Dispose();

        using var answer = await visitor.GetAsync($"/broadcasts/{id}/{list}");

        Assert.Equal(expected, answer.StatusCode);
        if (contained is not null)
        {
            Assert.Contains(contained, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
            await using var db = app.Database.Open(site.Id);
            Assert.Equal($"user:{user.Email}", Assert.Single(db.AuditLog.Where(entry => entry.Action == "people.exported" && entry.Subject == "broadcast:" + id).ToList()).Actor);
        }
    }
}
