using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Crash;

/// <summary>A crash at each of the moments where it would hurt most: nobody is lost, and only what may have left is repeated.</summary>
public class When_it_is_killed_at_a_named_point
{
    private const int Connections = 4;

    /// <summary>Points that every message passes: the server dies at the first, the second and the ninth passing.</summary>
    public static TheoryData<string> OfEveryMessage =>
    [
        .. Names(
            Failpoint.BeforeClaimCommit, Failpoint.AfterClaimCommit, Failpoint.BeforeOutcomeCommit, Failpoint.AfterOutcomeCommit, Failpoint.BeforeMail,
            Failpoint.DataWritten, Failpoint.DataAllowed, Failpoint.BodyBlockWritten, Failpoint.DotWritten, Failpoint.ReplyRead),
    ];

    /// <summary>Points that a broadcast passes once: before the commit it dies there twice.</summary>
    public static TheoryData<string, int> OfABroadcast => new()
    {
        { Name(Failpoint.BeforeFreezeBeginCommit), 2 },
        { Name(Failpoint.AfterFreezeBeginCommit), 1 },
        { Name(Failpoint.BeforeFreezeRangeCommit), 2 },
        { Name(Failpoint.AfterFreezeRangeCommit), 1 },
        { Name(Failpoint.BeforeFreezeCompleteCommit), 2 },
        { Name(Failpoint.AfterFreezeCompleteCommit), 1 },
        { Name(Failpoint.BeforeTakeShardsCommit), 2 },
        { Name(Failpoint.AfterTakeShardsCommit), 2 },
        { Name(Failpoint.BeforeCloseCommit), 2 },
        { Name(Failpoint.AfterCloseCommit), 1 },
    };

    /// <summary>Not before the claim's commit: that is also where the outcome of the message before it becomes durable (rule 12).</summary>
    public static TheoryData<string> BeforeTheBody =>
        [.. Names(Failpoint.AfterClaimCommit, Failpoint.BeforeMail, Failpoint.DataWritten)];

    [Theory(Timeout = 400_000)]
    [MemberData(nameof(OfEveryMessage))]
    public async Task Nobody_is_lost_and_only_what_was_on_the_wire_is_repeated(string point)
    {
        await using var send = await PointedSend.StartAsync(Connections, TestContext.Current.CancellationToken);
        Holds(await send.RunAsync(Lives(point)));
    }

    [Theory(Timeout = 400_000)]
    [MemberData(nameof(OfABroadcast))]
    public async Task Nothing_is_sent_twice_where_nothing_was_on_the_wire(string point, int lives)
    {
        await using var send = await PointedSend.StartAsync(Connections, TestContext.Current.CancellationToken);
        var end = await send.RunAsync([.. Enumerable.Repeat(point, lives)]);
        Holds(end);
        Assert.Equal((0, 0), (end.Extra, end.Receipt.Number("uncertain_ever")));
    }

    [Theory(Timeout = 400_000)]
    [MemberData(nameof(BeforeTheBody))]
    public async Task Killed_before_the_relay_asked_for_the_body_nobody_gets_two_copies(string point)
    {
        // One connection and one message at a time: on another one, or before this one in a chain, a body could be under way.
        await using var send = await PointedSend.StartAsync(connections: 1, TestContext.Current.CancellationToken, oneByOne: true);
        var end = await send.RunAsync([point, point + ":2", point + ":9"]);
        Holds(end);
        Assert.Equal(0, end.Extra);
    }

    [Theory(Timeout = 400_000)]
    [InlineData("before-recover-commit")]
    [InlineData("after-recover-commit")]
    public async Task A_crash_while_recovering_from_a_crash_changes_nothing(string point)
    {
        await using var send = await PointedSend.StartAsync(Connections, TestContext.Current.CancellationToken);
        var end = await send.RunAsync(["dot-written:5", point]);
        Holds(end);
        Assert.InRange(end.Extra, 0, end.LeftByKill[0]);
    }

