using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Crash;

/// <summary>Policy "resend": a second copy is possible, a loss is not.</summary>
public class When_the_server_is_killed_under_resend
{
    [Fact(Timeout = 600_000)]
    public async Task Under_resend_nobody_is_lost_and_every_second_copy_was_uncertain_first()
    {
        // 5,000 replies of 48 ms on 4 connections are 60 s of sending, cut into 21 pieces.
        using var send = new KilledSend();
        var end = await send.SendThroughKillsAsync(people: 5000, kills: 20, replyMs: 48, policy: "resend", TestContext.Current.CancellationToken);
        Assert.Equal(5000, end.Receipt.Number("accepted"));
        Assert.Equal(5000, end.Copies.Count);
        var repeated = end.Copies.Where(copy => copy.Value > 1).Select(copy => copy.Key).ToList();
        Assert.All(end.Copies.Values, copies => Assert.InRange(copies, 1, 2));
        Assert.Subset(end.WereUncertain, repeated.ToHashSet(StringComparer.Ordinal));
        Assert.Equal(end.WereUncertain.Count, end.Receipt.Number("uncertain_ever"));
        Console.Out.WriteLine($"20 kills of a send to 5,000: lost 0, repeated {repeated.Count}, uncertain {end.WereUncertain.Count}, W {KilledSend.Connections}");
    }
}

/// <summary>Policy "hold": a loss is possible and named, a second copy is not.</summary>
public class When_the_server_is_killed_under_hold
{
    [Fact(Timeout = 600_000)]
    public async Task Under_hold_there_is_no_second_copy()
    {
        using var send = new KilledSend();
        var end = await send.SendThroughKillsAsync(people: 1500, kills: 6, replyMs: 40, policy: "hold", TestContext.Current.CancellationToken);
        Assert.All(end.Copies.Values, copies => Assert.Equal(1, copies));
        var missing = 1500 - end.Copies.Count;
        Assert.InRange(missing, 0, end.WereUncertain.Count);
        Assert.Equal(1500, end.Receipt.Number("accepted") + end.Receipt.Number("uncertain"));
        Assert.Equal(0, end.Receipt.Number("resent"));
        Assert.Equal(end.WereUncertain.Count, end.Receipt.Number("uncertain"));
    }
}
