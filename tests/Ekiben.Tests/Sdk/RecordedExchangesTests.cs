using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Tests.Sdk;

/// <summary>What each SDK sends, and what it reads of the answer, without the SDK. Each file has a site of its own, where one broadcast has been sent.</summary>
public sealed partial class RecordedExchangesTests(EkibenApp app)
{
    public static TheoryData<string> Clients => [.. RecordedExchange.Clients];

    [Theory, MemberData(nameof(Clients))]
    public async Task Each_request_gets_what_its_client_reads(string client)
    {
        // A zone that is never UTC shows how a time without one is read.
        var site = await app.AddSiteAsync(timeZone: "Asia/Tokyo");
        await AddSentBroadcastAsync(site);
        var names = await NamesAsync(site);
        foreach (var exchange in RecordedExchange.Read(client))
        {
            var reply = await SendAsync(site, exchange, text => Fill(names, text));
            Assert.True((int)reply.Status == exchange.Status, $"{exchange.Method} {exchange.Path} answered {(int)reply.Status}: {reply.Text}");
            foreach (var line in exchange.Expected)
            {
                var parts = Expectation().Match(line);
                Assert.True(parts.Success, $"{exchange.Method} {exchange.Path}: what is “{line}”?");
                var isValue = parts.Groups["value"].Success;
                var wanted = Fill(names, isValue ? parts.Groups["value"].Value : parts.Groups["kind"].Value);
                var differs = RecordedExchange.Differs(parts.Groups["path"].Value, wanted, isValue, reply.Json);
                Assert.True(differs is null, $"{exchange.Method} {exchange.Path}: {line}, but there is {differs} in {reply.Text}");
                if (parts.Groups["name"].Success)
                {
                    names[parts.Groups["name"].Value] = reply.Json.GetProperty("data").GetProperty("id").GetString()!;
                }
            }
        }
    }

    private static async Task<Reply> SendAsync(TestSite site, RecordedExchange exchange, Func<string, string> fill)
    {
        using var request = new HttpRequestMessage(new HttpMethod(exchange.Method), fill(exchange.Path));
        var type = exchange.Headers.Where(header => header.Name == "Content-Type").Select(header => header.Value).FirstOrDefault();
        if (exchange.Body is not null || type is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(fill(exchange.WholeBody() ?? "")));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type ?? "application/json");
        }

        foreach (var (header, value) in exchange.Headers.Where(header => header.Name != "Content-Type"))
        {
            request.Headers.TryAddWithoutValidation(header, fill(value));
        }

        var response = await site.Client.SendAsync(request, TestContext.Current.CancellationToken);

        // Major 0 of the SDK for Node reads an error only when nothing stands behind this.
        Assert.Equal("application/json", response.Content.Headers.ContentType?.ToString());
        return await Reply.OfAsync(response);
    }

    /// <summary>What the files call by a name.</summary>
    private async Task<Dictionary<string, string>> NamesAsync(TestSite site)
    {
        var sequence = await MadeAsync("sequences", new { name = "Onboarding" });
        var step = await site.PostAsync($"/api/v1/fetch/sequences/{sequence}/emails/templates", new { email_template = new { subject = "Welcome", html = "<p>Hello</p>" } });
        await using var db = app.Database.Open(site.Id);
        return new(StringComparer.Ordinal)
        {
            ["site"] = site.Uuid,
            ["key"] = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{site.PublishableKey}:{site.SecretKey}:")),
            ["segment"] = await MadeAsync("segments", new { name = "All", rule = new { field = "email", op = "exists" } }),
            ["layout"] = await MadeAsync("layouts", new { name = "Frame", html = "<main>{{ content }}</main>" }),
            ["sequence"] = sequence,
            ["step"] = step.Json.GetProperty("id").GetString()!,
            ["number"] = (await db.Sequences.SingleAsync(known => known.PublicId == sequence)).Id.ToString(CultureInfo.InvariantCulture),
        };

        async Task<string> MadeAsync(string what, object body) => (await site.PostAsync("/api/ekiben/v1/" + what, body)).Json.GetProperty("id").GetString()!;
    }

    /// <summary>Most clients cannot ask for drafts: what they list are sent ones.</summary>
    private async Task AddSentBroadcastAsync(TestSite site)
    {
        var id = new BroadcastId(long.Parse(
            await site.CreatedAsync(new { name = "Spring", subject = "Hello", content = "<p>Hello</p>", type = "raw", batch_size_per_hour = 1500 }), CultureInfo.InvariantCulture));
        await app.WriteAsync(async db =>
        {
            var broadcast = await db.Broadcasts.SingleAsync(broadcast => broadcast.Id == id);
            (broadcast.Status, broadcast.FrozenAt, broadcast.FinishedAt) = (BroadcastStatus.Sent, broadcast.CreatedAt, broadcast.CreatedAt);
        });
    }

    private static string Fill(Dictionary<string, string> names, string text) =>
        names.Aggregate(text, (filled, known) => filled.Replace("{" + known.Key + "}", known.Value, StringComparison.Ordinal));

    [GeneratedRegex("""^(?<path>\S+) (?:= (?<value>.+)|(?<kind>[a-z]+)(?: -> (?<name>[a-z]+))?)$""")]
    private static partial Regex Expectation();
}
