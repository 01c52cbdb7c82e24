using System.Text.Json;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Sdk;

/// <summary>A client with no SDK at all: plain HTTP, the site named in the body, as Bento's own documents show it.</summary>
public sealed class RubyTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_script_with_only_net_http_makes_two_drafts_and_nothing_is_sent()
    {
        await using var server = await SdkServer.StartAsync(Cancel);

        var printed = await server.RunScriptAsync("ruby", Path.Combine(EkibenProcess.Root, "tests", "sdk", "ruby", "broadcasts.rb"), Cancel);

        var answer = JsonElement.Parse(printed);
        Assert.Equal(2, answer.GetProperty("results").GetInt32());
        Assert.Equal(0, answer.GetProperty("failed").GetInt32());
        var broadcasts = await server.BroadcastsAsync(Cancel);
        Assert.Equal(["Ruby: full page", "Ruby: short note"], broadcasts.Keys.Order(StringComparer.Ordinal));
        foreach (var broadcast in broadcasts.Values)
        {
            Assert.Equal("draft", broadcast.GetProperty("status").GetString());
            Assert.Equal("news@example.com", broadcast.GetProperty("from_email").GetString());
            Assert.Equal("News", broadcast.GetProperty("from_name").GetString());
        }

        Assert.Equal(["lead", "mql"], broadcasts["Ruby: short note"].GetProperty("inclusive_tags").EnumerateArray().Select(tag => tag.GetString()!));
        Assert.Equal("fancy", broadcasts["Ruby: full page"].GetProperty("type").GetString());
        Assert.Equal(0, (await server.GetAsync("api/ekiben/v1/mailbox", Cancel)).GetProperty("total").GetInt64());
    }
}
