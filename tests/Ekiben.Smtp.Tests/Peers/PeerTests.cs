using System.Text;

namespace Ekiben.Smtp.Tests.Peers;

/// <summary>Postfix and Exim themselves: what was sent is what they have, encrypted or not, logged in or not.</summary>
public class PeerTests
{
    /// <summary>A test that hangs is a failure; far more than the slowest machine needs.</summary>
    private const int Hangs = 120_000;

    public static TheoryData<PeerKind, string> KindsAndMechanisms() => new(
        from kind in Enum.GetValues<PeerKind>() from mechanism in new[] { "PLAIN", "LOGIN", "XOAUTH2" } select (kind, mechanism));

    public static TheoryData<PeerKind, SmtpTls> KindsAndEncryption() => new(
        from kind in Enum.GetValues<PeerKind>() from tls in Enum.GetValues<SmtpTls>() select (kind, tls));

    [Theory(Timeout = Hangs)]
    [MemberData(nameof(KindsAndEncryption))]
    public async Task Has_the_bytes_that_were_sent(PeerKind kind, SmtpTls tls)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var peer = await Peer.StartAsync(kind, new PeerSetup { Tls = tls }, cancel);
        SmtpMessage[] messages =
        [
            .. Enumerable.Range(0, 8).Select(PeerRun.Known),
            new("", "known8@b.example", "Subject: no line end\r\n\r\n.last\r\n"u8.ToArray()),
            new("from@a.example", "known9@b.example", Encoding.ASCII.GetBytes($"Subject: big\r\n\r\n{string.Concat(Enumerable.Repeat(".0123456789\r\n", 50_000))}")),
        ];
        var outcomes = await PeerRun.SendAsync(peer.Options, messages, cancel);
        Assert.All(outcomes, outcome => Assert.IsType<DeliveryOutcome.Accepted>(outcome));
        await PeerRun.AgreesAsync(peer, messages, outcomes, cancel);
    }

    [Theory(Timeout = Hangs)]
    [InlineData(PeerKind.Postfix, SmtpTls.StartTls)]
    [InlineData(PeerKind.Postfix, SmtpTls.Implicit)]
    [InlineData(PeerKind.Exim, SmtpTls.StartTls)]
    [InlineData(PeerKind.Exim, SmtpTls.Implicit)]
    public async Task Is_refused_under_a_name_that_its_certificate_lacks(PeerKind kind, SmtpTls tls)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var peer = await Peer.StartAsync(kind, new PeerSetup { Tls = tls }, cancel);
        var refused = await Assert.ThrowsAsync<SmtpUnavailableException>(() => PeerRun.ConnectAsync(peer.Options with { Host = "localhost" }, cancel));
        Assert.Equal((SmtpPhase.Tls, true), (refused.Phase, refused.IsPermanent));
    }

    [Theory(Timeout = Hangs)]
    [MemberData(nameof(KindsAndMechanisms))]
    public async Task Takes_mail_from_who_logs_in(PeerKind kind, string mechanism)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var peer = await Peer.StartAsync(kind, new PeerSetup { Tls = SmtpTls.StartTls, Auth = mechanism }, cancel);
        var token = mechanism == "XOAUTH2";
        var options = peer.Options with { User = "me", Password = token ? null : "secret", AccessToken = token ? "abc" : null };
        SmtpMessage[] messages = [PeerRun.Known(0), PeerRun.Known(1)];
        var outcomes = await PeerRun.SendAsync(options, messages, cancel);
        Assert.All(outcomes, outcome => Assert.IsType<DeliveryOutcome.Accepted>(outcome));
        await PeerRun.AgreesAsync(peer, messages, outcomes, cancel);

        var wrong = options with { Password = token ? null : "guess", AccessToken = token ? "guess" : null };
        var refused = await Assert.ThrowsAsync<SmtpUnavailableException>(() => PeerRun.ConnectAsync(wrong, cancel));
        Assert.Equal((SmtpPhase.Auth, true), (refused.Phase, refused.IsPermanent));
        Assert.Contains("535", refused.Message, StringComparison.Ordinal);
    }

    [Theory(Timeout = Hangs)]
    [InlineData(PeerKind.Postfix, true)]
    [InlineData(PeerKind.Postfix, false)]
    [InlineData(PeerKind.Exim, true)]
    [InlineData(PeerKind.Exim, false)]
    public async Task Takes_an_address_in_UTF8_only_where_it_offers_that(PeerKind kind, bool offers)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var peer = await Peer.StartAsync(kind, new PeerSetup { SmtpUtf8 = offers }, cancel);
        SmtpMessage[] messages = [PeerRun.Known(0), PeerRun.Message(1, "known-弁当@b.example"), PeerRun.Known(2)];
        var outcomes = await PeerRun.SendAsync(peer.Options, messages, cancel);
        Assert.Equal(["accepted", offers ? "accepted" : "refused Rcpt 553 5.6.7", "accepted"], outcomes.Select(PeerRun.Said));
        await PeerRun.AgreesAsync(peer, messages, outcomes, cancel);
    }
}
