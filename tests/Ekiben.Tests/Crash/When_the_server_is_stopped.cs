using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Crash;

/// <summary>SIGTERM at any moment of a send, on a real process (F19): it ends in good order, and nobody is lost, repeated or uncertain.</summary>
public class When_the_server_is_stopped
{
    /// <summary>Fifty in <c>./test --long</c>.</summary>
    private static int Stops => Environment.GetEnvironmentVariable("EKIBEN_TEST_LONG") is { Length: > 0 } ? 50 : 5;

    [Fact(Timeout = 1_200_000)]
    public async Task It_ends_with_exit_code_0_and_the_next_one_goes_on_where_it_was()
    {
        await using var send = await PointedSend.StartAsync(connections: 2, TestContext.Current.CancellationToken, faults: ["dot:delay=200"]);
        var end = await send.RunStoppedAsync(Stops);
        Assert.All(end.LeftByKill, left => Assert.Equal(0, left));
        Assert.InRange(end.LeftByKill.Count, 3, Stops);
        Assert.Equal((0, 0), (end.Extra, end.Receipt.Number("uncertain_ever")));
        Assert.Equal(PointedSend.People, end.Copies.Count);
        Assert.Equal(PointedSend.People, end.Receipt.Number("accepted"));
    }
}
