using System.Text.Json;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Sdk;

/// <summary>Bento's SDK for Node, unmodified, does its work on a real server; then the server itself is asked what came of it.</summary>
public sealed class NodeSdkTests
{
    private static readonly string[] Methods =
    [
        "Tags.createTag", "Tags.getTags", "Fields.createField", "Fields.getFields", "Batch.importSubscribers", "Subscribers.getSubscribers",
        "Subscribers.createSubscriber", "upsertSubscriber", "Broadcasts.createBroadcast", "Broadcasts.getBroadcasts", "NotAuthorizedError",
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_unmodified_SDK_imports_people_and_makes_broadcasts_and_the_approved_one_is_sent()
    {
        var folder = Path.Combine(EkibenProcess.Root, "tests", "sdk", "node");
        Assert.True(
            Directory.Exists(Path.Combine(folder, "node_modules", "@bentonow", "bento-node-sdk")),
            "the Node SDK is not installed in tests/sdk/node: run ./test, which installs it");
        await using var server = await SdkServer.StartAsync(Cancel);

        var printed = await server.RunScriptAsync("node", Path.Combine(folder, "main.mjs"), Cancel);

        Assert.Equal(Methods.Select(method => "ok " + method), printed.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        await BroadcastsAreThereAsync(server);
        await PeopleAreThereAsync(server);
        await TheApprovedOneReachedItsPeopleAsync(server);
    }

    private static async Task BroadcastsAreThereAsync(SdkServer server)
    {
        var broadcasts = await server.BroadcastsAsync(Cancel);

        Assert.Equal(["SDK approved", "SDK everything", "SDK plain"], broadcasts.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("draft", Text(broadcasts["SDK plain"], "status"));
        Assert.Equal("sent", Text(broadcasts["SDK approved"], "status"));
        var everything = broadcasts["SDK everything"];
        Assert.Equal("draft", Text(everything, "status"));
        Assert.Equal("html", Text(everything, "type"));
        Assert.Equal(["lead", "mql"], Texts(everything, "inclusive_tags"));
        Assert.Equal(["customers"], Texts(everything, "exclusive_tags"));
        Assert.StartsWith("segment_", Text(everything, "segment_id"), StringComparison.Ordinal);
        Assert.Equal(250, everything.GetProperty("batch_size_per_hour").GetInt32());
    }

    private static async Task PeopleAreThereAsync(SdkServer server)
    {
        foreach (var email in (string[])["ann@example.com", "bo@example.com", "cy@example.com", "dee+news@example.com"])
        {
            var found = await server.GetAsync($"api/v1/fetch/subscribers?email={Uri.EscapeDataString(email)}", Cancel);
            Assert.Equal(email, Text(found.GetProperty("data").GetProperty("attributes"), "email"));
        }
    }

    private static async Task TheApprovedOneReachedItsPeopleAsync(SdkServer server)
    {
        var id = Text((await server.BroadcastsAsync(Cancel))["SDK approved"], "id");
        var receipt = await server.GetAsync($"api/ekiben/v1/broadcasts/{id}/receipt", Cancel);
        Assert.True(receipt.IsBalanced(), receipt.ToString());
        Assert.Equal(2, receipt.GetProperty("accepted").GetInt64());

        // Of the drafts nothing went out: the mailbox holds these two alone.
        var mailbox = (await server.GetAsync("api/ekiben/v1/mailbox", Cancel)).GetProperty("data").EnumerateArray();
        Assert.Equal(
            [("ann@example.com", "Hello Ann"), ("bo@example.com", "Hello Bø")],
            mailbox.Select(message => (Text(message, "rcpt_to"), Text(message, "subject"))).Order());
    }

    private static string Text(JsonElement record, string name) => record.GetProperty(name).GetString()!;

    private static IEnumerable<string> Texts(JsonElement record, string name) =>
        record.GetProperty(name).EnumerateArray().Select(text => text.GetString()!);
}
