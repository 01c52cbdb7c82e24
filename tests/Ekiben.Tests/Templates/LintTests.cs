using System.Net;
using System.Text.Json;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Templates;

public sealed class LintTests(EkibenApp app)
{
    private const string Route = "/api/ekiben/v1/lint";

    private const string GoodHtml = "<p>Hi</p><a href=\"{{ visitor.unsubscribe_url }}\">leave</a>";

    /// <summary>The findings as code@field:line:column, or without the place where there is none, then /people.</summary>
    private static string[] Codes(Reply reply)
    {
        Assert.True(reply.Status == HttpStatusCode.OK, reply.Text);
        return [.. reply.Json.GetProperty("data").EnumerateArray().Select(Shown)];

        static string Shown(JsonElement finding)
        {
            var place = finding.GetProperty("line").ValueKind == JsonValueKind.Null ? "" : $":{finding.GetProperty("line")}:{finding.GetProperty("column")}";
            var people = finding.GetProperty("people").ValueKind == JsonValueKind.Null ? "" : $"/{finding.GetProperty("people")}";
            return $"{finding.GetProperty("severity").GetString()![0]} {finding.GetProperty("code")}@{finding.GetProperty("field")}{place}{people}";
        }
    }

    private static async Task<string[]> LintAsync(TestSite site, string content, string type = "html", string subject = "News") =>
        Codes(await site.PostAsync(Route, new { name = "n", subject, content, type }));

    [Theory]
    [InlineData("html", GoodHtml)]
    [InlineData("plain", "Hi {{ visitor.first_name | default: 'you' }}, see https://example.com")]
    [InlineData("markdown", "# Hi\n[a](https://example.com) ![cat](https://example.com/cat.png)")]
    [InlineData("html", GoodHtml + "{% assign x = 1 %}{{ x }}{% for t in visitor.tags %}{{ t }}{{ forloop.index }}{% endfor %}{{ site.name }}{{ broadcast.name }}")]
    [InlineData("html", GoodHtml + "{% btn https://example.com :: Go %}{% img https://example.com/a.png :: c, i, A cat, 10, 10 %}{% greeting %}<a name=top></a>")]
    [InlineData("html", GoodHtml + "<!-- <img src='http://x'> --><a href='mailto:a@example.com'>m</a><a href='#top'>t</a><svg xmlns=\"http://www.w3.org/2000/svg\"></svg>")]
    public async Task A_good_mail_has_no_findings(string type, string content) =>
        Assert.Empty(await LintAsync(await app.AddSiteAsync(), content, type));

