using Ekiben.Sink;

namespace Ekiben.Tests.Sink;

public class FaultRuleTests
{
    [Fact]
    public void A_full_rule_is_read()
    {
        Assert.Equal(
            new FaultRule
            {
                Phase = FaultPhase.Rcpt,
                Action = FaultAction.Reply,
                Reply = "450 4.2.1 Mailbox busy",
                Rate = 0.25,
                Every = 2,
                First = 10,
                After = 3,
                Messages = 4,
                To = "*@bad.example",
                Greylist = TimeSpan.FromSeconds(300),
                Above = 2,
            },
            FaultRule.Parse("RCPT:450 4.2.1 Mailbox busy:rate=0.25,every=2,first=10,after=3,messages=4,to=*@bad.example,greylist=300,above=2"));
    }

    [Theory]
    [InlineData("connect:rst", FaultPhase.Connect, FaultAction.Rst)]
    [InlineData("greeting:stall", FaultPhase.Greeting, FaultAction.Stall)]
    [InlineData("body:close:every=2", FaultPhase.Body, FaultAction.Close)]
    [InlineData("auth:delay=20", FaultPhase.Auth, FaultAction.Delay)]
    [InlineData("close-after=7", FaultPhase.Dot, FaultAction.CloseAfter)]
    [InlineData("dot:accept-then-close", FaultPhase.Dot, FaultAction.Close)]
    [InlineData("data:554", FaultPhase.Data, FaultAction.Reply)]
    internal void Phases_and_actions_are_read(string text, FaultPhase phase, FaultAction action)
    {
        var rule = FaultRule.Parse(text);
        Assert.Equal((phase, action), (rule.Phase, rule.Action));
        Assert.Equal(text.Contains("accept", StringComparison.Ordinal), rule.AcceptFirst);
    }

    [Theory]
    [InlineData("", "write it as PHASE:ACTION")]
    [InlineData("rcpt", "write it as PHASE:ACTION")]
    [InlineData("4:450", "no phase")]
    [InlineData("mail,rcpt:450", "no phase")]
    [InlineData("rcpt:", "no action")]
    [InlineData("rcpt:250", "no action")]
    [InlineData("rcpt:4500", "no action")]
    [InlineData("rcpt:450 5.1.1", "no action")]
    [InlineData("rcpt:450 4.1", "no action")]
    [InlineData("rcpt:close=1", "no action")]
    [InlineData("rcpt:delay=soon", "whole number of milliseconds")]
    [InlineData("rcpt:delay=99999999999", "whole number of milliseconds")]
    [InlineData("mail:accept-then-close", "belongs to the dot")]
    [InlineData("mail:close-after=3", "belongs to the dot")]
    [InlineData("close-after=0", "whole number from 1")]
    [InlineData("close-after=3:rate=0.1", "takes no keys")]
    [InlineData("rcpt:450:rate=2", "rate must be")]
    [InlineData("rcpt:450:rate=0", "rate must be")]
    [InlineData("rcpt:450:every=0", "every must be")]
    [InlineData("rcpt:450:first=-1", "first must be")]
    [InlineData("rcpt:450:sometimes", "no key")]
    [InlineData("rcpt:450:to=", "to needs a pattern")]
    [InlineData("mail:450:to=*", "none yet at mail")]
    [InlineData("dot:450:greylist=1", "use it with rcpt")]
    [InlineData("rcpt:450\r\n250 OK", "one line")]
    public void A_bad_rule_gets_one_sentence(string text, string part)
    {
        Assert.False(FaultRule.TryParse(text, out _, out var error));
        Assert.Contains(part, error, StringComparison.Ordinal);
        Assert.EndsWith(".", error, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => FaultRule.Parse(text));
    }
}
