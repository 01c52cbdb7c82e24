using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Sdk;

/// <summary>Bento's SDK for Node in its majors 0, 1 and 2, unmodified, over the methods that are served here, but for the look-ups of places and block lists. They read answers of different ages.</summary>
public sealed class NodeMajorsTests
{
    /// <summary>Those that major 0 has, and those that came later.</summary>
    private static readonly string[] Old =
    [
        "Batch.importSubscribers", "Batch.importEvents", "tagSubscriber, addSubscriber, updateFields, track, trackPurchase, removeSubscriber",
        "Commands.subscribe", "Commands.addTag", "Commands.removeTag", "Commands.addField", "Commands.removeField",
        "Commands.unsubscribe, Commands.changeEmail", "Subscribers", "Tags, Fields", "Forms.getResponses", "Experimental", "Batch.sendTransactionalEmails",
    ];

    private static readonly string[] Later = ["Stats", "Broadcasts, EmailTemplates", "Workflows, Sequences"];

    [Fact]
    public async Task Every_major_of_the_SDK_is_served()
    {
        var cancel = TestContext.Current.CancellationToken;
        var folder = Path.Combine(EkibenProcess.Root, "tests", "sdk", "node");
        Assert.True(Directory.Exists(Path.Combine(folder, "node_modules", "bento-0")), "the Node SDKs are not installed in tests/sdk/node: run ./test, which installs them");
        await using var server = await SdkServer.StartAsync(cancel);

        var printed = await server.RunScriptAsync("node", Path.Combine(folder, "majors.mjs"), cancel);

        Assert.Equal(
            [.. Old.Select(method => "ok 0 " + method), .. Old.Concat(Later).Select(method => "ok 1 " + method), .. Old.Concat(Later).Select(method => "ok 2 " + method)],
            printed.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
