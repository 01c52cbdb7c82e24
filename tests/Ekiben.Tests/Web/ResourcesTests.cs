using System.Net;
using System.Text.Json;
using Ekiben.Accounts;
using Ekiben.Fields;
using Ekiben.Tests.Fixture;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Ekiben.Tests.Web;

/// <summary>Tags, fields, authors, segments and layouts, under both roofs.</summary>
public class ResourcesTests(EkibenApp app)
{
    [Fact]
    public async Task A_tag_is_made_once_and_a_deleted_one_comes_back()
    {
        var site = await app.AddSiteAsync();
        var made = (await site.PostAsync("/api/v1/fetch/tags", new { tag = new { name = "VIP" } })).Json;
        Assert.Equal("tags", made.GetProperty("type").GetString());
        var attributes = made.GetProperty("data").GetProperty("attributes");
        Assert.Equal("VIP", attributes.GetProperty("name").GetString());
        Assert.Equal(JsonValueKind.Null, attributes.GetProperty("discarded_at").ValueKind);
        Assert.Equal(JsonValueKind.Number, attributes.GetProperty("site_id").ValueKind);

        await app.WriteAsync(async db => (await db.Tags.SingleAsync(t => t.SiteId == site.Id)).DiscardedAt = app.Options.Clock.GetUtcNow());
        Assert.Equal(JsonValueKind.String, (await site.GetAsync("/api/v1/fetch/tags")).Json.GetProperty("data")[0].GetProperty("attributes").GetProperty("discarded_at").ValueKind);
        var again = (await site.PostAsync("/api/v1/fetch/tags", new { tag = new { name = "vip" } })).Json;
        Assert.Equal(made.GetProperty("id").GetString(), again.GetProperty("id").GetString());
        Assert.Equal(JsonValueKind.Null, again.GetProperty("attributes").GetProperty("discarded_at").ValueKind);
    }

