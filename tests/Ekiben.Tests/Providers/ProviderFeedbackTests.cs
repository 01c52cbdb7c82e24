using Ekiben.Providers;

namespace Ekiben.Tests.Providers;

public class ProviderFeedbackTests
{
    [Theory]
    [InlineData(SmtpPhase.Rcpt, 421, "", ProviderVerdict.WantsLess)]
    [InlineData(SmtpPhase.Rcpt, 421, "4.7.28", ProviderVerdict.WantsLess)]
    [InlineData(SmtpPhase.Rcpt, 450, "4.7.1", ProviderVerdict.WantsLess)]
    [InlineData(SmtpPhase.Dot, 451, "4.4.5", ProviderVerdict.WantsLess)]
    [InlineData(SmtpPhase.Data, 421, "4.7.0", ProviderVerdict.WantsLess)]
    [InlineData(SmtpPhase.Rcpt, 452, "4.2.2", ProviderVerdict.Nothing)]
    [InlineData(SmtpPhase.Dot, 451, "4.3.0", ProviderVerdict.Nothing)]
    [InlineData(SmtpPhase.Mail, 421, "4.7.0", ProviderVerdict.Nothing)]
    internal void A_deferral_is_about_the_provider_or_not(SmtpPhase phase, int code, string enhanced, ProviderVerdict verdict) =>
        Assert.Equal(verdict, ProviderFeedback.Of(new DeliveryOutcome.Deferred(phase, new SmtpReply(code, enhanced, "later"))));

    [Theory]
    [InlineData(SmtpPhase.Connect, ProviderVerdict.Nothing)]
    [InlineData(SmtpPhase.Mail, ProviderVerdict.Nothing)]
    [InlineData(SmtpPhase.Rcpt, ProviderVerdict.WantsLess)]
    [InlineData(SmtpPhase.Data, ProviderVerdict.WantsLess)]
    [InlineData(SmtpPhase.Body, ProviderVerdict.Nothing)]
    internal void A_connection_closed_after_the_recipient_was_named_is_a_rude_421(SmtpPhase phase, ProviderVerdict verdict) =>
        Assert.Equal(verdict, ProviderFeedback.Of(new DeliveryOutcome.NotSent(phase, "closed")));

    [Fact]
    public void Only_a_message_taken_is_praise()
    {
        Assert.Equal(ProviderVerdict.Took, ProviderFeedback.Of(new DeliveryOutcome.Accepted(new SmtpReply(250, "2.0.0", "ok"))));
        Assert.Equal(ProviderVerdict.Nothing, ProviderFeedback.Of(new DeliveryOutcome.Refused(SmtpPhase.Rcpt, new SmtpReply(550, "5.7.1", "no"))));
        Assert.Equal(ProviderVerdict.Nothing, ProviderFeedback.Of(new DeliveryOutcome.Uncertain(SmtpPhase.Dot, "silent")));
    }
}
