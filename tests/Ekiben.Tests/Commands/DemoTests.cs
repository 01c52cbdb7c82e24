using System.Globalization;
using System.Text.RegularExpressions;
using Ekiben.Broadcasts;
using Ekiben.Commands;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Commands;

public sealed class DemoTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    private Task<CommandRun> RunAsync(params string[] arguments) =>
        EkibenProcess.RunAsync(new Dictionary<string, string?> { ["TMPDIR"] = _folder.Path }, null, Cancel, ["demo", .. arguments]);

    [Fact]
    public async Task It_sends_what_was_approved_accounts_for_everybody_and_leaves_nothing_behind()
    {
        var output = (await RunAsync("--recipients", "300", "--exit", "--urls", "http://127.0.0.1:0")).Succeeded();

        // Every second person is a customer, 21 of them churned. Of the six who unsubscribed (07 and 57 in each hundred) and the three
        // who bounced (33), all customers, numbers 107 and 233 churned too: who is excluded counts there first.
        Assert.Equal((150, 21, 5, 2, 122, 122), ReceiptIn(output, "Campaign #4"));
        Assert.Equal((300, 0, 6, 3, 291, 291), ReceiptIn(output, "Campaign #5"));
        Assert.Contains("413 messages accepted, 413 in the mailbox.", output, StringComparison.Ordinal);
        Assert.Contains("Everything adds up.", output, StringComparison.Ordinal);
        foreach (var draft in (string[])["#1", "#2", "#3a", "#3b"])
        {
            Assert.Matches($"Waiting for approval[\\s\\S]*Campaign {draft}:[^\\n]* [1-9][0-9]* ", output);
        }

        Assert.Matches("Platform  http://127\\.0\\.0\\.1:[0-9]+/login/[A-Za-z0-9_-]{40,} ", output);
        Assert.Matches("Mailbox   http://127\\.0\\.0\\.1:[0-9]+/mailbox\\n", output);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path, "ekiben-*"));
    }

    [Theory]
    [InlineData("--recipients takes 1 to 1,000,000", "--recipients", "0")]
    [InlineData("--recipients takes 1 to 1,000,000", "--recipients", "1000001")]
    [InlineData("Cannot parse argument 'x'", "--recipients", "x")]
    [InlineData("--relay: demo works on a folder of its own", "--relay", "smtp://localhost:2525")]
    [InlineData("--urls: \"ftp://x\" must look like", "--urls", "ftp://x")]
    public async Task Wrong_usage_is_one_line_and_leaves_nothing_behind(string sentence, params string[] arguments)
    {
        Assert.Contains(sentence, (await RunAsync(arguments)).FailedWith(2), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path, "ekiben-*"));
    }

    [Fact]
    public async Task A_taken_port_that_was_asked_for_is_one_line_and_leaves_nothing_behind()
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();

        Assert.Contains("the port is taken", (await RunAsync("--exit", "--urls", $"http://{taken.LocalEndpoint}")).FailedWith(1), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path, "ekiben-*"));
    }

    [Fact]
    public void What_does_not_add_up_is_named()
    {
        var sent = Account("sent", recipients: 5);
        var draft = Account("draft", recipients: 0);
        Assert.Null(WhatIsWrong(sent, draft, mailbox: 5));

        Assert.Equal("One is held and not sent", WhatIsWrong(sent with { Status = "held" }, draft, mailbox: 5));
        Assert.Equal("One has a receipt that does not add up", WhatIsWrong(sent with { Balanced = false }, draft, mailbox: 5));
        Assert.Equal("One was accepted for 4 of 5 recipients", WhatIsWrong(sent with { Accepted = 4, Refused = 1 }, draft, mailbox: 4));
        Assert.Equal("One had no recipients", WhatIsWrong(Account("sent", recipients: 0), draft, mailbox: 0));
        Assert.Equal("Two was approved by nobody and is sending", WhatIsWrong(sent, draft with { Status = "sending" }, mailbox: 5));
        Assert.Equal("Two is a draft with a receipt that is not all zero", WhatIsWrong(sent, draft with { Matched = 1, Excluded = 1 }, mailbox: 5));
        Assert.Equal("5 messages were accepted and the mailbox took 6", WhatIsWrong(sent, draft, mailbox: 6));
    }

    private static string? WhatIsWrong(Receipt sent, Receipt draft, long mailbox) => new DemoOutcome(
        [new DemoAccount("One", sent)], [new DemoDraft(new DemoCampaign("Two", DemoFate.Draft, []), draft, 5)], new DemoMailbox(mailbox, mailbox)).WhatIsWrong();

    private static Receipt Account(string status, long recipients) => new()
    {
        BroadcastId = "1",
        Status = status,
        Matched = recipients,
        Excluded = 0,
        Unsubscribed = 0,
        SuppressedBefore = 0,
        DuplicateAddresses = 0,
        Recipients = recipients,
        Pending = 0,
        Sending = 0,
        Deferred = 0,
        Accepted = recipients,
        Refused = 0,
        Expired = 0,
        Suppressed = 0,
        RenderFailed = 0,
        Canceled = 0,
        Uncertain = 0,
        UncertainEver = 0,
        Resent = 0,
        Balanced = true,
    };

    private static (int Matched, int Excluded, int Unsubscribed, int Suppressed, int Recipients, int Accepted) ReceiptIn(string output, string campaign)
    {
        var table = Regex.Match(output, Regex.Escape(campaign) + "[^\\n]*, sent [\\s\\S]*?balanced[^\\n]*yes").Value;
        return (Number("matched"), Number("- excluded"), Number("- unsubscribed"), Number("- suppressed_before"), Number("= recipients"), Number("  accepted"));

        int Number(string name) =>
            int.Parse(Regex.Match(table, Regex.Escape(name) + "[^0-9\\n]+([0-9,]+)").Groups[1].Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
    }
}