    [Theory]
    [InlineData("""{"tag":{"name":""}}""")]
    [InlineData("""{"tag":{"name":"a,b"}}""")]
    [InlineData("""{"tag":{}}""")]
    [InlineData("""{"tag":"x"}""")]
    [InlineData("""{"name":"x"}""")]
    public async Task A_tag_without_a_good_name_is_400(string body)
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await site.PostAsync("/api/v1/fetch/tags", body)).Status);
    }

    [Fact]
    public async Task A_field_is_made_once_with_a_name_for_people()
    {
        var site = await app.AddSiteAsync();
        var made = (await site.PostAsync("/api/v1/fetch/fields", new { field = new { key = "favourite_colour" } })).Json;
        Assert.Equal("visitors-fields", made.GetProperty("data").GetProperty("type").GetString());
        Assert.Equal("Favourite Colour", made.GetProperty("attributes").GetProperty("name").GetString());
        Assert.Equal(JsonValueKind.Null, made.GetProperty("attributes").GetProperty("whitelisted").ValueKind);
        var again = (await site.PostAsync("/api/v1/fetch/fields", new { field = new { key = "favourite_colour" } })).Json;
        Assert.Equal(made.GetProperty("id").GetString(), again.GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.BadRequest, (await site.PostAsync("/api/v1/fetch/fields", new { field = new { key = " " } })).Status);
    }

    [Theory]
    [InlineData("phone", "Phone")]
    [InlineData("favouriteColour", "Favourite Colour")]
    [InlineData("favourite-colour", "Favourite Colour")]
    [InlineData("favourite colour", "Favourite Colour")]
    [InlineData("siteURL", "Site URL")]
    [InlineData("__", "__")]
    public void A_fields_name_is_made_from_its_key(string key, string name) => Assert.Equal(name, FieldName.Of(key));

    [Fact]
    public async Task Authors_are_listed_first_one_first()
    {
        var site = await app.AddSiteAsync();
        await app.WriteAsync(db =>
        {
            db.Authors.Add(new Ekiben.Sites.Author { SiteId = site.Id, Email = "a@example.com", Name = "A" });
            return Task.CompletedTask;
        });
        var authors = (await site.GetAsync("/api/v1/fetch/authors")).Json.GetProperty("data").EnumerateArray();
        Assert.Equal(["news@example.com", "a@example.com"], authors.Select(a => a.GetProperty("attributes").GetProperty("email").GetString()));
    }

    [Fact]
    public async Task A_segment_lives_from_making_to_deleting_and_shows_under_both_apis()
    {
        var site = await app.AddSiteAsync();
        var made = await site.PostAsync("/api/ekiben/v1/segments", new { name = "Pro", description = "d", rule = new { field = "plan", op = "eq", value = "pro" } });
        Assert.Equal(HttpStatusCode.Created, made.Status);
        var id = made.Json.GetProperty("id").GetString()!;
        Assert.Matches("^segment_[a-z0-9]{12}$", id);

        var bento = (await site.GetAsync($"/api/v1/fetch/segments/{id}")).Json;
        Assert.Equal(id, bento.GetProperty("data").GetProperty("id").GetString());
        Assert.Equal("""{"field":"plan","op":"eq","value":"pro"}""", bento.GetProperty("attributes").GetProperty("visitor_event_query").GetRawText());
        Assert.Equal(1, (await site.GetAsync("/api/v1/fetch/segments")).Json.GetProperty("data").GetArrayLength());

        var patched = (await site.PatchAsync($"/api/ekiben/v1/segments/{id}", new { name = "Pros" })).Json;
        Assert.Equal(("Pros", "d"), (patched.GetProperty("name").GetString(), patched.GetProperty("description").GetString()));
        var put = (await site.PutAsync($"/api/ekiben/v1/segments/{id}", new { name = "All", rule = new { tag = "x" } })).Json;
        Assert.Equal(("All", JsonValueKind.Null), (put.GetProperty("name").GetString(), put.GetProperty("description").ValueKind));
        Assert.Equal("""{"tag":"x"}""", put.GetProperty("rule").GetRawText());

        Assert.Equal(HttpStatusCode.NoContent, (await site.DeleteAsync($"/api/ekiben/v1/segments/{id}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await site.GetAsync($"/api/ekiben/v1/segments/{id}")).Status);
        Assert.Equal("Segment not found", (await site.GetAsync($"/api/v1/fetch/segments/{id}")).Error);
    }

    [Theory]
    [InlineData("""{"name":"n"}""", "invalid_rule")]
    [InlineData("""{"name":"n","rule":{}}""", "invalid_rule")]
    [InlineData("""{"name":"n","rule":{"field":"a","op":"like","value":"x"}}""", "invalid_rule")]
    [InlineData("""{"name":"n","rule":{"and":[]}}""", "invalid_rule")]
    [InlineData("""{"rule":{"tag":"x"}}""", "invalid_name")]
    [InlineData("""{"name":7,"rule":{"tag":"x"}}""", "invalid_name")]
    public async Task A_segment_with_a_wrong_rule_is_400(string body, string code)
    {
        var site = await app.AddSiteAsync();
        var refused = await site.PostAsync("/api/ekiben/v1/segments", body);
        Assert.Equal((HttpStatusCode.BadRequest, code), (refused.Status, refused.Code));
        Assert.NotEmpty(refused.Json.GetProperty("detail").GetString()!);
    }

    [Fact]
    public async Task A_layout_lives_from_making_to_deleting()
    {
        var site = await app.AddSiteAsync();
        var made = await site.PostAsync("/api/ekiben/v1/layouts", new { name = "Frame", html = "<p>{{ content }}</p>" });
        Assert.Equal(HttpStatusCode.Created, made.Status);
        var id = made.Json.GetProperty("id").GetString()!;
        Assert.Matches("^layout_[a-z0-9]{12}$", id);
        var patched = (await site.PatchAsync($"/api/ekiben/v1/layouts/{id}", new { name = "Other" })).Json;
        Assert.Equal(("Other", "<p>{{ content }}</p>"), (patched.GetProperty("name").GetString(), patched.GetProperty("html").GetString()));
        Assert.Equal("invalid_html", (await site.PutAsync($"/api/ekiben/v1/layouts/{id}", new { name = "Other" })).Code);
        Assert.Single((await site.GetAsync("/api/ekiben/v1/layouts")).Json.GetProperty("data").EnumerateArray());
        Assert.Equal(HttpStatusCode.NoContent, (await site.DeleteAsync($"/api/ekiben/v1/layouts/{id}")).Status);
        Assert.Equal("not_found", (await site.DeleteAsync($"/api/ekiben/v1/layouts/{id}")).Code);
    }

    [Theory]
    [InlineData("""{"name":"n"}""", "invalid_html")]
    [InlineData("""{"name":"n","html":""}""", "invalid_html")]
    [InlineData("""{"name":"n","html":7}""", "invalid_html")]
    [InlineData("""{"html":"x"}""", "invalid_name")]
    [InlineData("[]", "invalid_name")]
    [InlineData("{", "invalid_json")]
    public async Task A_layout_without_its_parts_is_400(string body, string code)
    {
        var site = await app.AddSiteAsync();
        var refused = await site.PostAsync("/api/ekiben/v1/layouts", body);
        Assert.Equal((HttpStatusCode.BadRequest, code, "application/problem+json"), (refused.Status, refused.Code, refused.ContentType));
    }

    [Fact]
    public async Task The_description_lists_every_route_of_ours_with_its_shapes()
    {
        var site = await app.AddSiteAsync();
        var reply = await site.GetAsync("/api/ekiben/v1/openapi.json");
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.StartsWith("3.1", reply.Json.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        var paths = reply.Json.GetProperty("paths");
        Assert.All(paths.EnumerateObject(), path => Assert.Matches("^/(api/ekiben/v1/|api/v1/|tracking/events$)", path.Name));
        var recipients = paths.GetProperty("/api/ekiben/v1/broadcasts/{id}/recipients").GetProperty("get");
        Assert.Equal(["id", "state", "was", "cursor", "limit"], recipients.GetProperty("parameters").EnumerateArray().Select(p => p.GetProperty("name").GetString()));
        Assert.True(paths.GetProperty("/api/ekiben/v1/layouts").GetProperty("post").TryGetProperty("requestBody", out _));
        Assert.Contains("left_out", JsonSerializer.Serialize(paths).Replace("left-out", "left_out", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("duplicate_addresses", reply.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_docs_page_runs_its_script_by_nonce_only()
    {
        var site = await app.AddSiteAsync();
        var page = await site.GetAsync("/api/ekiben/v1/docs/");
        Assert.Equal((HttpStatusCode.OK, "text/html"), (page.Status, page.ContentType));
        var policy = page.Headers.GetValues("Content-Security-Policy").Single();
        var nonce = System.Text.RegularExpressions.Regex.Match(policy, "'nonce-([^']+)'").Groups[1].Value;
        Assert.Contains($"nonce=\"{nonce}\"", page.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("'unsafe-eval'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("https://", page.Text.Replace("https://github.com", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_in_to_the_platform_opens_the_docs_but_not_the_api()
    {
        var site = await app.AddSiteAsync();
        using var client = site.NewClient(null, null);
        client.DefaultRequestHeaders.Add("Cookie", "ekiben=" + await LoginAsync());
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("/api/ekiben/v1/openapi.json"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("/api/ekiben/v1/docs/"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync("/api/ekiben/v1/layouts"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync("/api/v1/fetch/tags"));

        async Task<HttpStatusCode> StatusAsync(string path) => (await client.GetAsync(path, TestContext.Current.CancellationToken)).StatusCode;
    }

    private async Task<string> LoginAsync()
    {
        await using var scope = app.App.Services.CreateAsyncScope();
        var user = new User { UserName = "reader@example.com", Email = "reader@example.com" };
        Assert.True((await scope.ServiceProvider.GetRequiredService<UserManager<User>>().CreateAsync(user)).Succeeded);
        var principal = await scope.ServiceProvider.GetRequiredService<IUserClaimsPrincipalFactory<User>>().CreateAsync(user);
        var properties = new AuthenticationProperties { IssuedUtc = app.Options.Clock.GetUtcNow(), ExpiresUtc = app.Options.Clock.GetUtcNow().AddHours(1) };
        return app.Service<IOptionsMonitor<CookieAuthenticationOptions>>().Get(IdentityConstants.ApplicationScheme).TicketDataFormat
            .Protect(new AuthenticationTicket(principal, properties, IdentityConstants.ApplicationScheme));
    }
}