    [Theory]
    [InlineData(GoodHtml + "\n  {{ x | nosuch }}", "e unknown_filter@content:2:")]
    [InlineData(GoodHtml + "{% if x %}", "e unclosed_block@content:1:")]
    [InlineData("<p>open <a href=\"", "e invalid@content:1:")]
    public async Task What_does_not_compile_is_an_error_with_its_place(string content, string expected)
    {
        var codes = await LintAsync(await app.AddSiteAsync(), content);
        Assert.Contains(codes, code => code.StartsWith(expected, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_field_that_does_not_compile_is_told_at_once()
    {
        var codes = await LintAsync(await app.AddSiteAsync(), GoodHtml + "{{ x | nosuch }}", subject: "{% if %}");
        Assert.Contains(codes, code => code.StartsWith("e syntax@subject:1:", StringComparison.Ordinal));
        Assert.Contains(codes, code => code.StartsWith("e unknown_filter@content:1:", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{{ visitor.frist_name }}", "e unknown_variable@content:1:4")]
    [InlineData("{{ first_name | default: 'x' }}", "w unknown_variable@content:1:4")]
    [InlineData("{{ visitor.fields.nope }}", "e unknown_variable@content:1:4")]
    [InlineData("{{ visitor.confirmation_url }}", "e unknown_variable@content:1:4")]
    [InlineData("{{ browser_url }}", "e unknown_variable@content:1:4")]
    [InlineData("{{ site.url }}", "e unknown_variable@content:1:4")]
    [InlineData("{{ content }}", "e unknown_variable@content:1:4")]
    public async Task A_variable_that_nothing_fills_is_told(string content, string expected) =>
        Assert.Equal([expected], await LintAsync(await app.AddSiteAsync(), content, "plain"));

    [Fact]
    public async Task The_sites_fields_are_known_and_another_sites_are_not()
    {
        var (site, other) = (await app.AddSiteAsync(), await app.AddSiteAsync());
        await site.ImportAsync(new { email = "a@example.com", plan = "pro" });
        const string Content = "{{ visitor.plan }}{{ visitor.fields.plan }}{{ visitor.custom_fields.plan }}";
        Assert.Empty(await LintAsync(site, Content, "plain"));
        Assert.Equal(3, (await LintAsync(other, Content, "plain")).Length);
    }

    [Fact]
    public async Task An_unguarded_variable_is_told_with_the_recipients_who_have_nothing_there()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(
            new { email = "full@example.com", first_name = "Ann", plan = "pro", tags = "club" },
            new { email = "blank@example.com", first_name = "Ben", plan = "  ", tags = "club" },
            new { email = "none@example.com", tags = "club" },
            new { email = "left@example.com", tags = "club" },
            new { email = "elsewhere@example.com", plan = "free" });
        await app.WriteAsync(async db =>
            (await db.Subscribers.SingleAsync(s => s.SiteId == site.Id && s.Address.Normalised == "left@example.com", TestContext.Current.CancellationToken)).UnsubscribedAt = app.Options.Clock.GetUtcNow());

        const string Content = "Dear {{ visitor.first_name }},\nyour {{ visitor.plan }} {{ visitor.fields.plan }} {% if visitor.plan %}{{ visitor.plan }}{% endif %}{{ visitor.email }}";
        Assert.Equal(
            ["w unguarded_variable@content:1:9/1", "w unguarded_variable@content:2:9/2"],
            Codes(await site.PostAsync(Route, new { name = "n", subject = "s", content = Content, inclusive_tags = "club" })));
        Assert.Equal(
            ["w unguarded_variable@content:1:9/2", "w unguarded_variable@content:2:9/2"],
            Codes(await site.PostAsync(Route, new { name = "n", subject = "s", content = Content })));
        Assert.Empty(Codes(await site.PostAsync(Route, new { name = "n", subject = "s", content = Content, inclusive_tags = "nobody" })));
    }

    [Fact]
    public async Task Html_without_an_unsubscribe_link_is_told_that_one_is_added()
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(["w missing_unsubscribe_link@content"], await LintAsync(site, "<p>Hi</p>"));
        Assert.Empty(await LintAsync(site, "<p>{% if visitor.tags %}{% link {{ visitor.unsubscribe_url }} :: leave %}{% endif %}</p>"));

        var layout = (await site.PostAsync("/api/ekiben/v1/layouts", new { name = "l", html = "<p>{{ content }}</p><img src=\"https://example.com/a.png\">" })).Json.GetProperty("id").GetString();
        Assert.Equal(
            ["w missing_unsubscribe_link@content", "w missing_alt@layout:1:21"],
            Codes(await site.PostAsync(Route, new { name = "n", subject = "s", content = "Hi", type = "layout", layout_id = layout })));
    }

    [Theory]
    [InlineData("html", GoodHtml + "\n<a href='http://example.com'>x</a>", "w insecure_link@content:2:1")]
    [InlineData("html", GoodHtml + "\n<A HREF=www.example.com>x</A>", "w insecure_link@content:2:1")]
    [InlineData("html", GoodHtml + "\n{% btn http://example.com :: Go %}", "w insecure_link@content:2:1")]
    [InlineData("html", GoodHtml + "\n<img alt='' src='http://example.com/a.png'>", "w insecure_link@content:2:1")]
    [InlineData("plain", "see http://example.com", "w insecure_link@content:1:5")]
    [InlineData("markdown", "[x](http://example.com/?q={{ visitor.uuid }})", "w insecure_link@content:1:5")]
    [InlineData("html", GoodHtml + "\n<img src=\"https://example.com/{{ visitor.uuid | default: '>' }}.png\">", "w missing_alt@content:2:1")]
    [InlineData("html", GoodHtml + "\n{% img https://example.com/a.png %}", "w missing_alt@content:2:1")]
    [InlineData("markdown", "![](https://example.com/a.png)", "w missing_alt@content:1:1")]
    [InlineData("html", GoodHtml + "\n {% render_cart %}", "w unsupported_tag@content:2:2")]
    public async Task Links_images_and_tags_are_told_with_their_places(string type, string content, string expected) =>
        Assert.Equal([expected], await LintAsync(await app.AddSiteAsync(), content, type));

    [Fact]
    public async Task The_size_is_that_of_a_persons_html()
    {
        var site = await app.AddSiteAsync();
        Assert.Equal(["w too_large@content"], await LintAsync(site, GoodHtml + new string('x', 102_400)));
        Assert.Empty(await LintAsync(site, GoodHtml + new string('x', 102_300)));

        // 20,000 letters of source that become 200,000, and the other way round.
        var grows = GoodHtml + "{% for i in (1..10) %}" + new string('x', 20_000) + "{% endfor %}";
        var shrinks = GoodHtml + "{% if visitor.email == blank %}" + new string('x', 110_000) + "{% endif %}";
        Assert.Empty(await LintAsync(site, grows));
        Assert.Equal(["w too_large@content"], await LintAsync(site, shrinks));
        await site.ImportAsync(new { email = "a@example.com" });
        Assert.Equal(["w too_large@content"], await LintAsync(site, grows));
        Assert.Empty(await LintAsync(site, shrinks));
    }

    [Fact]
    public async Task The_subject_is_measured_as_a_person_sees_it()
    {
        var site = await app.AddSiteAsync();
        var subject = "{{ visitor.first_name | default: 'you' }}" + new string('x', 70);
        Assert.Empty(await LintAsync(site, GoodHtml, subject: subject));
        Assert.Equal(["w long_subject@subject"], await LintAsync(site, GoodHtml, subject: new string('x', 79)));
        await site.ImportAsync(new { email = "a@example.com", first_name = "Maximiliane" });
        Assert.Equal(["w long_subject@subject"], await LintAsync(site, GoodHtml, subject: subject));
    }

    [Fact]
    public async Task A_message_that_cannot_be_made_for_a_person_is_an_error()
    {
        var site = await app.AddSiteAsync();
        await site.ImportAsync(new { email = "a@example.com" });
        Assert.Equal(["e render_failed@content"], await LintAsync(site, GoodHtml + "{% for i in (1..10000) %}{% for j in (1..10000) %}.{% endfor %}{% endfor %}"));
    }

    [Fact]
    public async Task A_stored_broadcast_is_told_the_same_and_stays_as_it_is()
    {
        var site = await app.AddSiteAsync();
        var item = new { name = "n", subject = "s", content = "<p>{{ visitor.nope | default: 1 }}</p>", type = "html" };
        var id = await site.CreatedAsync(item);
        var before = (await site.GetAsync($"/api/ekiben/v1/broadcasts/{id}")).Text;

        var stored = await site.PostAsync($"/api/ekiben/v1/broadcasts/{id}/lint");
        Assert.Equal(["w unknown_variable@content:1:7", "w missing_unsubscribe_link@content"], Codes(stored));
        Assert.Equal(stored.Text, (await site.PostAsync(Route, item)).Text);
        Assert.Equal(before, (await site.GetAsync($"/api/ekiben/v1/broadcasts/{id}")).Text);
        Assert.Equal(1, (await site.GetAsync("/api/ekiben/v1/broadcasts")).Json.GetProperty("data").GetArrayLength());
        Assert.Equal(HttpStatusCode.NotFound, (await site.PostAsync("/api/ekiben/v1/broadcasts/999999999/lint")).Status);
    }

    [Theory]
    [InlineData("""{"subject":"s","content":"c"}""", "name is required.")]
    [InlineData("[]", "each broadcast must be an object.")]
    [InlineData("""{"name":"n","subject":"s","content":"c","type":"layout"}""", "layout_id is required with type layout.")]
    public async Task A_body_that_is_no_broadcast_is_400(string body, string sentence)
    {
        var reply = await (await app.AddSiteAsync()).PostAsync(Route, body);
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_broadcast"), (reply.Status, reply.Code));
        Assert.Equal(sentence, reply.Json.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task A_report_has_an_end()
    {
        var site = await app.AddSiteAsync();
        var codes = await LintAsync(site, GoodHtml + string.Concat(Enumerable.Repeat("<img>", 20_000)) + string.Concat(Enumerable.Repeat("{% render_cart %}", 300)));
        Assert.Equal(201, codes.Length);
        Assert.Equal("w more_findings@content", codes[^1]);
    }
}