    [Theory(Timeout = 400_000)]
    [InlineData("before-cancel-shard-commit", 2)]
    [InlineData("after-cancel-shard-commit", 1)]
    public async Task A_cancellation_goes_on_after_a_crash(string point, int lives)
    {
        await using var send = await PointedSend.StartAsync(Connections, TestContext.Current.CancellationToken);
        var end = await send.RunAsync([.. Enumerable.Repeat(point, lives)], cancels: true);
        Assert.Equal((0, 0), (end.Receipt.Number("pending"), end.Receipt.Number("sending")));
        Assert.Equal(PointedSend.People, end.Receipt.Number("canceled") + end.Receipt.Number("accepted"));
        Assert.Equal(end.Receipt.Number("accepted"), end.Copies.Count);
    }

    [Theory(Timeout = 400_000)]
    [InlineData("hold")]
    [InlineData("resend")]
    public async Task A_message_that_was_answered_and_not_recorded_is_uncertain(string policy)
    {
        await using var send = await PointedSend.StartAsync(connections: 1, TestContext.Current.CancellationToken, oneByOne: true);
        var end = await send.RunAsync(["reply-read", "reply-read:2", "reply-read:9"], policy);
        Assert.Equal([1, 1, 1], end.LeftByKill);
        Assert.Equal(PointedSend.People, end.Copies.Count);
        Assert.Equal(3, end.Receipt.Number("uncertain_ever"));
        // The relay has each of the three: under "hold" that is the only copy, under "resend" the second one is the price.
        Assert.Equal(policy == "hold" ? 0 : 3, end.Extra);
        Assert.Equal(policy == "hold" ? 3 : 0, end.Receipt.Number("uncertain"));
    }

    [Theory(Timeout = 400_000)]
    [InlineData("hold")]
    [InlineData("resend")]
    public async Task In_a_chain_the_message_begun_behind_it_is_uncertain_too_and_has_no_second_copy(string policy)
    {
        await using var send = await PointedSend.StartAsync(connections: 1, TestContext.Current.CancellationToken);
        var end = await send.RunAsync(["reply-read", "reply-read:2", "reply-read:9"], policy);
        Assert.Equal([2, 2, 2], end.LeftByKill);
        Assert.Equal(6, end.Receipt.Number("uncertain_ever"));
        // Three of the six had arrived. The body of the three behind them had not begun: nobody has those, and under "hold" nobody will.
        Assert.Equal(policy == "hold" ? (0, PointedSend.People - 3, 6) : (3, PointedSend.People, 0), (end.Extra, end.Copies.Count, (int)end.Receipt.Number("uncertain")));
    }

    [Fact]
    public void Every_point_has_a_test()
    {
        var tried = OfEveryMessage.Select(row => row.Data).Concat(OfABroadcast.Select(row => row.Data.Item1))
            .Concat(["before-recover-commit", "after-recover-commit", "before-cancel-shard-commit", "after-cancel-shard-commit"]);
        Assert.Equal(Enum.GetValues<Failpoint>().Select(Failpoints.NameOf).Order(StringComparer.Ordinal), tried.Order(StringComparer.Ordinal));
    }

    /// <summary>Twenty lives in <c>./test --long</c>.</summary>
    private static IReadOnlyList<string> Lives(string point) => Environment.GetEnvironmentVariable("EKIBEN_TEST_LONG") is { Length: > 0 }
        ? [.. Enumerable.Range(0, 20).Select(life => $"{point}:{1 + (life % 3)}")]
        : [point, point + ":2", point + ":9"];

    private static void Holds(PointedEnd end)
    {
        Assert.All(end.LeftByKill, left => Assert.InRange(left, 0, 2 * Connections));
        Assert.Equal(PointedSend.People, end.Copies.Count);
        Assert.Equal(PointedSend.People, end.Receipt.Number("accepted"));
        Assert.InRange(end.Extra, 0, end.LeftByKill.Sum());
        Assert.Subset(end.WereUncertain, end.Repeated.ToHashSet(StringComparer.Ordinal));
        Assert.All(end.Copies.Values, copies => Assert.InRange(copies, 1, 2));
    }

    private static IEnumerable<string> Names(params Failpoint[] points) => points.Select(Name);

    private static string Name(Failpoint point) => Failpoints.NameOf(point);
}
